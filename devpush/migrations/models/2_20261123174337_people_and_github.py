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
    "issuer" VARCHAR(255) NOT NULL,
    "subject" VARCHAR(255) NOT NULL,
    "login" VARCHAR(255) NOT NULL,
    "email" VARCHAR(320) NOT NULL,
    "access_token" BYTEA,
    "refresh_token" BYTEA,
    "token_expires_at" TIMESTAMPTZ,
    "created_at" TIMESTAMPTZ NOT NULL,
    "used_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_identity_issuer_187ef1" UNIQUE ("issuer", "subject"),
    CONSTRAINT "uid_identity_user_id_d13397" UNIQUE ("user_id", "provider")
);
COMMENT ON TABLE "identity" IS 'A way to sign in besides the mailbox: an account elsewhere, known by issuer and subject, not by address.';
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
        ALTER TABLE "project" ADD "repo_trouble" TEXT NOT NULL DEFAULT '';
        ALTER TABLE "project" ADD "github_installation_id" BIGINT;
        ALTER TABLE "project" ADD "watch_paths" JSONB NOT NULL DEFAULT '[]';
        ALTER TABLE "project" ADD "hook_id" UUID NOT NULL UNIQUE DEFAULT gen_random_uuid();
        ALTER TABLE "project" ADD "avatar" VARCHAR(16);
        ALTER TABLE "project" ADD "polled" BOOL NOT NULL DEFAULT True;
        ALTER TABLE "project" ADD "hook_secret" BYTEA;
        ALTER TABLE "project" ADD "repo_public_key" TEXT NOT NULL DEFAULT '';
        ALTER TABLE "project" ADD "repo_key" BYTEA;
        ALTER TABLE "project" ADD "github_repo_id" BIGINT;
        ALTER TABLE "team" ADD "avatar" VARCHAR(16);
        ALTER TABLE "team" ADD "removing_at" TIMESTAMPTZ;
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
        ALTER TABLE "user" ADD "avatar" VARCHAR(16);
        ALTER TABLE "user" ADD "removing_at" TIMESTAMPTZ;
        CREATE INDEX IF NOT EXISTS "idx_project_github__a72b95" ON "project" ("github_repo_id");
        CREATE INDEX IF NOT EXISTS "idx_project_github__37ad5b" ON "project" ("github_installation_id");"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX IF EXISTS "uid_project_hook_id_3ff34e";
        DROP INDEX IF EXISTS "idx_project_github__37ad5b";
        DROP INDEX IF EXISTS "idx_project_github__a72b95";
        DROP INDEX IF EXISTS "uid_user_usernam_9987ab";
        ALTER TABLE "team" DROP COLUMN "avatar";
        ALTER TABLE "team" DROP COLUMN "removing_at";
        ALTER TABLE "user" DROP COLUMN "username";
        ALTER TABLE "user" DROP COLUMN "avatar";
        ALTER TABLE "user" DROP COLUMN "removing_at";
        ALTER TABLE "project" DROP COLUMN "repo_trouble";
        ALTER TABLE "project" DROP COLUMN "github_installation_id";
        ALTER TABLE "project" DROP COLUMN "watch_paths";
        ALTER TABLE "project" DROP COLUMN "hook_id";
        ALTER TABLE "project" DROP COLUMN "avatar";
        ALTER TABLE "project" DROP COLUMN "polled";
        ALTER TABLE "project" DROP COLUMN "hook_secret";
        ALTER TABLE "project" DROP COLUMN "repo_public_key";
        ALTER TABLE "project" DROP COLUMN "repo_key";
        ALTER TABLE "project" DROP COLUMN "github_repo_id";
        DROP TABLE IF EXISTS "oauth_attempt";
        DROP TABLE IF EXISTS "report";
        DROP TABLE IF EXISTS "github_token";
        DROP TABLE IF EXISTS "github_installation";
        DROP TABLE IF EXISTS "github_app";
        DROP TABLE IF EXISTS "receipt";
        DROP TABLE IF EXISTS "email_change";
        DROP TABLE IF EXISTS "invitation";
        DROP TABLE IF EXISTS "identity";
        DROP TABLE IF EXISTS "delivery";"""


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
    "5CXp7eCS5WR1wSPFD7N4GaoQedDm+pHjjVgQYRdg4rJTQeUIUWGJ7d1YrI1xWa6E+aL+vs"
    "5hhiOrb4HYPkpaOWuVchb1i4RSkJRR4rPVdBZNPDeqQhxLqAhwEyxpuOrIKLexiEa5GsrS"
    "rP8O2P593td2H8oHbQnfRooHUe2HajHDNQy1rKQK22VJmms2fKCKxWwd9HKizxA+vwTV+j"
    "avSF47mNpm+GoHU7W1Xi0HU6a40jpdnhDT/b1n/d2SYlrtXbrXTzkWl8hqqqB9SyGtuUzW"
    "9ujXFVGk1eNH5QNHBzPkpNzRUdbhAbhy6akJsAz70QGQFfR2Z7QbwJJxpY+QRYsy3vQ9GT"
    "9CG1CLBGEoSnhs4A41h6aWUEw1JtG0qBLq2wpG49tCk/HtqxV86SN8Go5ncPwoZ/+kxJQg"
    "m3Qag1aNWu35wwvklnx4orMrPjupdis/OlfYJcAALjSsLg97Ws4IW/0BWWLfFxc60njGO0"
    "uB53FOmH0RxpDFPbHMeUY2zekA7oIJHJv00zBh5RZtuCCPUBB3tbW7Cj1/7LbspE9Fav9e"
    "q/x7+0Aob003aIRStolZEFJ1iT0rZ56kadFAdovkvQWtkXRwfiB1Dvy/d9iYWIiqu/zPHQ"
    "sfYCf5n+ziVCkSq0ogVnEclt4hYCfRblqley4qXcrPzgoCrJEZE4tpn0WbfRY6JvNZdDM3"
    "bNbZXTwnqLcWzmgf1BySxDQhot0B5e6A0Njc0B0wCC6zn5CudAckBtTqDZrjGb09P0s7Z/"
    "5KXHOLn/Tetk1SXje+aSegu24io6+Y6ooNw5U0VzGupQQRd+VpfqhV/JBmL9rGXmizuhh3"
    "dc1qrTXWqoTrmBythO9aWZRSwnWY0x6HOfV7njvruS605m5HoH6nzpcq4YR+JGZDI9G0Qs"
    "rpAjnIBdwFHKbm+UXY2Q7iIzj1qK7DokuBN+dZnq4DxoZpsnfvslRR5iAe2WTphHJUxsDC"
    "Gu9N30zvb96Clb/MXqALkAulfWtpKe1bW+lbC2aINNBZOQWd+PWDrXOgt5ADPfdsutRIFZ"
    "9JiGiIK0CMSaAbVgU4ElAuebT+RWIBbUQvJlgkyuJ+k1IKgCwZ9IvhV6mE/LC9Akhl5/ph"
    "tdl+WDbfD3MzXjvr1xmqbeIGKznrd8ZmtdNNt88JZu1EdF+Jl3AXUQHnkthgtJhuSexnWq"
    "/TM0NaxD5Qvg3Xn6wyVlDElZVEZcgmj2WLXv6pSY/dkh473WutRURH/dXW9TZrzW7+xZcX"
    "z5ZKAUnKKIjz8eFplSRR1qxEGT99K4TaJGNDAPYFISY0cAnekWAG8RGVbAry6MiWTcV+/z"
    "qlel9cZSoX3365ubikY53jTxshX9vIFzT2hypVTmTXkZygejZnE/XJOGxr1X9Kyj3D4k8c"
    "AOkdBJNSzxW0uTcy0ViM3QB+LUMuLarADC8jNS5/G6QW1XAev7zp/fYqxWlc928/hM0T8/"
    "7ddf8i0wEZGyX/WSup3J+XXatwf8tG8G7q9hfYhev0R10bKuh+iT5rNvFGoijaFatTQk4v"
    "TdJLE98aVo7+SIhoDmRVBOXa2/bWsWfvOotLAuQJXMw9Z3YQUIEBy3fwvWlYo4nxwy6QF2"
    "4sTUwTilbxMmMxFtqioRiO6L21E5eGO54N54Y7c/J4//tz/1YMdkYs6yZDYxf8D5jIaWwH"
    "osSgHnnIdOnX+4DdbxdDmMFUvoxnV+zMKsMukF3GjYXhGlKRN7GEChZRhgKskktyVJxMcp"
    "TLJplT7EUreFlkUyihgFbSNH1texjLBY7FEgpSqw0ATIg7nCA5iBMyyo3h10fHFTCmrQpB"
    "5ucyG5T4RqGMCZMQUQDjbVsv7GMu0PyK4Y4ENNjSYNMvGn2JuUmkGMS0lIZdGna6PtgCza"
    "MY8UhAgy0NNh2pbONxPH6i9zShlJUjktWmTu2mzgwaputbkzLaTEZsi3Pjn3us0Yzn3vAv"
    "j7hGHupChjwlo9Iuw8dHp29O356cnUZkeHSkjAPP0ygWtIj9NLRGEqimZDSqol2ZvRGWs9"
    "FjiVo4kBZFmB1VCc05Kg7MORKE5VhkQR9gjSD5jKguXNjmIHldN6V4iqlbN8WbT9bs9bSk"
    "7vW29LpgsgdPn5/r0tUrc4I6OUZXr9xerpEunFMl2UiqcE48o2sAVu0krtziJ129MuG3NZ"
    "HhiGimi0Dwx58/wXi7LjHcPXYRhQZyhpEzEUv/3hSk9/51ntTFiXHsFmQyGwIVXkhVqCBe"
    "IJvgGrC6jK+kKlgLw0bs+TdE6pfgMirB1GRK7ic4hkhcBi081S1LybUTjSrUPlvCEQs4BI"
    "bDdrEa0xsChLtgaSPXhRiM4APVAdgp5AADO0tow8k5L0K2JPYjGBML0hMPLrTZqztRiTJi"
    "s8Jm5IH/A00cUSm0rd5bWFnZIZ7t6zMsx2Gj0sploeNVw8QDpWOzYFlFgsRLsomjTqtM90"
    "YSCsYM1V8HSZgqVIzu1tODtkemN5FRDBeB0lAV30hAQYTPqgB8VozvWQ7eB/rBk/LeRwLt"
    "cNmz2yrjsg8yByQJsbSUZhgzEd9+cVvBGC/UP5Ii2/MgHzarhdTmPuYa82ItH0hGVDtB2u"
    "IEqeL6mhl4Yq7V7WlJ7dZuj6fL7+WcB2E31bU+wTmxCyx5fqZbbshHbVba8b+yQuAfkPuT"
    "N+I7UbvEnDAD2AAxO3gArrglPYIzOqyY0W0SPGV/7/1bwck9PY9fuNxujgVfOIDXn86b8N"
    "u77QZ1zeMrSqohOcHtJr22VBEptsvDBPk18+p1Kv3GqfRsMslYlkkZBWLGm+ZFtOZds+bN"
    "6hWvoX4lxBTUuPdd+UrXXVlAPPTm+R4uzmJJyiiwKG0jkWUjfVekKeX7q4/hgND/VQwE2c"
    "yX3AblaGU0SE49rFDYdyNz4jN0HP9dcvZEeKrUoHASjSp4BlObDFEF3kFTDCcA4e+4oj4m"
    "5BFBMKMqv0MVfl6bjun+yxkazwDB5hNvxjZSYdJUaRcYEI3dRe+D1HJjgfek9PY8aSnlyg"
    "PXv+sGEnx6i+FFqnx0M1UVqhTyPC2u43maK+PJy7nTVVrOkZeWUg7mk0p7dJyUbNFxkt+h"
    "Q2elFKOvLjXPNkBcJyXFUbm/96R/KxmGeuOdZ9HNehtpdXbeaSmk+7r1zmfaR1f4GuHHjs"
    "igj892S2162m6I8NAMW1Yw7Flb395m0g6LmmX7GJ6z7YYtA1Goie3H0c7ZeCD2C6cL5rQv"
    "6NAATIqVmTkATPPg2xNzo+yFs9LU39p9tfHfgnWrq43/XRv/kM0qGYQjAQUjTU8q+QNPSh"
    "yCJ3mPYLhS5UEurUGcFNPb1UiUIdZsQPFoV5cN0MbiOtOuTb1c1VjcPenTsliife/flkRi"
    "8oIPAjMrLARRbGCFFSca3d5UmyM7NUf09qR6e9I9TSbU2z80u/2DLn6orm6iDctqU0wtw1"
    "JCI03u77BALi90smE1lKvoQns4EiqVjbGgNYL2hjDd8IuoClGQ37whRh/9q6gEUpMmIPdy"
    "CkzA0PtZbAKGblZtAqprAu7aVdIiI7ARR8k6W8zXv7t8i1B+jqb2luJQtaG9h4Y2coZrOl"
    "MzktqfKuFP1fSGpjc0vfHs6Y3dlBBu53wvN93RhL4bcjcuSn3lX0fZotQJwmzoCNOkGmPN"
    "9nFYBaTZDM01cVYCE6HL3WxYXIZDBql+j16r519K0VG1bZ5xHzEKkuI3xCiRf6/KvJPiYj"
    "NE2nA8M/BUwEaEmIbVJCoU2mfXexddTpERKMldRzX0Bfx1sr5+MYe9SLZanSOCQWKrBBAK"
    "fwfuE4fv+VMCixrmDjDoL7/guiVI/dj4cpo/bzl/rkuGh8xYpST4o5Ik+KN8EvzCMD3Bav"
    "oZUuu8oIpSJKIExmVs2O+Dy55OE3imdIfeylLlXhdwm2V7Oklmmucldan5VpXvb9ssaiSJ"
    "fx6b1xvm8asXENTNpPKnR9bqvS1hepe2DfGV2/OtnQvCSojzi2Kbiib0oI3Gs47ADA7OdM"
    "uMYCNu05pQrueyZ9iGNYOLLc8FtEPqrar1mRBRwjrK1L1+XaXcHW1VXPn6da7gHZtUEggH"
    "zRVEtxH7nt7RFX6jinetSohsf9+q3ehYte1QtdOk1G//DzUhjdM="
)
