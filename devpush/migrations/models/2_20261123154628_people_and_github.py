"""Identities, invitations, GitHub, webhooks and what became of them; for rows that are there, sensible beginnings."""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return r"""
        CREATE TABLE IF NOT EXISTS "github_app" (
    "id" INT NOT NULL PRIMARY KEY,
    "app_id" BIGINT NOT NULL,
    "slug" VARCHAR(120) NOT NULL,
    "name" VARCHAR(255) NOT NULL,
    "client_id" VARCHAR(120) NOT NULL,
    "client_secret" BYTEA NOT NULL,
    "private_key" BYTEA NOT NULL,
    "webhook_secret" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE "github_app" IS 'The App that was made by the manifest flow: one row at most. The GITHUB_APP_* settings win over it.';
        CREATE TABLE IF NOT EXISTS "github_installation" (
    "id" BIGINT NOT NULL PRIMARY KEY,
    "account_id" BIGINT NOT NULL,
    "account_login" VARCHAR(255) NOT NULL,
    "account_type" VARCHAR(40) NOT NULL,
    "suspended_at" TIMESTAMPTZ,
    "created_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE "github_installation" IS 'Our App in an account on GitHub.';
        CREATE TABLE IF NOT EXISTS "github_token" (
    "id" UUID NOT NULL PRIMARY KEY,
    "installation_id" BIGINT NOT NULL,
    "scope" VARCHAR(64) NOT NULL,
    "token" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    CONSTRAINT "uid_github_toke_install_d76d03" UNIQUE ("installation_id", "scope")
);
COMMENT ON TABLE "github_token" IS 'An installation''s token for some repositories and permissions, as long as it is good.';
        CREATE TABLE IF NOT EXISTS "receipt" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "source" VARCHAR(20) NOT NULL,
    "key" VARCHAR(120) NOT NULL,
    "event" VARCHAR(60) NOT NULL,
    "facts" JSONB NOT NULL,
    "project_id" UUID,
    "attempts" INT NOT NULL,
    "received_at" TIMESTAMPTZ NOT NULL,
    "handled_at" TIMESTAMPTZ,
    CONSTRAINT "uid_receipt_source_a1302d" UNIQUE ("source", "key")
);
COMMENT ON TABLE "receipt" IS 'A webhook as it came in, written before it is answered: the work comes afterwards, in the order of the ids.';
        CREATE TABLE IF NOT EXISTS "delivery" (
    "id" UUID NOT NULL PRIMARY KEY,
    "source" VARCHAR(20) NOT NULL,
    "event" VARCHAR(60) NOT NULL,
    "key" VARCHAR(120) NOT NULL,
    "branch" VARCHAR(255) NOT NULL,
    "commit_sha" VARCHAR(64) NOT NULL,
    "commit_message" TEXT NOT NULL,
    "facts" JSONB NOT NULL,
    "verdict" VARCHAR(20) NOT NULL,
    "sentence" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "deployment_id" UUID REFERENCES "deployment" ("id") ON DELETE SET NULL,
    "project_id" UUID NOT NULL REFERENCES "project" ("id") ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS "idx_delivery_project_22f4ca" ON "delivery" ("project_id", "created_at");
COMMENT ON TABLE "delivery" IS 'What became of a push, or of news about its repository, for one project.';
        CREATE TABLE IF NOT EXISTS "email_change" (
    "id" UUID NOT NULL PRIMARY KEY,
    "email" VARCHAR(320) NOT NULL,
    "token_hash" VARCHAR(64) NOT NULL UNIQUE,
    "created_at" TIMESTAMPTZ NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL UNIQUE REFERENCES "user" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "email_change" IS 'A new address that isn''t proved yet; a user has one at most.';
        CREATE TABLE IF NOT EXISTS "identity" (
    "id" UUID NOT NULL PRIMARY KEY,
    "provider" VARCHAR(20) NOT NULL,
    "subject" VARCHAR(255) NOT NULL,
    "login" VARCHAR(255) NOT NULL,
    "email" VARCHAR(320) NOT NULL,
    "access_token" BYTEA,
    "refresh_token" BYTEA,
    "token_expires_at" TIMESTAMPTZ,
    "created_at" TIMESTAMPTZ NOT NULL,
    "used_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_identity_provide_682363" UNIQUE ("provider", "subject"),
    CONSTRAINT "uid_identity_user_id_d13397" UNIQUE ("user_id", "provider")
);
COMMENT ON TABLE "identity" IS 'A way to sign in besides the mailbox: an account elsewhere, known by provider and subject, not by address.';
        CREATE TABLE IF NOT EXISTS "invitation" (
    "id" UUID NOT NULL PRIMARY KEY,
    "email" VARCHAR(320) NOT NULL,
    "role" VARCHAR(6) NOT NULL,
    "token_hash" VARCHAR(64) NOT NULL UNIQUE,
    "created_at" TIMESTAMPTZ NOT NULL,
    "sent_at" TIMESTAMPTZ,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "invited_by_id" UUID REFERENCES "user" ("id") ON DELETE SET NULL,
    "team_id" UUID NOT NULL REFERENCES "team" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_invitation_team_id_215bf0" UNIQUE ("team_id", "email")
);
COMMENT ON COLUMN "invitation"."role" IS 'member: member\nadmin: admin\nowner: owner';
COMMENT ON TABLE "invitation" IS 'Into a team, for whoever owns the address. The row is gone once it was accepted, declined or revoked.';
        CREATE TABLE IF NOT EXISTS "oauth_attempt" (
    "id" UUID NOT NULL PRIMARY KEY,
    "state_hash" VARCHAR(64) NOT NULL UNIQUE,
    "browser_hash" VARCHAR(64) NOT NULL,
    "provider" VARCHAR(20) NOT NULL,
    "purpose" VARCHAR(20) NOT NULL,
    "nonce" VARCHAR(64) NOT NULL,
    "verifier" BYTEA NOT NULL,
    "next" VARCHAR(2000) NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID REFERENCES "user" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "oauth_attempt" IS 'A visit to a provider that has begun: used up by its callback, in the browser that began it.';
        CREATE TABLE IF NOT EXISTS "report" (
    "github_id" BIGINT,
    "reported" VARCHAR(20) NOT NULL,
    "attempts" INT NOT NULL,
    "next_at" TIMESTAMPTZ NOT NULL,
    "given_up" TEXT NOT NULL,
    "deployment_id" UUID NOT NULL PRIMARY KEY REFERENCES "deployment" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "report" IS 'What GitHub was told of a deployment. It is behind as long as `reported` isn''t the deployment''s state.';
        ALTER TABLE "project" ADD "repo_key" BYTEA;
        ALTER TABLE "project" ADD "watch_paths" JSONB NOT NULL DEFAULT '[]';
        ALTER TABLE "project" ADD "repo_public_key" TEXT NOT NULL DEFAULT '';
        ALTER TABLE "project" ADD "hook_secret" BYTEA;
        ALTER TABLE "project" ADD "repo_trouble" TEXT NOT NULL DEFAULT '';
        ALTER TABLE "project" ADD "hook_id" UUID NOT NULL UNIQUE DEFAULT gen_random_uuid();
        ALTER TABLE "project" ADD "github_installation_id" BIGINT;
        ALTER TABLE "project" ADD "avatar" VARCHAR(16);
        ALTER TABLE "project" ADD "polled" BOOL NOT NULL DEFAULT True;
        ALTER TABLE "project" ADD "github_repo_id" BIGINT;
        ALTER TABLE "team" ADD "avatar" VARCHAR(16);
        ALTER TABLE "team" ADD "removing_at" TIMESTAMPTZ;
        ALTER TABLE "user" ADD "avatar" VARCHAR(16);
        ALTER TABLE "user" ADD "username" VARCHAR(40);
        UPDATE "user" SET username = coalesce(nullif(trim(BOTH '-' FROM left(
            regexp_replace(lower(split_part(email, '@', 1)), '[^a-z0-9]+', '-', 'g'), 31)), ''), 'user')
            || '-' || left(md5(id::text), 8);
        ALTER TABLE "user" ALTER COLUMN "username" SET NOT NULL;
        ALTER TABLE "user" ADD CONSTRAINT user_username_key UNIQUE (username);
        ALTER TABLE "user" ADD CONSTRAINT user_username_grammar
            CHECK (username ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$');
        ALTER TABLE invitation ADD CONSTRAINT invitation_email_lower CHECK (email = lower(email));
        CREATE INDEX receipt_unhandled ON receipt (id) WHERE handled_at IS NULL;
        CREATE INDEX invitation_for ON invitation (email);
        CREATE INDEX report_open ON report (next_at) WHERE reported IN ('', 'queued', 'in_progress', 'live');
        ALTER TABLE "user" ADD "removing_at" TIMESTAMPTZ;
        CREATE INDEX IF NOT EXISTS "idx_project_github__37ad5b" ON "project" ("github_installation_id");
        CREATE INDEX IF NOT EXISTS "idx_project_github__a72b95" ON "project" ("github_repo_id");
    """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX IF EXISTS "uid_project_hook_id_3ff34e";
        DROP INDEX IF EXISTS "idx_project_github__a72b95";
        DROP INDEX IF EXISTS "idx_project_github__37ad5b";
        DROP INDEX IF EXISTS "uid_user_usernam_9987ab";
        ALTER TABLE "team" DROP COLUMN "avatar";
        ALTER TABLE "team" DROP COLUMN "removing_at";
        ALTER TABLE "user" DROP COLUMN "avatar";
        ALTER TABLE "user" DROP COLUMN "username";
        ALTER TABLE "user" DROP COLUMN "removing_at";
        ALTER TABLE "project" DROP COLUMN "repo_key";
        ALTER TABLE "project" DROP COLUMN "watch_paths";
        ALTER TABLE "project" DROP COLUMN "repo_public_key";
        ALTER TABLE "project" DROP COLUMN "hook_secret";
        ALTER TABLE "project" DROP COLUMN "repo_trouble";
        ALTER TABLE "project" DROP COLUMN "hook_id";
        ALTER TABLE "project" DROP COLUMN "github_installation_id";
        ALTER TABLE "project" DROP COLUMN "avatar";
        ALTER TABLE "project" DROP COLUMN "polled";
        ALTER TABLE "project" DROP COLUMN "github_repo_id";
        DROP TABLE IF EXISTS "identity";
        DROP TABLE IF EXISTS "github_app";
        DROP TABLE IF EXISTS "report";
        DROP TABLE IF EXISTS "github_token";
        DROP TABLE IF EXISTS "oauth_attempt";
        DROP TABLE IF EXISTS "receipt";
        DROP TABLE IF EXISTS "delivery";
        DROP TABLE IF EXISTS "email_change";
        DROP TABLE IF EXISTS "invitation";
        DROP TABLE IF EXISTS "github_installation";"""


MODELS_STATE = (
    "eJztXWtz2zbW/isYfUmyo9frW5ys2+mMnLipt7aVSZRetu7IlARLWJOAyosUTzf//QXAOw"
    "lShERKFIyZTq2QOLw8uPCc51zwd8ciE2g6Bz0TGU7nHPzdwYYF6Y/0iS7oGPN5fJgdcI2R"
    "yVsaUZOR49rG2KUHHwzTgfTQBDpjG81dRDBrev+9aYyg+cPB9+8vP173fx++79/0rm5/uD"
    "9g8hMyphdAeLq6qYfRXx4cumQK3Rm0qcAff9LDCE/gV8he5I8/OnOb/BfSp6HHH+mJzp+s"
    "xfxx+ICgOUm9K5qwRvz40H2a82Nfvly9/5G3ZE82Go6J6Vk4bj1/cmcER809D00OmAw7N4"
    "UY2oYLJwkksGeaAWLhIf8l6AHX9mD09JP4wAQ+GJ7J8Ox8/+DhMYMR8Dux/53+EDxaotlw"
    "eNsfDD9fDobDTg5+9ggZmINDY4JZ1yHs8kHwzb9uDIg/NNgN3v3U+/Ty5OwVh4A47tTmJz"
    "lcnW9c0HANX5T3Q4wy78880O9mhi0GOhLIYE0ftRmUQ4AagLRjGV+HJsRTd0b/eXZSAvEv"
    "vU8c5bMTjjKhU8qfaLfBmWN+ioEdg8tHuBDbS+xZHN8r+kAGHsMczqFsPTCHB2Kc48Vgfa"
    "DZbJ54fAacg/j3HYZ4gWyCLYjdc5D4xx0e2fRtZ+fA/3tHH2dukie/Yfw7u/BU6b7jwwrd"
    "d3xY2H3sVLr7/GeUmRyxxFrdFoz9hnttzelx/Pp1FYBfvy5GmJ1LQ2z4n4I0vhdoeoVdMc"
    "KBQAZe5A+ZJmbFYVPgTtkT/N+/jo9PTt4cH56cvX19+ubN67eHb2lb/rj5U29KOuDi6sPV"
    "7SANPTuQxntsQ4bP0BDA/p6ecZEFxcCnJTP4TwLRg/BHe9ao6h1CX3DSx+ZTMBFLsB5c3V"
    "x+HvRuPrLbWY7zl8nx6w0u2ZljfvQpc/TlWWZeRBcBv14NfgLsn+A//dvL7Ec8ajf4T4c9"
    "k+G5ZIjJcmhMEt/L8GiIWqrX44V1KKdV5QQ3ULBatrhtok7FyCa+bZLQ5iU1tmls5zZcIO"
    "I5ksBmxDSqWVS5ASYNalKqTjNrb0FlhuvDo9CoShi5aYB/JDZEU/wzfMop/xlMA0v/Y3yl"
    "/QQ2PhpPKNtYRvZ+ZmRRBOh7Q9fXs3uf3/XeX3aKVtwa8L1MX20vF4SVEOc/NSmY6WOA2y"
    "/X150CnaEGmN+nLqYmyjldqQLI4bdKQ1xxrUh92gsAZgvzyBg/Lg17Mkyt0OwMOSaZI1Hb"
    "/Cnr2MoeMbAx5QixV2EPHuFvogW0nzoCvjY61y2jbCfJVitZ219nhgtGcEzvBMgDMMDcc2"
    "ZdQGz2LwyXDjBGxHMBch1gQ/r9Qi6xn7rggbXAEATrbp7jrfPCkoxwwsbUvPBueWGHeLa/"
    "3FTlvmKJNlOW65JftZOLcCH8tBbjGwkoCO9ZFXjPiuE9y8H7CJ9kwA2abw/aTlPLQRrYo0"
    "oD96hk5B61gBdvM8KN0OJjYlnIHTozQwbltJRySJ+dVlkkTosXidMCmC3oOFSpy0M9gF8L"
    "3BB5SQXgLmO8L38bpMjuENaXN73fXqUI7+v+7YeweaIb3l33LzLwP1AFV2D6/Ptz/1aMei"
    "SQdT+gsQv+B0zkNMaUJHS6kYdMF2HngN12F2odA6i8M7K4Z/Q/doFsZ1DLg72PzHqTEFFQ"
    "J6lf5XOoAgexSKsuXmiSMnqJkV5itL+zeLRrf2eu07W/U3uPtgOq9h7txHukvRoNeTV2Rb"
    "pHPSCk3ZP9U0a8p9qtot6LMRbQ3Sl+m37B6Crg+OR2EQmOPWtEZWmT1OGM3zNgVLKtmG0y"
    "GTI2SxPouyXQg27MIV0W3BjLbC++sUkNcychjvSZplMR8sWGbEJkizYW86ttiaPc/9Do1o"
    "1tTQLvylekaWDFOBofRGrRz4jUsp0TVAD8rawr+AFNZXj3WEIT7/UT74aNGEACT8hnOLZh"
    "wdKTEtviwP/72w6Av/h9cNnLsukufTXxcrE6uy4S3iJytKkHJ5LoBVLnwP97h7mFR2E8B+"
    "GvO/aStsuPhb/usE08/1Dwg7byxmMIJ+xi0c87/GAgkx3y/97hMcPL5Iein1T2Ec3nXNL/"
    "0WmFFmpDw6EoSXywYwkFvhXb/lDPiDkRGVbF5EEsoYn0TOKj60JrLnJ/F6c+JkSUyX88Pj"
    "p9c/r25Ow04gSiI2VUQN7sR5ZQdy/WHiMBnapbSW3keA1t6DlQQCBeEGJCA5dAnRDNID6i"
    "sk0N3+jIlhWWfv86tf5eXGUX2C83F5efXh7xLqCNkFvAZ8WUrsTgTgmpN8Dr5wBCal4C44"
    "SIeggfVVlBjooXkKPc+jGDhulKUYaxhALKWtO6sA/WEBORUVSsEGfEFABahxi1Z0lRN8Qo"
    "NL7X6PaMaA393rIvyZ50c4hJaT+HhMoa/ZwR1f3c5n4OWLI1ujktqXu5zb38gDByZmt9rD"
    "Oiup/b3M+hZjV6koxUzQlq3lIXPNLB1XsMqp+WLolpSkgPUx2urosd7QvEaxU7ij/7NcD8"
    "xYF7SP9WxTenIVWAt6iYiM64EACc+vZIZ1skPBqsArwoqugiEPzx50/QNPhrFAIeVZpXA+"
    "u0MUhsC9pDjdMKnIK6VGhTjJJVsBSEaUzmNUCk3vr2TSoBLBncNSe2qDp4INjHcEDo/1aj"
    "+im6kkKISmTJXVoGMt/NDMxDbnJpcsnT3bI8OcgaDsdxy5VF6nqsYBwIHOXAZZXlkINfuK"
    "xI3AJOwBN0vwMG8KjGBGaGw+vH0TYWNUDyhek2vdjqYnQ6ZW6nKXN8fOWBLimJFgoomOZy"
    "UilE4KQkRuAkHyTgkkeIh3RySMVhpKXU2/el/oQiHRLwDEMC4Nc5oldbo9fTkgr2+p70ci"
    "XfEtMvJOnkhMh2tYL94JJlakek+yHfCaFVUC9X10roVzJJiWEnpprrK8SRpJZFJkaaeS4x"
    "MTINK5TBhjYMilSDKYHOObiPdyK753WrDUyYwg+WyJ3Rpn4mOpizfAobg5fwK70Db8gbML"
    "Ph/h/3r0SVsRu916rqIY7pTXOlQ7TJstsqH4YllXQStlfQYKm/hjMf8BLghu0VBPe0Crin"
    "xeCe5sClsMlm25tbz7KnMxHiplYEXSNl/5PS+PYTSJQDXJhGmRTRaZR6g0hNXejIMx0n1S"
    "7LtUqclI6BqMW3Hzqctee6HKmSMj0yOP0SXEYhlKT8+5K80gfk/uSNepwvyrFK8cluGac0"
    "Re7MGw2NoN1KSmkwg4Be1PcwLw0HWMYEgtETPQDpb4weoOOCB5MszzmBY5Nl5GcGTPgD/V"
    "x/uRj2Pn4c/gM40GXpQQ5YIgzIAtoACXzbW7pnzS7wQh1bqBGsqV2vJpKOWq1bF5NHdEQK"
    "Na6yErGxjC4RKwC9WolYTSw1u0GYZkUbruBooqL8qxL+LimkINKNjOQANIcXYsyjXVagMS"
    "eqBOZla6+gSOPcRgv6cuLyRWXoZQSfI3ZLOJoR8rjW4MvLPkcENZlZvHaqRWZuFFNSt7nK"
    "GTwzYAIK7dZUq24FAxZlBVZasn3P5lYltQIN+t94TDzsUvsR+E+QN0OrCNRsQ5YZO9s1Ix"
    "Uxc0rsTb8/5W3OlJy2O9e2O0MgTTJFApdlSanBrKASX/MtWEohcByoNQAP5bYY8xCGJO5j"
    "UInjOXNIX24dlSsrqyvstDkKWqvWxZNMq9aNqdYDlorUKdSp/dNVlGk3ark6iRGDpOr9wg"
    "FcGDwQGzjEgoBlqjrIJSxFmurNEzCHtoUchzZ2usBwgEnwlP1FLGMRTAmZCLIbm7qLMKw4"
    "eatAr3PGhM5BHV/cqvhiQT9JmE95Ya28r+804vNDQoeMBBRU1uvPmYwW5OokZySiBMCS3K"
    "bONlRWz26JxnU1gdhF7pNI3YrOlepaKNmqQrGIpfFEtR7goClThsAIOvQKThADg8wR+Xqe"
    "5CXp7eCS5WR1wSPFD7N4GVYLggrZXENyvBELI+wCDFkQDD2NXCesICEqMLH9ByhK+uLX4G"
    "qZfwl/p+cw5zFqoNW1VqlryY6rqiYkZZT4kDWdVxPOCBlVLBZREeImmFNpjnoH3PQ+78K6"
    "D8VutoRvI6Vu6DeafmOHa5gVWUkVNneSNC5s+EA/erN10MuJPkP4/IJJ61toInntDmmbma"
    "bdIdXWerXcIZlSQOt0eUJM9/ee9XdLSj+1d+leP0FWXNCpqfLrLYW05qJO2yMLV8Q8Vo92"
    "lA9zHMyQk3KeRjlyB+DKpacmwDLsRwcwEo6OGdoNYMkYvUfIYhsZu/eejB+hDahFgjAUpe"
    "c1cIeaAylLdrquMeWjRXU731YwGt8WmoxvX63g8h7h03A8g+NHOfsnJaYE2aSD7rVq1Go/"
    "FV4gt+TDE51d8dlJtVv50bnCLgEGcKFhdXmQznJGuJOHLLHvMQrdPDw/myVs86gczL4IY8"
    "iidFieNyOb5nQAd8EEjk36aZiw4oA2XJBHKIgS2tpdhX4pdlt20qcite+pVb6nfSCUt6Yb"
    "NEIp28QsCAC6xJ6VM0/StGggu0Xy3oLWSDqUPJA6B/7fO2xMLETVXf7njjm52Un+J7s4VY"
    "obqhI2VBw1pOvZ7yQ2S6t0z0WlS/nZWfr6GnkcsZj2WbTZZ6EjCJ9FN3PDZp29sHOCeiPc"
    "jPZBzSFJTBMi2h1Q7g4Ijc0N3QGD4DL7CelKd0BiQK3eTjie0dvzs7Rz5q/ENbf4Se/E2i"
    "TldeObdgK66yYy+oqprtgwXElzFeNaShBxV57mh1rFD2n2om3shTari3FX16zWWmOtSriO"
    "ydFK+K6VRSklXIc57XGYU7/nubOe60Jr7nYE6nfqfKkSTuhHYjY0Ek0rJEgukINcwF3AUZ"
    "4hLxnO9rsewalHdR0WXQq8eZhsODZMk717lyU0MgfxyCZLJ5SjMgYWViRv+mZ6N+4WrPxl"
    "9gJdgFwo7VtLS2nf2krfWjBDpIHOyinoxK8fbJ2fu4X83Lln06VGqlRKQkRDXAFiTALdsC"
    "rAkYByyaP1LxILaCN6McEiURb3m5RSAGTJoF8Mv0ol5IftFUAqO9cPq832w7L5fpib8dpZ"
    "v85QbRM3WMlZvzM2q51uun1OMGsnovtKvIR7Xgo4l8R2mMV0S2L3zXqdnhnSIvaB8k2j/m"
    "RVm4KSo6yAJ0M2eSxbovFPTXrslvTY6c5gLSI66q8NrjcFa3arKr68eLZUCkhSRkGcjw9P"
    "qySJsmYlyvjpWyHUJhkbArAvCDGhgUvwjgQziI+oZFOQR0e2bCr2+9cp1fviKlNn9/bLzc"
    "UlHescf9oI+dpGvvyuP1SpciK7juQE1bM5m6hPxmFbq/5TUu4ZFn/iAEjvd5eUeq6gzb2R"
    "icZi7AbwaxlyaVEFZngZqXH52yC1qIbz+OVN77dXKU7jun/7IWyemPfvrvsXmQ7I2Cj5z1"
    "pJnfm87Fpl5ls2gndTZb7ALlynP+oq/6/7Jfqs2cQbiaJoV6xOCTm9NEkvTXwjUzn6IyGi"
    "OZBVEZRrbzJbxw6z6ywuCZAncDH3nNlBQAUGLN/B96ZhjSbGD7tAXrgNMjFNKFrFy4zFWG"
    "iLhmI4ovfWTlwa7ng2nBvuzMnj/e/P/Vsx2BmxrJsMjV3wP2Aip7H9chKDeuQh06Vf7wN2"
    "v10MYQZT+TKeXbEzqwy7QHYZNxaGa0hF3sQSKlhEGQqwSi7JUXEyyVEum2ROsRet4GWRTa"
    "GEAlpJ0/S17WEsFzgWSyhIrTYAMCHucILkIE7IKDeGXx8dV8CYtioEmZ9LoxwYhTImTEJE"
    "AYy3bb2wj7lA8yuGOxLQYEuDTb9o9CXmJpFiENNSGnZp2On6YAs0j2LEIwENtjTYdKSybb"
    "Lx+Ine04RSVo5IVps6tZs6M2iYrm9NymgzGbEtzo1/7rFGM557w7884hp5qAsZ8pSMSnvi"
    "Hh+dvjl9e3J2GpHh0ZEyDjxPo1jQIvbT0BpJoJqS0aiK9hD2RljORo8lauFAWhRhdlQlNO"
    "eoODDnSBCWY5EFfYA1guQzorpwYZuD5HXdlOIppm7dFG8+WbPX05K619vS64LJHjx9fq5L"
    "V6/MCerkGF29cnu5RrpwTpVkI6nCOfGMrgFYtZO4coufdPXKhN/WRIYjopkuAsEff/4E4+"
    "26xHD32EUUGsgZRs5ELP17U5De+9d5UhcnxrFbkMlsCFR4IVWhgniBbIJrwOoyvpKqYC0M"
    "G7Hn3xCpX4LLqARTkym5n+AYInEZtPBUtywl1040qlD7bAlHLOAQGA7bxWpMbwgQ7oKljV"
    "wXYjCCD1QHYKeQAwzsLKENJ+e8CNmS2I9gTCxITzy40Gav7kQlyojNCpuRB/4PNHFEpdC2"
    "em9hZWWHeLavz7Ach41KK5eFjlcNEw+Ujs2CZRUJEi/JJo46rTLdG0koGDNUfx0kYapQMb"
    "pbTw/aHpneREYxXARKQ1V8IwEFET6rAvBZMb5nOXgf6AdPynsfCbTDZc9uq4zLPsgckCTE"
    "0lKaYcxEfPvFbQVjvFD/SIpsz4N82KwWUpv7mGvMi7V8IBlR7QRpixOkiutrZuCJuVa3py"
    "W1W7s9ni6/l3MehN1U1/oE58QusOT5mW65IR+1WWnH/8oKgX9A7k/eiO9E7RJzwgxgA8Ts"
    "4AG44pb0CM7osGJGt0nwlP29928FJ/f0PH7hcrs5FnzhAF5/Om/Cb++2G9Q1j68oqYbkBL"
    "eb9NpSRaTYLg8T5NfMq9ep9Bun0rPJJGNZJmUUiBlvmhfRmnfNmjerV7yG+pUQU1Dj3nfl"
    "K113ZQHx0Jvne7g4iyUpo8CitI1Elo30XZGmlO+vPoYDQv9XMRBkM19yG5SjldEgOfWwQm"
    "HfjcyJz9Bx/HfJ2RPhqVKDwkk0quAZTG0yRBV4B00xnACEv+OK+piQRwTBjKr8DlX4eW06"
    "pvsvZ2g8AwSbT7wZ20iFSVOlXWBANHYXvQ9Sy40F3pPS2/OkpZQrD1z/rhtI8Okthhep8t"
    "HNVFWoUsjztLiO52mujCcv505XaTlHXlpKOZhPKu3RcVKyRcdJfocOnZVSjL661DzbAHGd"
    "lBRH5f7ek/6tZBjqjXeeRTfrbaTV2XmnpZDu69Y7n2kfXeFrhB87IoM+PtsttelpuyHCQz"
    "NsWcGwZ219e5tJOyxqlu1jeM62G7YMRKEmth9HO2fjgdgvnC6Y076gQwMwKVZm5gAwzYNv"
    "T8yNshfOSlN/a/fVxn8L1q2uNv53bfxDNqtkEI4EFIw0PankDzwpcQie5D2C4UqVB7m0Bn"
    "FSTG9XI1GGWLMBxaNdXTZAG4vrTLs29XJVY3H3pE/LYon2vX9bEonJCz4IzKywEESxgRVW"
    "nGh0e1NtjuzUHNHbk+rtSfc0mVBv/9Ds9g+6+KG6uok2LKtNMbUMSwmNNLm/wwK5vNDJht"
    "VQrqIL7eFIqFQ2xoLWCNobwnTDL6IqREF+84YYffSvohJITZqA3MspMAFD72exCRi6WbUJ"
    "qK4JuGtXSYuMwEYcJetsMV//7vItQvk5mtpbikPVhvYeGtrIGa7pTM1Ian+qhD9V0xua3t"
    "D0xrOnN3ZTQrid873cdEcT+m7I3bgo9ZV/HWWLUicIs6EjTJNqjDXbx2EVkGYzNNfEWQlM"
    "hC53s2FxGQ4ZpPo9eq2efylFR9W2ecZ9xChIit8Qo0T+vSrzToqLzRBpw/HMwFMBGxFiGl"
    "aTqFBon13vXXQ5RUagJHcd1dAX8NfJ+vrFHPYi2Wp1jggGia0SQCj8HbhPHL7nTwksapg7"
    "wKC//ILrliD1Y+PLaf685fy5LhkeMmOVkuCPSpLgj/JJ8AvD9ASr6WdIrfOCKkqRiBIYl7"
    "Fhvw8uezpN4JnSHXorS5V7XcBtlu3pJJlpnpfUpeZbVb6/bbOokST+eWxeb5jHr15AUDeT"
    "yp8eWav3toTpXdo2xFduz7d2LggrIc4vim0qmtCDNhrPOgIzODjTLTOCjbhNa0K5nsueYR"
    "vWDC62PBfQDqm3qtZnQkQJ6yhT9/p1lXJ3tFVx5evXuYJ3bFJJIBw0VxDdRux7ekdX+I0q"
    "3rUqIbL9fat2o2PVtkPVTpNSv/0/e6Mj3Q=="
)
