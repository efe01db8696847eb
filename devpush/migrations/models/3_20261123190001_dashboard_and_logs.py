"""Custom domains, what the dashboard filters by, log lines in daily partitions, and metrics."""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True

MODELS = r"""
        CREATE TABLE IF NOT EXISTS "domain" (
    "id" UUID NOT NULL PRIMARY KEY,
    "hostname" VARCHAR(253) NOT NULL,
    "redirect_to" VARCHAR(2048) NOT NULL,
    "redirect_status" INT,
    "proof" VARCHAR(64) NOT NULL,
    "state" VARCHAR(20) NOT NULL,
    "reason" TEXT NOT NULL,
    "held" VARCHAR(253) UNIQUE,
    "verified_at" TIMESTAMPTZ,
    "checked_at" TIMESTAMPTZ,
    "failing_since" TIMESTAMPTZ,
    "certificate" VARCHAR(20) NOT NULL,
    "certificate_note" TEXT NOT NULL,
    "certificate_until" TIMESTAMPTZ,
    "created_at" TIMESTAMPTZ NOT NULL,
    "created_by_id" UUID REFERENCES "user" ("id") ON DELETE SET NULL,
    "environment_id" UUID REFERENCES "environment" ("id") ON DELETE SET NULL,
    "project_id" UUID NOT NULL REFERENCES "project" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_domain_project_c19d7e" UNIQUE ("project_id", "hostname")
);
COMMENT ON COLUMN "domain"."state" IS 'pending: pending\nverified: verified\nfailing: failing\ndisabled: disabled';
COMMENT ON TABLE "domain" IS 'A custom hostname: it serves an environment, or redirects. Of those who claim one, only who proved it has it.';
        ALTER TABLE "deployment" ADD "commits" JSONB;
        ALTER TABLE "project" ADD "skip_by_message" BOOL NOT NULL DEFAULT True;
        ALTER TABLE "project" ADD "runner_version" VARCHAR(20) NOT NULL DEFAULT '';
        ALTER TABLE "project" ADD "active_at" TIMESTAMPTZ;
        UPDATE project SET active_at = coalesce(
            (SELECT created_at FROM deployment WHERE project_id = project.id ORDER BY number DESC LIMIT 1), created_at);
        ALTER TABLE "project" ALTER "active_at" SET NOT NULL;
        CREATE INDEX IF NOT EXISTS "idx_project_team_id_f3083d" ON "project" ("team_id", "active_at");
        CREATE INDEX IF NOT EXISTS "idx_deployment_project_3c6572" ON "deployment" ("project_id", "state", "number");
        CREATE INDEX IF NOT EXISTS "idx_deployment_project_abab02" ON "deployment" ("project_id", "branch", "number");
        CREATE INDEX IF NOT EXISTS "idx_deployment_environ_91c87f" ON "deployment" ("environment_id", "state", "number");
        DROP INDEX IF EXISTS "idx_deployment_project_3b99b4";

        -- They hold all that the list of deployments is narrowed by: of those that don't fit no row is read.
        DROP INDEX deployment_newest;
        CREATE INDEX deployment_newest ON deployment (project_id, number DESC) INCLUDE (id, state, branch, created_at);
        CREATE INDEX deployment_of_environment
            ON deployment (environment_id, number DESC) INCLUDE (id, state, branch, created_at);
        ALTER TABLE domain ADD CONSTRAINT domain_redirect
            CHECK ((redirect_to = '') = (redirect_status IS NULL) AND redirect_status IN (301, 302, 307, 308));
        ALTER TABLE domain ADD CONSTRAINT domain_held CHECK (held IS NULL OR held = hostname);
        ALTER TABLE domain ADD CONSTRAINT domain_hostname
            CHECK (hostname ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$');
        ALTER TABLE domain ADD CONSTRAINT domain_target CHECK (redirect_to = ''
            OR redirect_to ~ '^https?://([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$');

        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        CREATE INDEX deployment_number ON deployment (number);
        CREATE INDEX deployment_message ON deployment USING gin ((commit_sha || ' ' || left(commit_message, 200)) gin_trgm_ops);
"""

