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
    "A2dKb1U8n1pcqgZQLcaaMLuXNrXv1tQeTVAJ6bowyJSmv0jILmXRnQRD0meazUTIV6u8GZ"
    "IetTHmgevJmrn/QdSDW9vaXLwrr5I2GCtmzQlBpLr/nEix7RKhAuD3wlfwHZrJWOhTCm2i"
    "376J3nARA0jgM/kETRdWsJ4cWY8L/6+/dwD8xW83l+dCtiHlacqQbLSQh6n197ZiEy21TQ"
    "ZkQtzjmqVDA2hJrtuI6gyEn7eY69Z0Hs5A/O2W/UjX58fib7fYJUF4KPpCRwWmCaHFLpZ8"
    "vcV3BrLZofDzFpsML5sfSr5S2nu0WHDK8MtoEPK/Cw2PoiQhKqUUCryl+xaR5sS2RCpttd"
    "kmpdDOjkJyqu9DZyF6cVSnp2ZIlMlRPTo8eXHy8vj0JLHGJEfqjDBlgwtyhFpTtdyeEOh0"
    "6kYCO8dr4sLAgwLT7QUhNjRwDdQZ0gLiU0rb1fJNjvQsKl5fv83x34urIoP9/O7i8uPTQz"
    "4FdBDyKyyJqTFdYnHniNRb4Nu3vsTuEwmMMyTqIXzYhIMcVjOQwxL/mEPD9qWMtSmFAsJa"
    "17JwCNYEE5FSVC0QF8gUAFqHgQ2HpagbBhYr3y2mvUC6hXkf2JtkT6Y5xqR2nmODSot5Lp"
    "DqeR7yPEdWshbTnKfUszzkWb5DGHnzVi/rAqme5yHPcyxZTR8ko4lLhNpuqYtS6QD4PQY1"
    "LB0giWmOSC9TnVKgC1LtC8StClKlr/0twPzZg3to/m2Kb0lCagBvVcEXnRUjADj37pHOiM"
    "l4NFiVflE810VE+MNPH6Ft8J9RCXjSDUANrPPKIHEd6E40TmtwimqHoU0xylYqUxAmkyy2"
    "AJF6/O1vqSS9bHDXgriiCu4R4TWGN4T+tx7Vj8mVFEJUJpOROJR6JMpiDM+MazMY0zFrCw"
    "eeAzPwfOKAOVUh2L3OAPIBlYeW0AMGzrZr4FX/XGghlwrE3gG4vgN07jwIVnMCTNtADqv4"
    "R0dh+4Efo7LzElrsenPDox/l6oK9331dTmb8HKWkTJ0VudOsyGReSljXBCNkaBTMZzp63q"
    "RDDR1VEzJW6lETbzC6Q2SgLpApEJNQDP44edko/OPkZU0ACDtZATeLbhcV/q0MLRVQtoow"
    "HdgLdNsxppS1kzuZlZwQ9LiGU/5swSXL7j2IXvbhi/zgO9twppbxfWc8u+tQvb1L/FhAzO"
    "I9JPGOyc5A9OUWMy2M/mjrDMTfwvwNPir6ckvHeuxx6aj4W1FS0tkajyAubR4h2jza0m7f"
    "FK7I+AfUeq8TySbefy0CCQqkOpBg0IEEc2jetwvuzFHqWR7yLEevzomHhBU01wQGFYn1XA"
    "95rk3o+pT/mpUyZMV2zpMpII90Le5lEJPOShDRKgB576kJGRgD7CNBM+Y1LzHRBTR/GzR/"
    "0+kojzAdRQe8Su1qHfA6CGx1wKsOzxxS6JUOz+wcYh2eOYzwzOoIQqlwHclIlEvHQDZVsj"
    "F3zJXCUbKnx3UxKZANnJjpyAaRKRiuQFSyAfisDyXy8BM/Dux4gP63wAABXRw8woN1m6Rj"
    "HMprRYEmm11sfetKHSCy0wARvr5kzEMJgYKhIceNbEPHNcah47J1yCf3EE/o5pCqCJKn2g"
    "7WA3JVdVBUWFsDHqE1AH5dIHq1FrOep1Rw1vdklhuZ+ph8Iak7Z0j6lQr2Q22WkYrz81Ce"
    "hDg+fbtqySChX6uVZJadWKveooqR0aJFKkZeya5RMQoD12oYv1BJHkYt7cGMQO8MfKH6gB"
    "VwWfgLjzg3MGECP1ghf06Hht0owIJV9nQxeAq/0jvwgXwAUxu+/OPLN2UFpON7rYtr9+xg"
    "pmPah6WyyMazKxzLvv2O73zBS4Abj1cQ3JMm4J5Ug3tSDhQgtmzHDbv3Tht0J0LcFUfQfZ"
    "J6jgjtoDwyZdcoTkNsmHWRJdEFvYvJFtp0UQ21uqYL7RLWLuEhaa5NXMK6GsdWqkzEpQ90"
    "DYU1SPE8vk1RSrL6FUSoppmZDEY/R5dRCKUunftvkP9jMD3nFrWS3S09Oa6zus2QPw+mEy"
    "Mat9bodjOHgF409MGvDA84hgXB9IEegPQ7RnfQ88GdTVZn3MTlklXiiQeM+A0VaD5fTM4/"
    "fJj8A3jQZ6V8PbBCGJAldIVlJnq655aDBCq1EKHM1FL/WG9qOxy09lFtXqMrUiiT1jXSTm"
    "l0I20B6M0aaWvTW9qTpZFl6LDGNHRYtg1pu3HHfW5tVBU6XmPhzBIpiHQnKzkCzePtasto"
    "17WxLZEqgXkd7xW0sl24aMkSvYStxurQKxA+RuxWcDon5L7V4ivTPkYEtbm3mneqZe7dKO"
    "pm2+oqt3HakSWgUm/NjRo3UGBRkWCtJnsduFyrpFqgQf+ZJgmwT/VHED5BWQ1tQrBlHbJO"
    "2elXjVREzanRN8P5lNc5c3Ra72ytd8ZA2mSGBE7dmragRUIl3uY9aEoxcByoFoDHdD1Ghc"
    "RBm/sYduMFHiss10rkKtLqkhBDjhPXonX1JtOidWei9Q1L1hpVytTh6SbCtJ+MXJ/miUFW"
    "9H7iAU4M7ogLPOJAwKrKe8gnrJ0BlZstsICugzyPDvbGwPCATfAM8BLfAHlgRoglyP/s6i"
    "7CwOvsrSK5zjPJQlcV74K5bxCBLZgnCfWpTKyF9/ZOI74/JGTIhEBBYX37WaUJQ25u5ExI"
    "lABY0rap8zGVlbMHInFdWRD7yH8QiVvJuVpZC2VHNSinsTIeqNQDPDRjwhCYQo9ewYtiYJ"
    "A9JV/PsnZJeju4YllrY3BP8cMsXoYKRAF0uXzkBVMWZjkGmPjsVFRbQ1R6o78bi6UxTsuF"
    "sJB0RCfm9yQHlFUAoc/jauFsWMJZMi8SQkGWRonXVtd5RuneaApxSqEiwF1YSWOuIyPcpi"
    "Qa5WYoS1v9d2Dt76sydBf47kOBpZ7w7aS8EpV+qBQzaaGoFSm30g5kuEqGSF1z4R0VLOZt"
    "0CuRPkL4wiJd7XVeEb12MA1N8dUOpma8Xi0HU6H8VJspz5Dp+d6z+R5IubHhsu72SdniIm"
    "JdVTceKKRbLiTWn/l1TRRp8/hR+cDRmznycu7oJOvwAFz59JQFHMO99wBcQpeuGToNYMVs"
    "pfeQRYsyu+lrYt5DF1CNBGEoSnjs4A5bDk2tMTFtMYlmQLVim3QQrm4fHPUOrraX3sOHCW"
    "9hJ6f/5MiUMDbpNAYtGg3a84eXyK958SRn17x2cuPWvnSusE+AAXxoOGMe9rSaE8b9AVnh"
    "0BcXO9J4xjtLgedxTpi9EUzI4p5Y5jwzNi3oAh4DC5o2fTVYrCClC5fkHgrirnq7q9Dzx2"
    "7LToamSO3fG5R/bx8Myr3JBp2YlF1it+66HtP2aLx3oDOVDs6PqM5A+HmLDctBVNzlH7cs"
    "fICd5B9F5tQoEqtJIFZ1HJbuobCTaDct0j0WkS7nZ2cFAVpkxqRk2mcxZJ+Fjsl8FNPMFZ"
    "s2jVFLhLp5Z0H6oOqQJKYZEu0OqHcHxMrmhu6Am+gy+wnpWndAZkGt79aZ7uj+/CzD3Plr"
    "cS0xv0F1kXwXqnYCc9e7ROmrNnWliuFaM1c1rrUGIu7K0/ahQdmHtPViaNYLrVZX466uWq"
    "2lxq0K4TomRwvhuxYWpYRwHea0x2FO1+eBPz/3fegs/JFA/M6drxXCCX1JzCdGZmiDlNMl"
    "8pAPuAs4Ts0Li7CzHutTOAuorMOiS0Gw4FmevgdMw7bZbx+zVFHmIJ66ZOXFdJTGwMIa71"
    "3fTHeAHwDnr9MXKAPyobRvLU+lfWtrfWvRDpEGukinoBN/+2DrHOgecqAXgUtZjVTxmQyJ"
    "hrgBxJhEsmFTgBMC5ZJHt88kltBF9GICJlEX95ulUgBkyaBfDL9KJeTH4xVAqrjXnzXb7c"
    "/q9vuz0o7Xzvo2S3VItsFGzvqdWbOG6abb5wSzYSK6r4aXuM+qwOaSacFabW7JdHzdrtOz"
    "YLRIfaC8DdcfrDJWfITeEy0hY8T8cFTblVVKZYBnjxVrYf6hbSG7tYXstAXbgOwf2y/Crr"
    "uvddsTjLOXwJXKDMnSKIjz0bOTJrmjbFiNjH7yUgi1TUxDAPYFITY0cA3eCWEB8Sml7Ary"
    "5EjPGuT19ducRH5xVSho/P7zu4tLutY5/nQQCoWQcp3jcKlSmUWWj5QI1VNFuyhbxmFrVR"
    "YqS/cIa0JxAKQbC2apHitoi2BqI1OM3Q38WodcnlSBHV5n67j89SbHVON9/PTd+a/f5Ewd"
    "b6/fv4mHZ/b9q7fXF4UJKOgo5ddaTUH/Mm2rev4DW8G7KedfoRe2mY9t9VnQ85K81lwSTE"
    "XBtWu4U4ZOsyZp1sQ7xsqZPzIk2gayLrCydTffbbTybcNcMiBbcLkIvPlBZCGMjH8H39mG"
    "M7WM73eBvLDfNLFtKOLidcpiStSjohiv6L3VE1eGb84nC8Ofe2W8//3p+r0Y7AJZ0XuGTB"
    "/8D9jI66wxUWZRTwNk+/TtfcDut4slzGCqZ+NFjl3gMuwCRTbu3aMFy7JyoOcZM8FLtHYz"
    "CKj1rmi+K4yl4RtS0VAphQrqaMH+2iS/57A6weewlOGzoAtf9PqsizaLKRQQCbv2HbgBxn"
    "LBfCmFgnbtrgCeLKHrRYXR5IDOUiq3nrcf1ucS4k8sJLeiMzTKQfz88KgBxnRUJcj8XKFH"
    "T2gAkVHXMyQKYNy3ps4EV4GWUw13QqDBlgabChD0RyxsImUtz1Np2KVhp/zBFQh61YgnBB"
    "psabDpSoX0d2Lzgd7ThlIavYhWq/VbV+vn0LD90HIiI80UyHrcG//cY4nGXASTPwPiG2Wo"
    "K71BORqVGm0fHZ68OHl5fHqSOH6SI3X+nrJxxIEOcR8mzlQC1RyNRlXUmDyYYjmTSEqxFZ"
    "PTgKIpD5uEoR1WB6EdCkLQHLKkD9AiT6RAqmt3DjlPRJcOqt5i6pYOChZWy1nPU+pZH8qs"
    "CzZ79PTZTqZx2ojkpOcI9ZwPZc6b7PSYS0sX7S0R6pxAXbR3y3DqemEb5lhK1QtLd/QWgF"
    "U7d7XE/KSL9mbeujYyPJFp8SIi/OGnjzDtUiiG+5xdRKGFXLDC2ohVvdgUpNfhdR7UxYn5"
    "VRzIaDYEKr6QslARh57aFCZ+EVUhgniJXIK3sJwu0yupCtbScBF7/g2R+jm6jEowdVms4S"
    "M0IRIXyIxPjeuKNbiZQQ2qYq7glMWcA8Nj/Q1NekOA8BisXOT7EIMpvKNiEjuFPGBgbwVd"
    "aJ3x8pQr4t4DkziQnrjzoct+upcUryQuK3lJ7vgfyPJERTJ7vbew5r5HAjcU+Via20ZF9+"
    "uyh5pmCkVy2Wb5EorkCdUUlEgmrbEXJKFQMHJx+6F0wmzRanR7zxDtz8fURVEJuIyEhqb4"
    "JgQKInzaBODTanxPS/De0ReeVFBLQjCMSBZ2W2UiWaLkMUmbYZ5KG2ELeSdh2XPBGq+UP7"
    "Ik/QVWPOtWCtlaVAWXmJetXIMFUu0n2ic/0dzAlt1q2vOUOtpjOA7gcJZLTpZqo3W3qvyC"
    "uBWaPD8zrlfkkzFr9fhfWIuIN8j/MZiCFVWnfWJbTAE2QGpAPQBXXJOewjldVkzptgmesc"
    "8v4a2g9YWex098rjenhE88wDsTlFX4/m67QceL9IqSYkiJsN+6BwMVRKr18rhGSsvSKrqa"
    "ysbVVNhmktEsszQKpFJ0bRfRkveWJW9Wyb6F+JUhU1Di3nfhK196awnxJFiUZ7g6uStLow"
    "BT6iO/ayN5VyQplefrGsMbQv9rGCuzmbt9CMLR2oCZknjYoOT7RurEJ+h54W8p6RPxqVqF"
    "wssMauAZzLWfowK8h2YYWgDhb7mgbhJyjyCYU5HfowI/L0/KZP/VHJlzQLD9wIexFluMmg"
    "rtAgWis7voDnkDVxb4TEo3bstTKVchfvv9mJDg1VsNL1LlpVuo7dKklvNJdSnnk1IlZ97o"
    "g3JpOUdenko5mI8bdW86rmnedFzu3aSTtarRV9c0z1rjtsnU8lSe7z2Z30aKoW7J9iimeW"
    "ct2fZoUvelJ9tAId3Xpmyf6Bxd4bcI349ECn16dlyr09NxE4QndjyygWLPxob6NqP2WNQs"
    "63B7xhrROwaiUBM3jKNdsPVA3CfeGCzoXNClARgVq750AJjkwRvXc6XsibdW1e/tvlr5Hw"
    "DfGmvlf9fKP2S7SgbhhEDBSNPjRv7A4xqH4HHZIxhzqjLItZW3s2S6Y5lEzW1tDahe7epa"
    "A7Sy2GbbDWmWmyqLuzf6DCyWaN/ndyCRmLwmhkDNimtlVCtYSf/pLhtfa3Vkp+qI7lCtO1"
    "TvaTKhbkLTbRMaXRNUXdlEK5bNtphaiqWERJpte7JEPi90smE1lKvkQnu4EhqVjXGgM4Xu"
    "hjC94xdRFaIov3lDjD6EV1EJpC5VQO7lFKiAsfezWgWM3axaBVRXBdy1q2RASmAnjhK2h2"
    "R1wSyNcig/RlW7pzhUrWjvoaKNvElLZ2qBUvtTJfyp2ryhzRvavPHozRu7qbI8zP0+pCLL"
    "+4gQsujsI3/jyuZX4XWUrWyeMSlOPGEiWWd2xX1cVpFZcY4W2rRYAxOhL4T5pLpQiQxS1+"
    "f0WufhpRRdVX1bYvcRo6hswIYYZSoUqLLvpKzVBVPjxJwbeCaw18SYxvU2GrQiYNd7lVxO"
    "kRUoad1PugwILPzZDgTVVv5ldtT6LBoMMs0kQEz8LfiSOfyFPyVwoIE9YNBvYUl6R5Acs/"
    "HltIdh4B4GXVQ9th02KhNwWFMm4LBcJmBp2IGAm36Cpgsr6kwlJEpgXGcv/O3m8lwnUjxS"
    "g5DugavyrAusv3VdryRz8cuUuhj/oBocDG0XdVLmYJGq1xtWOlAvZGpcKHaQX1nrG6TCfB"
    "+7DfGV64o3TIawFuIyUxxSWYlz6CJzPhKowdGZcZ0SbKRjBhPs9li6qm1YVbla81xCNza9"
    "NdU+MyRKaEeFyuDPmxQEpKOqa4M/L5UEZJtKAuFouILodqLf0zv6wndUdV+vDEn/nb12I2"
    "NtrYfXTtN2//5/DQXubQ=="
)
