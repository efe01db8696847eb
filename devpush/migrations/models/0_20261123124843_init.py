from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "installation" (
    "id" VARCHAR(8) NOT NULL PRIMARY KEY,
    "key_check" TEXT NOT NULL,
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
    "repo_token" TEXT,
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
    "variables" TEXT NOT NULL,
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
    "value" TEXT NOT NULL,
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
    "eJztXetz2zYS/1cw+tLkxuezZNnxuZnM2LHT+upHJlbaXuMOTVGwhIoEGD7saNL87wVAUn"
    "wBFCmLEsXgS8wAuyT1Wzx2F7vLrx2LjKDp7p6YSHc7x+BrB+sWpBfpjh3Q0W07bmYNnj40"
    "OaU+Jxm6nqMbHm180E0X0qYRdA0H2R4imJHevzb1ITTf7L4+O39/efN/7ezm6uTi+s39Lu"
    "MfEYPeAOHxYlIfo88+1Dwyht4EOpTh05+0GeER/ALZD/n0qWM75C9I34a2T2lH509GYU+1"
    "BwTNUeq3ohEj4u2aN7N528ePF2fvOCV7s6FmENO3cExtz7wJwXNy30ejXcbD+sYQQ0f34C"
    "iBBPZNM0Qsagp+BG3wHB/O334UN4zgg+6bDM/O6wcfGwxGwJ/E/um/CV8tQaZp1zcD7fZ8"
    "oGmdHPzsFTIwh00GwUx0CHt8EHwL7hsDEgwN9oC3P598eLF/+JJDQFxv7PBODlfnG2fUPT"
    "1g5XKIUebyzAP9dqI7YqDnDBms6avWg3IEUA2Qdiz9i2ZCPPYm9L+H+wUQ/3rygaN8uM9R"
    "JnRKBRPtOuzp8S4GdgwuH+FCbM+xb3F8L+gL6diAOZwj3tXAHDXEOMeLwfJAs9k88vkMOA"
    "bx9R2G+BE5BFsQe8cg8Z87PHTor50cg+DvHX0d2ySzgDC+zi48ZcTX2yshvt6eVHysKy2+"
    "4B2rTI6YYymxhWO/ZqktOT16BwdlAD44kCPM+tIQ68FWkMb3FI0vsCdGOGTIwIuCIVPHrN"
    "irC9wxe4N//7fX299/1dvbPzw66L96dXC0d0Rp+evmu14VCOD04qeL60EaetaQxttwIMNH"
    "0wWwn9EeD1lQDHyaM4P/KGTdjS6as0aVFwj9gaMbbM7CiViA9eDi6vx2cHL1nj3Oct3PJs"
    "fvZHDOenq8dZZpfXGYmRfzm4DfLgY/A/Zf8MfN9Xl2E5/TDf7osHfSfY9omDxp+iixX0at"
    "EWopqccLq1ZNq8oxPkPBatji9hx1KkY2sbdVhDbPqbBNY2s78BER360IbIZNoZpFlRtglU"
    "FNcq3SzNpaUJnh+jAVGlUJIzcN8DviQDTGv8BZTvnPYBpa+u/jO20nsHFrPKEc/Wlu72dG"
    "FkWA/m7oBXr2ye3bk7PzjmzFXQG+5+m7beWCsBDi/FaTgpm+Brj+eHnZkegMK4D5LHWzdq"
    "Kc05VKgBztVQrikmtFamuXAMwW5qFuTJ90Z6SlVmjWQ3ok0zKnzXdZPSvbomN9zBFiP4W9"
    "eB5/gcc2LR252zY96xb6buUIC3yxKecrNR7oduYG/leZhxb71pDyUpJUc2YJDp0eWaqhj+"
    "h4nsKZ8vFu2McbijGHdJGfJeZZn6ulTuN+I94W+k7jsQh5uQcxwbI+z2/H9t1JXWO6dV7a"
    "xo3t+t20BrEs5GnuRK+Cc5qrhVgf9sucGPXlJ0Z9CdAW3ZqpmpEHewC/SBbsPOca148N7I"
    "eD898HKfdrBOuLq5PfX6ZcsJc31z9F5AkxvL28ORXDr/sUuUrLdo6xBeCvZV3BD2icB/p/"
    "tzfXMqAjjuwRBDI88DcwkVubfpLQBZly6yHs7rLHbkIdZAgVD//sSM/ojewG2eH/qDuIAS"
    "SwR2+h4UDJ0pNiW+PA//qtLesONe49wWpfLlJgzrxG6CmpD0cV4Q+5jkHw9w5zE5HK4RhE"
    "V3fsRzoeb4uu7rBD/KApvKBUvmFAOGI3m1/e4Qcdmawp+HuHDYaXyZvml5R3imybcwYXnU"
    "aosQ7UXYpShR0/5mjBZrPuGTch5khkmcm9DzGHOlLKBHF4HrRsT7BryMM4EiytieXodfuv"
    "+kf7h/25U2HeUuRLyPsNkCVU/uXq55xBhR2V0js5XpoDfRcKPJCnhJhQxwVQJ1gziA8pb1"
    "3Dd96y3pXg9ObmMrX+nl5kF9iPV6fnH150uQgoEfIkDrHYJ1xhcKeY2jfAV+9EiHz7FTBO"
    "sLQP4W6ZFaQrX0C6ufVjAnXTq+RzjDlaoKzVrQsHYGmYiIwiuUKcYWsB0Gv3f6nw0O8wPD"
    "QyvpcQe4Z1BXJv2E6yJWKOMCmUc+RQWULOGVYl5ybLOfSSLSHmNKeScpOl/IAwcidLbdYZ"
    "ViXnJss50qyGs4ox2zlG5bdUyRsqzWCLQXWJ7xiwIqYpJjVMVeKGStzYFoiXStyIt/0VwP"
    "zRhVvo/i2Lb05DKgFvsJyuANrvIWEjtfdUTtdInGiwajaisKTTkPHdLx+gqfOfIQV8XjWn"
    "HVinjUHiWNDRFE4LcDKIjZ6LTxsn7rc6U6OSe7UgNyqzlcuTozIaxOLKVr9NoAOBDlh6Ax"
    "gT6B6D+7hMzf0OIA7QMWEJUuAJeRNKGuQGAJsFqDgYvIBf6BM4IScgGIL7f92/zJfGqvlZ"
    "i/K5XNMf55K5VN7VZvOudKtSFE9E38ZMiTJnxIfyM+LD3BkxH/AVwI3oWwhuvwy4fTm4/R"
    "y4FLaq+Q/m2vMe6EyEuK4VQWWtbX+UH12uUaTKlYxLTbKouFRVPUyFhyhXvnI8N8upVMbx"
    "rJxKK3CWxMVIlMekGKmCxMkqOP0a3qZFKNXpV+KLoRmCKnAspfp3ijxLKEu50LU0mCAXJN"
    "mOub/GIU+74MKjXSNg6c7UBfAROlTYFDzwBGnbFFJC4E0gOCPGFDqAqsAIw7xDqZYnLC7R"
    "XslnVJCRtMLi1Q2qEX5Uwko5ktooRy8XeIymcKYZE2hM81AXJWCn2FphHarA98aIomWWTU"
    "4Jl6uKde5dV5DX1xLsWmFP4X5lxTQrLhHnQd3iGwU7+FfnCY06T3CIuXSRiIh3jf7ZeJBW"
    "qRERcB2D4O8d1kcWoqoP/3NHJzJmnfxPVmMqdQ5R5hhCfgqR85OrbeM72TZSZf3oGlnRG5"
    "ZgUa6wzCRiW01FOBMsCs5iz2K0oT/TrTgIb7OdkC70KSbm5+JIVt8VVY6pK7ZyWyFNzNGq"
    "Pto6Fe/IPy7QvBOuc7nqnayhvFLdO6Nrx6p4HNqjdO+N6d6bDTdpkAds9cEmKkwqrlRSKt"
    "CkWxBp0hVVlrOJ5juVvvKY5Gkhzr29fhlPLiMriOnpHwmhNomhC8AurCqVZlQ1pSrUlAqG"
    "KlU2qq4jOcYWFIxZQ1QVh80jUyiIqyo6pEjztaHK1LoPKWyqrkCBp0k+xGOO1o3t1eshjo"
    "9xtY81xBwt3CNrAJgQTxuhahAneFo3hg+6vRIYUyopyLwvU9syCBnIgywvnJZgaQHG616W"
    "eQ2sKnDPGRTYy+yBWhCXVgXxNJeCfZkC9Y5A85AjPmdQYFcGm45USH8nNmb0mcKgQvn3MU"
    "S8zfhSBntea76UEZYatfVlqsDO2dY4N/6zxRqNYfvaZ594go9PSRN5Ujxt+oTdypJ5LGgR"
    "Z6ZZwwqopngUqgJUXX+Iq9noMcdKfCINOirolvGxduUe1q7Av2qRxyVLW6ZZVc3Dbah5qO"
    "Kqvqe4Kt8eLSn1NKeSelOkLpjs+ZI8qr5pTYF1Kk5RBdZtOgqsUmCdKl248tKFjUuE3paB"
    "3IBM6K2EKlGk7ZlYVSvxupVgrT9vfGtgqjMG+Ba6riRnPOraKYoBdhNECzPFT8DQIU90Mw"
    "LeRPcAcoFL9zE4Agj/yLO0DUKmCAL2fVEX6ICHyADyAJ4myGBVAM0ZJ5vo7oRxszqD+Wzx"
    "2p6y4oxxFZm86shkLkmNya2K1zHN1boo5dV/VBHZVeANqFtw9pmJCSoTT9iXhxP2c9GEPE"
    "uErtKiovByeNNcrYN5f69M7BWlkgLN+1Suaru9a6V8qu5yDlW3zfLeEvmWOiqBX2xEb7eE"
    "jNOcSsyNFrNKkq7Tl6syerc4o/eWyugCXyI87YgM+rh3p9Cmp3QawpoZUZYw7BltYG8zbl"
    "atjRrSBjwGwxmwdGTyWv7MqiY2Gw/E+cHdATaVBR0agHGxIMldwDQPgDw3MMp/cBea+mt7"
    "rjL+G7Bu7Sjjf9PGP2SzqgrCc4YWJgbtl0pS3i9IUt7PJylHK5XAEV6UN5tkU1mzFbJmlT"
    "dAPtrb6w1QxuIy065JUi5rLG7e6dPMwIqtlW/Oet2MscXDlQRmVhTGJDewonipWqsmKXNE"
    "VUlqggmiqiRtW5UkpRDL0W+XQlxhJ01lyw2h88w4rbi095aNgFLBbGFlxGdi1L7vF9Uays"
    "aPHAT6WHQUIdfHojMPpY+1Vx/btN+yQRpZLV7L5itla4pYqkUlQ662pFs4w6k8w8ozrBTh"
    "1SjC6qOAZfXh0GSYIFuZDQ0yG7ZxKIUJJ8/EKJHb0paBVKdpNc+qEphXyYwruYn1mKRaHE"
    "+EQSJ5DkTMP4L7RPM9f0tgUdXHBTq9Ig8s0scShAk9+3bKvGu4eTeFgkRpufURkrfRI1wq"
    "YaJbkDDRzSdMPOqmL7Duimpcz1lagXGReqs+wqksj+UtD1X1p81SF8QwFJUJqJjWkOdUdX"
    "+yNZK5LVQR1zSXyhgpzhhJfAbsmUkj7Tvw2snkjaRH1uIyQDBd+OOZ+FYrI9LMBWEhxPlF"
    "sUkZOifQQcakI7Cjw56dIitaj2kac1QprZArXD0FpXFDITb38GwldXHlpusjdCJfVFnzNc"
    "HSCvNqDd9qYpOqAsIheQvRrcVBQJ/oCfcoeXn+BMv6q/JvRsdaWf39jUZAf/sHh+rxMg=="
)
