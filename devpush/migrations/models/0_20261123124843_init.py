from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "installation" (
    "id" VARCHAR(8) NOT NULL PRIMARY KEY,
    "key_check" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE "installation" IS 'This installation: one row. Its id marks everything we make on the Docker engine.';
CREATE TABLE IF NOT EXISTS "sign_in_link" (
    "id" UUID NOT NULL PRIMARY KEY,
    "token_hash" VARCHAR(64) NOT NULL UNIQUE,
    "email" VARCHAR(320) NOT NULL,
    "operator" BOOL NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "used_at" TIMESTAMPTZ
);
COMMENT ON TABLE "sign_in_link" IS 'A link that signs in once: by mail, or the operator''s, printed at start. Only its token''s hash is here.';
CREATE TABLE IF NOT EXISTS "team" (
    "id" UUID NOT NULL PRIMARY KEY,
    "slug" VARCHAR(40) NOT NULL UNIQUE,
    "name" VARCHAR(120) NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS "user" (
    "id" UUID NOT NULL PRIMARY KEY,
    "email" VARCHAR(320) NOT NULL UNIQUE,
    "name" VARCHAR(120) NOT NULL,
    "is_operator" BOOL NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS "member" (
    "id" UUID NOT NULL PRIMARY KEY,
    "role" VARCHAR(6) NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "team_id" UUID NOT NULL REFERENCES "team" ("id") ON DELETE CASCADE,
    "user_id" UUID NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_member_team_id_80ee76" UNIQUE ("team_id", "user_id")
);
COMMENT ON COLUMN "member"."role" IS 'member: member\nadmin: admin\nowner: owner';
CREATE TABLE IF NOT EXISTS "project" (
    "id" UUID NOT NULL PRIMARY KEY,
    "slug" VARCHAR(40) NOT NULL UNIQUE,
    "name" VARCHAR(120) NOT NULL,
    "repo_url" VARCHAR(2048) NOT NULL,
    "repo_local" BOOL NOT NULL,
    "repo_username" VARCHAR(255) NOT NULL,
    "repo_token" BYTEA,
    "preset" VARCHAR(40) NOT NULL,
    "runner" VARCHAR(40) NOT NULL,
    "root_dir" VARCHAR(512) NOT NULL,
    "install" TEXT NOT NULL,
    "build" TEXT NOT NULL,
    "pre_deploy" TEXT NOT NULL,
    "start" TEXT NOT NULL,
    "dependency_files" JSONB NOT NULL,
    "health_path" VARCHAR(512) NOT NULL,
    "cpu_quota" INT NOT NULL,
    "memory_mb" INT NOT NULL,
    "subnet" VARCHAR(18) UNIQUE,
    "removing_at" TIMESTAMPTZ,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "created_by_id" UUID REFERENCES "user" ("id") ON DELETE SET NULL,
    "team_id" UUID NOT NULL REFERENCES "team" ("id") ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS "idx_project_team_id_f71e6f" ON "project" ("team_id", "slug");
CREATE TABLE IF NOT EXISTS "environment" (
    "id" UUID NOT NULL PRIMARY KEY,
    "name" VARCHAR(60) NOT NULL,
    "slug" VARCHAR(40) NOT NULL,
    "color" VARCHAR(20) NOT NULL,
    "branch" VARCHAR(255) NOT NULL,
    "position" INT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "project_id" UUID NOT NULL REFERENCES "project" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_environment_project_b1150f" UNIQUE ("project_id", "slug")
);
COMMENT ON TABLE "environment" IS 'Where a push goes: `production`, or another with a branch pattern (exact, or with one `*`).';
CREATE TABLE IF NOT EXISTS "deployment" (
    "id" UUID NOT NULL PRIMARY KEY,
    "number" BIGINT NOT NULL,
    "trigger" VARCHAR(20) NOT NULL,
    "branch" VARCHAR(255) NOT NULL,
    "commit_sha" VARCHAR(64) NOT NULL,
    "commit_message" TEXT NOT NULL,
    "commit_author" VARCHAR(255) NOT NULL,
    "config" JSONB NOT NULL,
    "variables" BYTEA NOT NULL,
    "state" VARCHAR(20) NOT NULL,
    "reason" TEXT NOT NULL,
    "holder" UUID,
    "attempts" INT NOT NULL,
    "image" VARCHAR(255),
    "image_reused" BOOL NOT NULL,
    "build_key" VARCHAR(64),
    "address" VARCHAR(15),
    "health" VARCHAR(20) NOT NULL,
    "health_note" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "building_at" TIMESTAMPTZ,
    "starting_at" TIMESTAMPTZ,
    "routing_at" TIMESTAMPTZ,
    "finished_at" TIMESTAMPTZ,
    "created_by_id" UUID REFERENCES "user" ("id") ON DELETE SET NULL,
    "environment_id" UUID REFERENCES "environment" ("id") ON DELETE SET NULL,
    "project_id" UUID NOT NULL REFERENCES "project" ("id") ON DELETE CASCADE,
    "source_id" UUID REFERENCES "deployment" ("id") ON DELETE SET NULL,
    CONSTRAINT "uid_deployment_project_9ff208" UNIQUE ("project_id", "address")
);
CREATE INDEX IF NOT EXISTS "idx_deployment_project_3b99b4" ON "deployment" ("project_id", "number");
CREATE INDEX IF NOT EXISTS "idx_deployment_project_a85cef" ON "deployment" ("project_id", "environment_id", "branch");
CREATE INDEX IF NOT EXISTS "idx_deployment_project_d523a3" ON "deployment" ("project_id", "build_key");
COMMENT ON COLUMN "deployment"."state" IS 'queued: queued\nbuilding: building\nstarting: starting\nrouting: routing\nsucceeded: succeeded\nfailed: failed\ncancelled: cancelled\nskipped: skipped';
CREATE TABLE IF NOT EXISTS "alias" (
    "id" UUID NOT NULL PRIMARY KEY,
    "label" VARCHAR(63) NOT NULL UNIQUE,
    "kind" VARCHAR(20) NOT NULL,
    "branch" VARCHAR(255),
    "act" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "deployment_id" UUID REFERENCES "deployment" ("id") ON DELETE SET NULL,
    "environment_id" UUID REFERENCES "environment" ("id") ON DELETE SET NULL,
    "previous_id" UUID REFERENCES "deployment" ("id") ON DELETE SET NULL,
    "project_id" UUID NOT NULL REFERENCES "project" ("id") ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS "idx_alias_project_e86943" ON "alias" ("project_id", "kind");
COMMENT ON COLUMN "alias"."kind" IS 'production: production\nenvironment: environment\nbranch: branch\ndeployment: deployment';
COMMENT ON TABLE "alias" IS '`<label>.<DEPLOY_DOMAIN>`.';
CREATE TABLE IF NOT EXISTS "session" (
    "id" UUID NOT NULL PRIMARY KEY,
    "token_hash" VARCHAR(64) NOT NULL UNIQUE,
    "ip" VARCHAR(45) NOT NULL,
    "user_agent" VARCHAR(300) NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "used_at" TIMESTAMPTZ NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "session" IS 'A browser that is signed in; the cookie holds a token of which only the hash is here.';
CREATE TABLE IF NOT EXISTS "variable" (
    "id" UUID NOT NULL PRIMARY KEY,
    "key" VARCHAR(100) NOT NULL,
    "value" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "environment_id" UUID REFERENCES "environment" ("id") ON DELETE CASCADE,
    "project_id" UUID NOT NULL REFERENCES "project" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "variable" IS 'An environment variable; `environment` null means all of them.';
CREATE TABLE IF NOT EXISTS "aerich" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "version" VARCHAR(255) NOT NULL,
    "app" VARCHAR(100) NOT NULL,
    "content" JSONB NOT NULL
);"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        """


MODELS_STATE = (
    "eJztXVlz2zgS/isovUyy5fVasux4PalUybFnxjuOnYqVueIpmqJgCSsSYHjYUWXz3xcASf"
    "EERciiRDF4iRmgm6S+xtHd6G5+7VhkDE13f2Ai3e2cgq8drFuQXqQ79kBHt+24mTV4+sjk"
    "lPqCZOR6jm54tPFBN11Im8bQNRxke4hgRnr/2tRH0Hyz//r84v3VzZ/a+c27weX1m/t9xj"
    "8mBr0BwpPlpD5Gn32oeWQCvSl0KMOnv2kzwmP4BbIf8ulTx3bIfyF9G9o+ox2dvxmFPdMe"
    "EDTHqd+KxoyIt2ve3OZtHz9env/EKdmbjTSDmL6FY2p77k0JXpD7PhrvMx7WN4EYOroHxw"
    "kksG+aIWJRU/AjaIPn+HDx9uO4YQwfdN9keHZeP/jYYDAC/iT2T/9N+GoJMk27vhlqtxdD"
    "Tevk4GevkIE5bDIIZqJD2OOD4Ftw3xiQYGiwB7z9ZfDhxeHxSw4Bcb2Jwzs5XJ1vnFH39I"
    "CVyyFGmcszD/Tbqe4UA71gyGBNX7UelCOAaoC0Y+lfNBPiiTel/z0+LIH4t8EHjvLxIUeZ"
    "0CkVTLTrsKfHuxjYMbh8hBdie4F9i+N7SV9IxwbM4RzxrgfmqCHGOV4MVgeazeaxz2fAKY"
    "iv7zDEj8gh2ILYOwWJ/9zhkUN/7fQUBH/v6OvYJpkHhPF1duGpIr7eQQXx9Q6E4mNdafEF"
    "7ygzOWKOlcQWjv2apbbi9OgdHVUB+OhIjDDrS0OsB1tBGt8zNLnEXjHCIUMGXhQMmTpmxU"
    "Fd4E7YG/zz373e4eGr3sHh8clR/9Wro5ODE0rLXzff9apEAGeXP19eD9PQs4Y03oYDGT6a"
    "XgD7Oe3xkAWLgU9zZvAfh6z70UVz1qjqAqE/cHyDzXk4EUuwHl6+u7gdDt69Z4+zXPezyf"
    "EbDC9YT4+3zjOtL44z82JxE/D75fAXwP4L/rq5vshu4gu64V8d9k667xENkydNHyf2y6g1"
    "Qi0l9Xhh1eS0qhzjMxSshi1uz1GnYmQTe5sktHlOhW0aW9uBj4j4riSwGTaFahZVboBJg5"
    "rkWqeZtbOgMsP1YVZoVCWM3DTAPxEHogn+Fc5zyn8G09DSfx/faTeBjVvjCeXoTwt7PzOy"
    "KAL0d0Mv0LMHt28H5xcd0Yq7Bnwv0nfbyQVhKcT5rSYFM30NcP3x6qoj0BnWAPN56mbtRD"
    "mnK1UAOdqrFMQV14rU1i4AmC3MI92YPenOWEut0KyH9EimZUGb77J6VrZFx/qEI8R+Cnvx"
    "PP4FHtu0dMRu2/SsW+q7FSNc4ItNOV+p8UC3Mzfwv4o8tNi3RpSXkqSaM0tw6PTIUo18RM"
    "fzDM6Vj3fLPt5QjDmky/wsMc/mXC11Gvdb8bbQd5pMipAXexATLJvz/HZs353WNaZb56Vt"
    "3Niu301rEMtCnuZOdRmc01wtxPq4X+XEqC8+MeoLgLbo1kzVjDzYQ/hFsGDnOTe4fmxhPx"
    "xe/DFMuV8jWF+8G/zxMuWCvbq5/jkiT4jh7dXNWTH8uk+Rk1q2c4wtAH8j6wp+QJM80P+5"
    "vbkWAR1xZI8gkOGB/wETubXpJwldkCm3HsLuPnvsNtRBhlD58M+O9IzeyG6QHf6PuoMYQA"
    "X26C00HChYelJsGxz4X79tAfizP4cXgwxu1Db3Chbragf9C+YNIkdJfTiWRC/kOgXB3zvM"
    "LTwK4ymIru7Yj3Q83hZd3WGH+EFTeEGpfMOAcMxutri8ww86MllT8PcOGwwvkzctLinvDN"
    "k25wwuOo3QQh2ouxQliQ075mjBXrHpjXpKzHGRYSV2HsQc6kQoE4PhedCyvYJFXxyFkWBp"
    "TShGr9t/1T85PO4vfAKLljJXQN7sR1ah7i7WHhcMKmqoktrI8dIc6LuwwIF4RogJdVwCdY"
    "I1g/iI8tY1fBctG1ZYbm6uUuvv2WV2gf347uziw4suFwElQp7AnxW7dCUGd4qpfQN8/T6A"
    "yDUvgXGCpX0Id6usIF3xAtLNrR9TqJuelMsw5miBsla3LhyApWFSZBSJFeIMWwuA3rj7Sk"
    "V3fofRnZHxvYLYM6xrkHvDdpIdEXOESamcI4fKCnLOsCo5N1nOoZdsBTGnOZWUmyzlB4SR"
    "O11ps86wKjk3Wc6RZjWaS4Zc5xiV31LlXqgsgR0G1SW+Y0BJTFNMapiqvAuVd7ErEK+Udx"
    "Fv+2uA+aMLd9D9WxXfnIZUAd5gOV0DtN9DvkVq75HOtkicaLBiNEVRRWch40+/foCmzn+G"
    "EPBF0Zt2YJ02BoljQUdTOC3BySA2ei4+bZy43+rMbEru1QWpTZmtXJzblNEglhem+n0KHQ"
    "h0wLITwIRA9xTcx1Vm7vcAcYCOCctvAk/Im1LSILQf2CxAxcHgBfxCn8AJOQHBENz/4/5l"
    "vrJVzc9alo7lmv4kl4ul0qa2mzalW1JRPBF9GxMdqpwRH4vPiI9zZ8R8wEuAG9G3ENx+FX"
    "D7YnD7OXApbLLpC+bG0xboTIS4rhVBJZ3tfpQfXa5RpMpVjEtNsqi4VFX8S4WHKFe+cjw3"
    "y6lUxfGsnEprcJbEtUSUx6QcqZK8Rxmcfgtv0yKU6vQr8cXQDEEtcCyl+vfKPEsoS7nUtT"
    "ScIhck2U65v8YhT/vg0qNdY2DpzswF8BE6VNgUPPAEadsMUkLgTSE4J8YMOoCqwAjDvEOp"
    "licsr7Au5TMqyUhaY+3pBpX4PqlgpZwIbZSTl0s8RjM414wpNGZ5qMvyp1NsrbAOJfOnlW"
    "EiHr/tMkxyOrRY06tz63kHeXWrgk0n7CndbqyYZs0F2jyoW3ydZ+f26jigUccBDjFXrvEQ"
    "8W7QvRoPUpkSDwHXKQj+3mF9bCGqufA/d3QiY9bJ/2QVnkrHCFVOEcSHCDk3t9o2vpNtI1"
    "VUj66Rks6sBIvyZGUmEdtqJOFMsCg4yx2D0Yb+TK/gMLzNbkK61CWYmJ/LA1F9t6jwS12h"
    "kbsKaWKOyrpY61S8I/d2gead8HyLVe9kBeO16t4ZXTtWxePIHKV7b0333m60SIMcWOuPFV"
    "FRTnGhkUpxIt2SQJFuUWE4m2i+I/WNxSRPC3HuHfSrOGIZWUlITv+kEGqTGHoB2KVFodKM"
    "qiSUREmoYKhSZUN2HckxtqDeywaCojhsHpnBgrCosjOGNF8bikRJnjHYVNuABY4i8QiNOV"
    "o3NNevRjg+xnJfOog5WrjF1QAwIZ42RnIQJ3haN4aPur0KGFMqIci8L1NZMjiwz4MsLluW"
    "YGkBxmWO4jpKlvEKVDJwLxgU2NJg0x1NC6LCZBBPcynYpWHn1bdkEF8wKLClwaYjFdLfiY"
    "05fWZhSJ/44xJFvM34zAR7Xms+MxEW+rT1VWqwLtg2ODf+tcMajWH72mefeAVfbhKm0aR4"
    "2vT9t7Wl0ljQIs5cs0YSqKZ4FKoFqLr+CMvZ6DHHWlwaDfL0d6u4SLtiB2m3wD1qkccVC0"
    "umWVXFwV2oOKjCor6nsCjfHq8o9TSnknpTpF4w2fMFcVR10Zri4lSYoYqL23YQl1RcnCoc"
    "uPbCgY1LQ96VgdyAPOSdhCpRIu2ZWMkVWN1JsDaftb0zMNUZwnsLXVeQsR117ZWF8LoJoq"
    "V52gMwcsgT3YyAN9U9gFzg0n0MjgHCP/IcaYOQGYKAfd3TBTrgES6APICnKTJYDT5zzsmm"
    "ujtl3KzKXz5Xu7anrDlfWwUWrzuwmEtSY3KT8TqmuVoXZLz+TxoiWwbegLoFZ5+ZmKAq4Y"
    "B9cTRgPxcMyJM86CpdVJJdDG+aq3UwHx5Uib2iVEKgeZ9KNW23d62ST9VdzaHqtlneOyLf"
    "Skcl8IuN6O1WkHGaU4m50WJWOc51+nJVQu4OJ+TeUhld4iuEZ50igz7u3Su16SmdhrBmRp"
    "QVDHtGG9jbjJvVSqOGtAFPwWgOLB2ZvJI+s6qJzcYDcX5w94BNZUGHBmBcLEhyHzDNAyDP"
    "DYzyH9ylpv7GnquM/wasW3vK+N+28Q/ZrJJBeMHQwsSgw0o5xoclOcaH+RzjaKUqcISXpb"
    "0m2VTSq0TSq/IGiEd7e70BylhcZdo1ScpVjcXtO32aGVixs/LNWa/bMbZ4uFKBmRWFMYkN"
    "rCheqtaiR8ocUUWOmmCCqCJHu1bkSCnEYvTbpRBL7KSpbLkRdJ4ZpxVX5t6xEVApmC0sbP"
    "hMjNr39aBaQ9n4kUOBPhYdRYj1sejMQ+lj7dXHtu23bJBGVovXsvlK2YYilmpRyZCrregW"
    "znAqz7DyDCtFeD2KsPokX1V9ODQZpshWZkODzIZdHEphwskzMUrktrRlINVpWi2yqgrMq2"
    "TGldjEekxSLY8nwiCRPAci5h/BfaL5nr8lsKjq4wKdXpEHFuljFYQJPft2yrxruHk3gwWJ"
    "0mLrIyRvo0e4UsJEtyRhoptPmHjUTb/AuisrUb1gaQXGZfaG+gSm1Ghtl+Ggiva0WeoFIQ"
    "hlWf6SWQl5TlW2J1vimJsykrimuVTCR3nCR+IjXM/M+WjfedVeJu0jPbKWV/GB6bodz8RX"
    "rgpIMxeEpRDnF8UmJdgMoIOMaafADA579sqMYD2macxJo7DAbeHqWVDZNhRic8++1lLWVm"
    "x5PkInciVVtT4TLK2wjjbwpSQ2qSQQDslbiG4t9j19ole4R4mr6ydYNl9Ufzs61trK5281"
    "gPnb/wHQQaqe"
)