LOG_LINES = r"""
        -- Lines are parted by the day they were kept: an id is the microsecond of that, or one more than the last one's.
        ALTER TABLE log_line RENAME TO log_line_earlier;
        ALTER TABLE log_line_earlier ALTER id DROP IDENTITY;
        ALTER TABLE log_line_earlier ADD status INT, ADD duration DOUBLE PRECISION;
        ALTER TABLE log_line_earlier RENAME CONSTRAINT log_line_pkey TO log_line_earlier_pkey;
        ALTER INDEX log_line_deployment RENAME TO log_line_earlier_deployment;
        ALTER INDEX log_line_project RENAME TO log_line_earlier_project;
        CREATE TABLE log_line (LIKE log_line_earlier, PRIMARY KEY (id)) PARTITION BY RANGE (id);
        CREATE INDEX log_line_deployment ON log_line (deployment_id, id);
        CREATE INDEX log_line_project ON log_line (project_id, id);
        CREATE INDEX log_line_level ON log_line (project_id, level, id) WHERE level IN ('debug', 'warning', 'error');
        CREATE SEQUENCE log_line_id;
        SELECT setval('log_line_id', (SELECT coalesce(max(id), 0) + 1 FROM log_line_earlier));

        -- The lock orders transactions: a batch must never be seen after one with higher ids, since who asks for all
        -- lines after the last one would miss it.
        CREATE FUNCTION log_line_ids(wanted BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(7106407);
            RETURN 1 - wanted + setval('log_line_id', wanted - 1
                + greatest(nextval('log_line_id'), (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT));
        END $$;

        -- What some hundred lines of a project hold together: tells where it is worth looking.
        CREATE TABLE log_block (
            project_id UUID NOT NULL,
            first BIGINT NOT NULL,
            last BIGINT PRIMARY KEY,
            oldest TIMESTAMPTZ NOT NULL,
            newest TIMESTAMPTZ NOT NULL,
            deployments UUID[] NOT NULL,
            sources TEXT[] NOT NULL,
            levels TEXT[] NOT NULL,
            statuses INT[],
            slowest DOUBLE PRECISION,
            text TEXT NOT NULL
        ) PARTITION BY RANGE (last);
        CREATE INDEX log_block_project ON log_block (project_id, last);

        -- Always true. Tells the planner what it costs to read a block's text, which is long and kept apart from its
        -- row: without it, it reads them all instead of asking the index.
        CREATE FUNCTION log_block_read(last BIGINT) RETURNS BOOLEAN LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 2000
            AS 'BEGIN RETURN TRUE; END';

        DO $$
        BEGIN
            CREATE EXTENSION IF NOT EXISTS pg_trgm;
            CREATE INDEX log_block_text ON log_block USING gin (text gin_trgm_ops);
        EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
            RAISE WARNING 'Without the extension pg_trgm, log lines are found slowly.';
        END $$;
        CREATE TABLE log_block_earlier (LIKE log_block INCLUDING INDEXES);
        DO $$
        DECLARE today BIGINT := extract(epoch FROM date_trunc('day', now() AT TIME ZONE 'UTC'))::BIGINT * 1000000;
        BEGIN
            EXECUTE format('ALTER TABLE log_line ATTACH PARTITION log_line_earlier FOR VALUES FROM (0) TO (%s)', today);
            EXECUTE format('ALTER TABLE log_block ATTACH PARTITION log_block_earlier FOR VALUES FROM (0) TO (%s)', today);
        END $$;
"""

METRICS = r"""
        CREATE TABLE metric (
            project_id UUID NOT NULL REFERENCES project (id) ON DELETE CASCADE,
            deployment_id UUID NOT NULL,
            step INT NOT NULL,
            at TIMESTAMPTZ NOT NULL,
            samples INT NOT NULL,
            cpu_ms BIGINT NOT NULL,
            memory BIGINT NOT NULL,
            memory_max BIGINT NOT NULL,
            received BIGINT NOT NULL,
            sent BIGINT NOT NULL,
            restarts INT NOT NULL,
            requests INT NOT NULL,
            refused INT NOT NULL,
            failed INT NOT NULL,
            durations INT[],
            PRIMARY KEY (project_id, step, at, deployment_id)
        ) WITH (fillfactor = 70);
"""


async def upgrade(db: BaseDBAsyncClient) -> str:
    return MODELS + LOG_LINES + METRICS


async def downgrade(db: BaseDBAsyncClient) -> str:
    return r"""
        DROP TABLE metric;
        DROP INDEX deployment_message;
        DROP INDEX deployment_number;
        DROP INDEX IF EXISTS deployment_of_environment;
        DROP INDEX deployment_newest;
        CREATE INDEX deployment_newest ON deployment (project_id, number DESC);
        CREATE INDEX IF NOT EXISTS "idx_deployment_project_3b99b4" ON "deployment" ("project_id", "number");
        DROP INDEX IF EXISTS "idx_deployment_environ_91c87f";
        DROP INDEX IF EXISTS "idx_deployment_project_abab02";
        DROP INDEX IF EXISTS "idx_deployment_project_3c6572";
        DROP INDEX IF EXISTS "idx_project_team_id_f3083d";
        ALTER TABLE "project" DROP COLUMN "active_at";
        ALTER TABLE "project" DROP COLUMN "skip_by_message";
        ALTER TABLE "project" DROP COLUMN "runner_version";
        ALTER TABLE "deployment" DROP COLUMN "commits";
        DROP TABLE IF EXISTS "domain";
    """


MODELS_STATE = (
    "eJztXWtz2zbW/isYfUm6o9cbX+Jk3U5n7MRNvU3iTOL0snVHoUhYwpoEVF6keLr97y8A3k"
    "mQIiiRomDMZCKZxCGpB8DhuZ+/Rg6xoO0dnNvI8EZn4K8RNhxIv+RPjMHIWCzSw+yAb0xt"
    "PtJIhkw93zVMnx68M2wP0kMW9EwXLXxEMBv65TvbmEL7+4PvXl9+eHv92+T19bvzq/fffz"
    "lg9BYx6QUQnq0fGmD0ZwAnPplBfw5dSvD7H/Qwwhb8CtkP+f330cIl/4X0aejxe3pi9Acb"
    "sbif3CFoW7nfiiw2iB+f+A8Lfuzz56vXP/CR7MmmE5PYgYPT0YsHf05wMjwIkHXAaNi5Gc"
    "TQNXxoZZDAgW1HiMWHwh9BD/huAJOnt9IDFrwzApvhOfruLsAmgxHwO7H/Tr6PHi0zbDJ5"
    "f30z+XR5M5mMSvCzRyjAHB0yCWZTh7DPF8Hf4XVTQMKlwW7w6sfzj0+PT7/hEBDPn7n8JI"
    "dr9DcnNHwjJOXzkKLM57MM9Ku54YqBTggKWNNH7QblGKAOIB05xteJDfHMn9M/T49rIP75"
    "/CNH+fSYo0zolgo32vvozBE/xcBOweUrXIjtJQ4cju8VfSADm7CEc0y7HZjjAynOKTNoDz"
    "TbzVbAd8AZSL/fYoiXyCXYgdg/A5k/bvHUpb92fgbCz1v6OAubPIQD0+9FxtNk+o6eNZi+"
    "o2eV08dO5acvfEaZzZFStJq2aO13PGstt8fR8+dNAH7+vBphdi4PsRG+CvL4XqDZFfbFCE"
    "cEBXhRuGS62BXPugJ3xp7g//51dHR8/OLo2fHpy+cnL148f/nsJR3LH7d86kXNBFxcvbl6"
    "f5OHnh3I4226kOEzMQSwv6ZnfORAMfB5ygL+VkR6EH8ZDo9qPiH0B1rX2H6INmIN1jdX7y"
    "4/3Zy/+8Bu53jenzbH7/zmkp054kcfCkefnhb2RXIR8MvVzY+A/Qn+c/3+svgST8bd/GfE"
    "nskIfDLBZDUxrMz7Mj4ao5ab9ZSxTuSkqhLhBgLWwJjbJuJUimzm3SYJbZlSY5vHduHCJS"
    "KBJwlsgUyjWkSVK2DSoGaptqlm7S2oTHG9uxcqVRklNw/wD8SFaIZ/gg8l4b+AaaTpf0iv"
    "tJ/ApkfTDeUaq0TfL6wsigD93dAP5ezzT6/OX1+OqjjuFvC9zF9tLxnCWojLr5oczPQxwP"
    "vPb9+OKmSGLcD8OncxNVEuyUoNQI7fVRrihrwi92qvAJgx5qlh3q8M15rkODQ7Q45I4Ugy"
    "tnzKOXKKRwxszDhC7KewB0/wt9ESug8jgb02OTeuM9la2VFrrba/zA0fTKFJ7wTIHTDAIv"
    "DmY0Bc9heGKw8YUxL4APkecCF9fyGfuA9jcMdGYAgivlu28W7zwpIW4YyOqe3Cu7ULeyRw"
    "Q3bT1PaVUgzZZNnW+LV14yJcCl+t1fgmBArCe9oE3tNqeE9L8N7DBxlwo+H9QTvqih3kgT"
    "1stHAPa1bu4QDs4kNGuBOzuEkcB/kTb27IoJynUg7p05MmTOKkmkmcVMDsQM+jQl0Z6hv4"
    "tcINUaZUAO46i/flrzc5Y3cM69N3579+kzN4v71+/yYenpmGV2+vLwrw31EBV6D6/PvT9X"
    "sx6glB0f2ATB/8D9jI68xSkpHppgGyfYS9A3bbXYh1DKD6ySjiXpD/2AWKk0E1D/Z7ZPhN"
    "hkRBmWT7Ip9HBTiIRVJ1NaPJ0mgWI81itL+zerVrf2dp0rW/U3uP+gFVe4924j3SXo2OvB"
    "q7MronMyA0u2fnp87wnhu3zvRejbHA3J2zb9M3GOUCXmjcrjKCFxyckemEUuRG0bXp86WJ"
    "A2dKb8XPF0iFYzLXSK0yVQOopmNNmG1Mm+N3a46PJqiEdF2oZErTX7Rkl/LqTgIm6TPNZi"
    "Lkq9XiDEmPGhvz0vVk8dz/QOvBrW1tUt6V50kblRWz+IQgGgFFToptlwgVAL8XvoLv0EzG"
    "ip9SaDP+9s34hosYQAK/yidourCC9eTIelz4f/29A+Avfru5PBeyDSlvVIZko4U8TMtAby"
    "s20VLbZEkmxD2uWTo0gJbkuo2ozkD4eYu5bk3n4QzE327Zj3R9fiz+dotdEoSHoi90VGCa"
    "EFrsYsnXW3xnIJsdCj9vscnwsvmh5CulvUeLBacMv4wGIf+70PAoShKiUkqhwFu6bxFpTm"
    "xLpNJWm21SCu0QKSSw+j50FqIXR3UKa4ZEmTzWo8OTFycvj09PEmtMcqTOCFM2uCBHqDVV"
    "y+0JgU65biSwc7wmLgw8KDDdXhBiQwPXQJ0hLSA+pbRdLd/kSM+i4vX12xz/vbgqMtjP7y"
    "4uPz495FNAByG/wpKYGtMlFneOSL0Fvn3rS+xikcA4Q6IewodNOMhhNQM5LPGPOTRsX8pY"
    "m1IoIKx1LQuHYE0wESlF1QJxgUwBoHWo2HBYirqhYrHy3WLaC6RbmPeBvUn2ZJpjTGrnOT"
    "aotJjnAqme5yHPc2QlazHNeUo9y0Oe5TuEkTdv9bIukOp5HvI8x5LV9EEy4rhEqO2WunCV"
    "DpLfY1DD8gKSmOaI9DLVaQe6aNW+QNyqaFX62t8CzJ89uIfm36b4liSkBvBWFYXRmTMCgH"
    "PvHumsmYxHg1XyF8VzXUSEP/z0EdoG/xmVgCcdA9TAOq8MEteB7kTjtAanqL4Y2hSjbDUz"
    "BWEyyWILEKnH3/6WSuTLBnctiCuq8h4RXmN4Q+h/61H9mFxJIURlsh2JQ6lHokzH8My4Ns"
    "sxHbO2uOA5MAPPJw6YUxWC3esMIB9QeWgJPWDgbEsHXhnQhRZyqUDsHYDrO0DnzoNgNSfA"
    "tA3ksKqAdBS2H/gxKjsvocWuNzc8+lGuQNj73dflbcbPUUrc1FmRO82KTOalhHVNMEKGRs"
    "F8pqPnTbrY0FE1IWOlPjbxBqM7RAbqApkCMQnF4I+Tl43CP05e1gSAsJMVcLPodlFx4MrQ"
    "UgFlqwjTgb1Atx1jSlk7uZNZyQlBj2s45c8WXLLs3oPoZR++yA++sw1nahnfd8azuw7V27"
    "vEjwXELN5DEu+Y7AxEX24x08Loj7bOQPwtzN/go6Ivt3Ssxx6Xjoq/FSUlna3xCOLS5hGi"
    "zaMt7faN44qMf0Dt+TqRbOL91yKQoECqAwkGHUgwh+Z9u+DOHKWe5SHPcvTqnHhIWGVzTW"
    "BQkVjP9ZDn2oSuT/mvWSlDVmznPJkC8kjX4l4GMemsBBGtApD3npqQgTHAPhI0bF7zEhNd"
    "QPO3QfM3nY7yCNNRdMCr1K7WAa+DwFYHvOrwzCGFXunwzM4h1uGZwwjPrI4glArXkYxEuX"
    "QMZFMlG3PHXCkcJXt6XBeTAtnAiZmObBCZguEKRCUbgM96VSIPP/HjwI4H6H8LDBDQxcEj"
    "PFhHSjrGobxWFGiy2cXWt7fUASI7DRDh60vGPJQQKBgactzINnRcYxw6LluHfHIP8YRuDq"
    "mKIHmq7WA9IFdVB0WFtTXgEVoD4NcFoldrMet5SgVnfU9muZGpj8kXkrpzhqRfqWA/1GYZ"
    "qTg/D+VJiOPTt6uWDBL6tVpJZtmJteotqhgZLVqkYuSV7BoVozBwrYbxC5XkYdT2HswI9M"
    "7AF6oPWAGXhb/wiHMDEybwgxXy53Ro2I0CLFhlTxeDp/ArvQMfyAcwteHLP758U1ZAOr7X"
    "urh2zw5mOqZ9WCqLbDy7wrHs2+8Kzxe8BLjxeAXBPWkC7kk1uCflQAFiy3bcsHvvtEF3Is"
    "RdcQTdJ6nniNAOyiNTdo3iNMSGWRdZEl3Qu5hsoU0X1VCra7rQLmHtEh6S5trEJayrcWyl"
    "ykRc+kDXUFiDFM/j2xSlJKtfQYRqmpnJYPRzdBmFUOrSuf8G+T8G03NuUSvZ3dKT4zqr2w"
    "z582A6MaJxa41uN3MI6EVDH/zK8IBjWBBMH+gBSL9jdAc9H9zZZHXGTVwuWSWeeMCI31CB"
    "5vPF5PzDh8k/gAd9VsrXAyuEAVlCV1hmoqd7bjlIoFILEcpMLfWP9aa2w0FrH9XmNboihT"
    "JpXSPtlEY30haA3qyRtja9pT1ZGlmGDmtMQ4dl25C2G3fc59ZGVaHjNRbOLJGCSHeykiPQ"
    "PN6utox2XRvbEqkSmNfxXkEr24WLlizRS9hqrA69AuFjxG4Fp3NC7lstvjLtY0RQm3urea"
    "da5t6Nom62ra5yG6cdWQIq9dbcqHEDBRYVCdZqsteBy7VKqgUa9J9pkgD7VH8E4ROU1dAm"
    "BFvWIeuUnX7VSEXUnBp9M5xPeZ0zR6f1ztZ6ZwykTWZI4NStaQtaJFTibd6DphQDx4FqAX"
    "hM12NUSBy0uY9hN17gscJyrUSuIq0uCTHkOHEtWldvMi1adyZa37BkrVGlTB2ebiJM+8nI"
    "9WmeGGRF7yce4MTgjrjAIw4ErKq8h3zC2hlQudkCC+g6yPPoYG8MDA/YBM8AL/ENkAdmhF"
    "iC/M+u7iIMvM7eKpLrPJMsdFXxLpj7BhHYgnmSUJ/KxFp4b+804vtDQoZMCBQU1refVZow"
    "5OZGzoRECYAlbZs6H1NZOXsgEteVBbGP/AeRuJWcq5W1UHZUg3IaK+OBSj3AQzMmDIEp9O"
    "gVvCgGBtlT8vUsa5ekt4MrlrU2BvcUP8ziZahAFECXy0deMGVhlmOAic9ORbU1RKU3+rux"
    "WBrjtFwIC0lHdGJ+T3JAWQUQ+jyuFs6GJZwl8yIhFGRplHhtdZ1nlO6NphCnFCoC3IWVNO"
    "Y6MsJtSqJRboaytNV/B9b+vipDd4HvPhRY6gnfTsorUemHSjGTFopakXIr7UCGq2SI1DUX"
    "3lHBYt4GvRLpI4QvLNLVXucV0WsH09AUX+1gasbr1XIwFcpPtZnyDJme7z2b74GUGxsu62"
    "6flC0uItZVdeOBQrrlQmL9mV/XRJE2jx+VDxy9mSMv545Osg4PwJVPT1nAMdx7D8AldOma"
    "odMAVsxWeg9ZtCizm74m5j10AdVIEIaihMcO7rDl0NQaE9MWk2gGVCu2SQfh6vbBUe/gan"
    "vpPXyY8BZ2cvpPjkwJY5NOY9Ci0aA9f3iJ/JoXT3J2zWsnN27tS+cK+wQYwIeGM+ZhT6s5"
    "YdwfkBUOfXGxI41nvLMUeB7nhNkbwYQs7ollzjNj04Iu4DGwoGnTV4PFClK6cEnuoSDuqr"
    "e7Cj1/7LbsZGiK1P69Qfn39sGg3Jts0IlJ2SV2667rMW2PxnsHOlPp4PyI6gyEn7fYsBxE"
    "xV3+ccvCB9hJ/lFkTo0isZoEYlXHYekeCjuJdtMi3WMR6XJ+dlYQoEVmTEqmfRZD9lnomM"
    "xHMc1csWnTGLVEqJt3FqQPqg5JYpoh0e6AendArGxu6A64iS6zn5CudQdkFtT6bp3pju7P"
    "zzLMnb8W1xLzG1QXyXehaicwd71LlL5qU1eqGK41c1XjWmsg4q48bR8alH1IWy+GZr3Qan"
    "U17uqq1Vpq3KoQrmNytBC+a2FRSgjXYU57HOZ0fR7483Pfh87CHwnE79z5WiGc0JfEfGJk"
    "hjZIOV0iD/mAu4Dj1LywCDvrsT6Fs4DKOiy6FAQLnuXpe8A0bJv99jFLFWUO4qlLVl5MR2"
    "kMLKzx3vXNdAf4AXD+On2BMiAfSvvW8lTat7bWtxbtEGmgi3QKOvG3D7bOge4hB3oRuJTV"
    "SBWfyZBoiBtAjEkkGzYFOCFQLnl0+0xiCV1ELyZgEnVxv1kqBUCWDPrF8KtUQn48XgGkin"
    "v9WbPd/qxuvz8r7XjtrG+zVIdkG2zkrN+ZNWuYbrp9TjAbJqL7aniJ+6wKbC6ZFqzV5pZM"
    "x9ftOj0LRovUB8rbcP3BKmPFR+g90RIyRswPR7VdWaVUBnj2WLEW5h/aFrJbW8hOW7ANyP"
    "6x/SLsuvtatz3BOHsJXKnMkCyNgjgfPTtpkjvKhtXI6CcvhVDbxDQEYF8QYkMD1+CdEBYQ"
    "n1LKriBPjvSsQV5fv81J5BdXhYLG7z+/u7ika53jTwehUAgp1zkOlyqVWWT5SIlQPVW0i7"
    "JlHLZWZaGydI+wJhQHQLqxYJbqsYK2CKY2MsXY3cCvdcjlSRXY4XW2jstfb3JMNd7HT9+d"
    "//pNztTx9vr9m3h4Zt+/ent9UZiAgo5Sfq3VFPQv07aq5z+wFbybcv4VemGb+dhWnwU9L8"
    "lrzSXBVBRcu4Y7Zeg0a5JmTbxjrJz5I0OibSDrAitbd/PdRivfNswlA7IFl4vAmx9EFsLI"
    "+HfwnW04U8v4fhfIC/tNE9uGIi5epyymRD0qivGK3ls9cWX45nyyMPy5V8b735+u34vBLp"
    "AVvWfI9MH/gI28zhoTZRb1NEC2T9/eB+x+u1jCDKZ6Nl7k2AUuwy5QZOPePVqwLCsHep4x"
    "E7xEazeDgFrviua7wlgaviEVDZVSqKCOFuyvTfJ7DqsTfA5LGT4LuvBFr8+6aLOYQgGRsG"
    "vfgRtgLBfMl1IoaNfuCuDJErpeVBhNDugspXLrefthfS4h/sRCcis6Q6McxM8PjxpgTEdV"
    "gszPFXr0hAYQGXU9Q6IAxn1r6kxwFWg51XAnBBpsabCpAEF/xMImUtbyPJWGXRp2yh9cga"
    "BXjXhCoMGWBpuuVEh/JzYf6D1tKKXRi2i1Wr91tX4ODdsPLScy0kyBrMe98c89lmjMRTD5"
    "MyC+UYa60huUo1Gp0fbR4cmLk5fHpyeJ4yc5UufvKRtHHOgQ92HiTCVQzdFoVEWNyYMplj"
    "OJpBRbMTkNKJrysEkY2mF1ENqhIATNIUv6AC3yRAqkunbnkPNEdOmg6i2mbumgYGG1nPU8"
    "pZ71ocy6YLNHT5/tZBqnjUhOeo5Qz/lQ5rzJTo+5tHTR3hKhzgnURXu3DKeuF7ZhjqVUvb"
    "B0R28BWLVzV0vMT7pob+atayPDE5kWLyLCH376CNMuhWK4z9lFFFrIBSusjVjVi01Beh1e"
    "50FdnJhfxYGMZkOg4gspCxVx6KlNYeIXURUiiJfIJXgLy+kyvZKqYC0NF7Hn3xCpn6PLqA"
    "RTl8UaPkITInGBzPjUuK5Yg5sZ1KAq5gpOWcw5MDzW39CkNwQIj8HKRb4PMZjCOyomsVPI"
    "Awb2VtCF1hkvT7ki7j0wiQPpiTsfuuyne0nxSuKykpfkjv+BLE9UJLPXewtr7nskcEORj6"
    "W5bVR0vy57qGmmUCSXbZYvoUieUE1BiWTSGntBEgoFIxe3H0onzBatRrf3DNH+fExdFJWA"
    "y0hoaIpvQqAgwqdNAD6txve0BO8dfeFJBbUkBMOIZGG3VSaSJUoek7QZ5qm0EbaQdxKWPR"
    "es8Ur5I0vSX2DFs26lkK1FVXCJednKNVgg1X6iffITzQ1s2a2mPU+poz2G4wAOZ7nkZKk2"
    "Wneryi+IW6HJ8zPjekU+GbNWj/+FtYh4g/wfgylYUXXaJ7bFFGADpAbUA3DFNekpnNNlxZ"
    "Rum+AZ+/wS3gpaX+h5/MTnenNK+MQDvDNBWYXv77YbdLxIrygphpQI+617MFBBpFovj2uk"
    "tCytoqupbFxNhW0mGc0yS6NAKkXXdhEteW9Z8maV7FuIXxkyBSXufRe+8qW3lhBPgkV5hq"
    "uTu7I0CjClPvK7NpJ3RZJSeb6uMbwh9L+GsTKbuduHIBytDZgpiYcNSr5vpE58gp4X/paS"
    "PhGfqlUovMygBp7BXPs5KsB7aIahBRD+lgvqJiH3CII5Ffk9KvDz8qRM9l/NkTkHBNsPfB"
    "hrscWoqdAuUCA6u4vukDdwZYHPpHTjtjyVchXit9+PCQlevdXwIlVeuoXaLk1qOZ9Ul3I+"
    "KVVy5o0+KJeWc+TlqZSD+bhR96bjmuZNx+XeTTpZqxp9dU3zrDVum0wtT+X53pP5baQY6p"
    "Zsj2Kad9aSbY8mdV96sg0U0n1tyvaJztEVfovw/Uik0Kdnx7U6PR03QXhixyMbKPZsbKhv"
    "M2qPRc2yDrdnrBG9YyAKNXHDONoFWw/EfeKNwYLOBV0agFGx6ksHgEkevHE9V8qeeGtV/d"
    "7uq5X/AfCtsVb+d638Q7arZBBOCBSMND1u5A88rnEIHpc9gjGnKoNcW3k7S6Y7lknU3NbW"
    "gOrVrq41QCuLbbbdkGa5qbK4e6PPwGKJ9n1+BxKJyWtiCNSsuFZGtYKV9J/usvG1Vkd2qo"
    "7oDtW6Q/WeJhPqJjTdNqHRNUHVlU20Ytlsi6mlWEpIpNm2J0vk80InG1ZDuUoutIcroVHZ"
    "GAc6U+huCNM7fhFVIYrymzfE6EN4FZVA6lIF5F5OgQoYez+rVcDYzapVQHVVwF27SgakBH"
    "biKGF7SFYXzNIoh/JjVLV7ikPVivYeKtrIm7R0phYotT9Vwp+qzRvavKHNG4/evLGbKsvD"
    "3O9DKrK8jwghi84+8jeubH4VXkfZyuYZk+LEEyaSdWZX3MdlFZkV52ihTYs1MBH6QphPqg"
    "uVyCB1fU6vdR5eStFV1bcldh8xisoGbIhRpkKBKvtOylpdMDVOzLmBZwJ7TYxpXG+jQSsC"
    "dr1XyeUUWYGS1v2ky4DAwp/tQFBt5V9mR63PosEg00wCxMTfgi+Zw1/4UwIHGtgDBv0Wlq"
    "R3BMkxG19OexgG7mHQRdVj22GjMgGHNWUCDstlApaGHQi46SdourCizlRCogTGdfbC324u"
    "z3UixSM1COkeuCrPusD6W9f1SjIXv0ypi/EPqsHB0HZRJ2UOFql6vWGlA/VCpsaFYgf5lb"
    "W+QSrM97HbEF+5rnjDZAhrIS4zxSGVlTiHLjLnI4EaHJ0Z1ynBRjpmMMFuj6Wr2oZVlas1"
    "zyV0Y9NbU+0zQ6KEdlSoDP68SUFAOqq6NvjzUklAtqkkEI6GK4huJ/o9vaMvfEdV9/XKkP"
    "Tf2Ws3MtbWenjtNG337/8HJzT6NA=="
)
