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
        CREATE INDEX IF NOT EXISTS "idx_deployment_project_3c6572" ON "deployment" ("project_id", "state", "number");
        CREATE INDEX IF NOT EXISTS "idx_deployment_project_abab02" ON "deployment" ("project_id", "branch", "number");
        CREATE INDEX IF NOT EXISTS "idx_deployment_project_b071b3" ON "deployment" ("project_id", "environment_id", "number");

        CREATE INDEX deployment_of_environment ON deployment (environment_id, number DESC);
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
        DROP INDEX IF EXISTS "idx_deployment_project_b071b3";
        DROP INDEX IF EXISTS "idx_deployment_project_abab02";
        DROP INDEX IF EXISTS "idx_deployment_project_3c6572";
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
    "q7MronMyA0u2fnp87wnhu3zvRejbHA3J2zb9M3GOUCXmjcrjKC48CZUlo6JHe44PdsNiqy"
    "uxRH0YXtw5qrpOaaqgFUBbImzGim7fS7tdNHE1RCui6GMqXpL4yyS0F2J5GU9JlmMxHy1f"
    "pyhqRHVY6573oyhe5/BPbg1ra2Ne/KJaWtzYqZgkIQjYAiJ8W2S4QKgN8LX8F3aCZj3k8p"
    "tH1/+/Z9w0UMIIHD5RM0XVjBenJkPS78v/7eAfAXv91cngvZhpSbKkOy0UIepsmgtxWbaK"
    "lt0icT4h7XLB0aQEty3UZUZyD8vMVct6bzcAbib7fsR7o+PxZ/u8UuCcJD0Rc6KjBNCC12"
    "seTrLb4zkM0OhZ+32GR42fxQ8pXS3qPFglOGX0aDkP9daHgUJQlRKaVQ4C3dt4g0J7YlUm"
    "mrzTYphfaUFDJbfR86C9GLozq3NUOiTILr0eHJi5OXx6cniTUmOVJnhCkbXJAj1Jqq5faE"
    "QOdiNxLYOV4TFwYeFJhuLwixoYFroM6QFhCfUtqulm9ypGdR8fr6bY7/XlwVGezndxeXH5"
    "8e8imgg5BfYUlMjekSiztHpN4C3771Jfa9SGCcIVEP4cMmHOSwmoEclvjHHBq2L2WsTSkU"
    "ENa6loVDsCaYiJSiaoG4QKYA0DqGbDgsRd0Yslj5bjHtBdItzPvA3iR7Ms0xJrXzHBtUWs"
    "xzgVTP85DnObKStZjmPKWe5SHP8h3CyJu3elkXSPU8D3meY8lq+iAZilwi1HZLXdFKR8/v"
    "Mahh3QFJTHNEepnqfARdzWpfIG5VzSp97W8B5s8e3EPzb1N8SxJSA3irqsXolBoBwLl3j3"
    "Q6TcajwUr8i+K5LiLCH376CG2D/4xKwJNWAmpgnVcGietAd6JxWoNTVHgMbYpRtsyZgjCZ"
    "ZLEFiNTjb39LZfhlg7sWxBWVf48IrzG8IfS/9ah+TK6kEKIyaZDEodQjUQpkeGZcm/6Yjl"
    "lbdfAcmIHnEwfMqQrB7nUGkA+oPLSEHjBwttcDLxnoQgu5VCD2DsD1HaBz50GwmhNg2gZy"
    "WLlAOgrbD/wYlZ2X0GLXmxse/SiXJuz97usSOuPnKGV06qzInWZFJvNSwromGCFDo2A+09"
    "HzJu1t6KiakLFSg5t4g9EdIgN1gUyBmIRi8MfJy0bhHycvawJA2MkKuFl0u6hqcGVoqYCy"
    "VYTpwF6g244xpayd3Mms5ISgxzWc8mcLLll270H0sg9f5Aff2YYztYzvO+PZXYfq7V3ixw"
    "JiFu8hiXdMdgaiL7eYaWH0R1tnIP4W5m/wUdGXWzrWY49LR8XfipKSztZ4BHFp8wjR5tGW"
    "dvuOckXGP6C+fZ1INvH+axFIUCDVgQSDDiSYQ/O+XXBnjlLP8pBnOXp1TjwkLL+5JjCoSK"
    "zneshzbULXp/zXrJQhK7ZznkwBeaRrcS+DmHRWgohWAch7T03IwBhgHwk6Oa95iYkuoPnb"
    "oPmbTkd5hOkoOuBValfrgNdBYKsDXnV45pBCr3R4ZucQ6/DMYYRnVkcQSoXrSEaiXDoGsq"
    "mSjbljrhSOkj09rotJgWzgxExHNohMwXAFopINwGdNLJGHn/hxYMcD9L8FBgjo4uARHqxV"
    "JR3jUF4rCjTZ7GLr+17qAJGdBojw9SVjHkoIFAwNOW5kGzquMQ4dl61DPrmHeEI3h1RFkD"
    "zVdrAekKuqg6LC2hrwCK0B8OsC0au1mPU8pYKzviez3MjUx+QLSd05Q9KvVLAfarOMVJyf"
    "h/IkxPHp21VLBgn9Wq0ks+zEWvUWVYyMFi1SMfJKdo2KURi4VsP4hUryVMwHLOQOzAj0zs"
    "AXqg9YAZeFv/CIcwMTJvCDFfLndGjYjQIsWGVPF4On8Cu9Ax/IBzC14cs/vnxTVkA6vte6"
    "uHbPDmY6pn1YKotsPLvCsezbbxfPF7wEuPF4BcE9aQLuSTW4J+VAAWLLdtywe++0QXcixF"
    "1xBN0nqeeI0A7KI1N2jeI0xIZZF1kSXdC7mGyhTRfVUKtrutAuYe0SHpLm2sQlrKtxbKXK"
    "RFz6QNdQWIMUz+PbFKUkq19BhGqamclg9HN0GYVQ6tK5/wb5PwbTc25RK9nd0pPjOqvbDP"
    "nzYDoxonFrjW43cwjoRUMf/MrwgGNYEEwf6AFIv2N0Bz0f3NlkdcZNXC5ZJZ54wIjfUIHm"
    "88Xk/MOHyT+AB31WytcDK4QBWUJXWGaip3tuOUigUgsRykwt9Y/1prbDQWsf1eY1uiKFMm"
    "ldI+2URjfSFoDerJG2Nr2lPVkaWYYOa0xDh2XbkLYbd9zn1kZVoeM1Fs4skYJId7KSI9A8"
    "3q62jHZdG9sSqRKY1/FeQSvbhYuWLNFL2GqsDr0C4WPEbgWnc0LuWy2+Mu1jRFCbe6t5p1"
    "rm3o2ibratrnIbpx1ZAir11tyocQMFFhUJ1mqy14HLtUqqBRr0n2mSAPtUfwThE5TV0CYE"
    "W9Yh65SdftVIRdScGn0znE95nTNHp/XO1npnDKRNZkjg1K1pC1okVOJt3oOmFAPHgWoBeE"
    "zXY1RIHLS5j2E3XuCxwnKtRK4irS4JMeQ4cS1aV28yLVp3JlrfsGStUaVMHZ5uIkz7ycj1"
    "aZ4YZEXvJx7gxOCOuMAjDgSsqryHfMLaGVC52QIL6DrI8+hgbwwMD9gEzwAv8Q2QB2aEWI"
    "L8z67uIgy8zt4qkus8kyx0VfEumPsGEdiCeZJQn8rEWnhv7zTi+0NChkwIFBTWt59VmjDk"
    "5kbOhEQJgCVtmzofU1k5eyAS15UFsY/8B5G4lZyrlbVQdlSDchor44FKPcBDMyYMgSn06B"
    "W8KAYG2VPy9Sxrl6S3gyuWtTYG9xQ/zOJlqEAUQJfLR14wZWGWY4CJz05FtTVEpTf6u7FY"
    "GuO0XAgLSUd0Yn5PckBZBRD6PK4WzoYlnCXzIiEUZGmUeG11nWeU7o2mEKcUKgLchZU05j"
    "oywm1KolFuhrK01X8H1v6+KkN3ge8+FFjqCd9OyitR6YdKMZMWilqRcivtQIarZIjUNRfe"
    "UcFi3ga9EukjhC8s0tVe5xXRawfT0BRf7WBqxuvVcjAVyk+1mfIMmZ7vPZvvgZQbGy7rbp"
    "+ULS4i1lV144FCuuVCYv2ZX9dEkTaPH5UPHL2ZIy/njk6yDg/AlU9PWcAx3HsPwCV06Zqh"
    "0wBWzFZ6D1m0KLObvibmPXQB1UgQhqKExw7usOXQ1BoT0xaTaAZUK7ZJB+Hq9sFR7+Bqe+"
    "k9fJjwFnZy+k+OTAljk05j0KLRoD1/eIn8mhdPcnbNayc3bu1L5wr7BBjAh4Yz5mFPqzlh"
    "3B+QFQ59cbEjjWe8sxR4HueE2RvBhCzuiWXOM2PTgi7gMbCgadNXg8UKUrpwSe6hIO6qt7"
    "sKPX/stuxkaIrU/r1B+ff2waDcm2zQiUnZJXbrrusxbY/Gewc6U+ng/IjqDISft9iwHETF"
    "Xf5xy8IH2En+UWROjSKxmgRiVcdh6R4KO4l20yLdYxHpcn52VhCgRWZMSqZ9FkP2WeiYzE"
    "cxzVyxadMYtUSom3cWpA+qDklimiHR7oB6d0CsbG7oDriJLrOfkK51B2QW1PpunemO7s/P"
    "MsydvxbXEvMbVBfJd6FqJzB3vUuUvmpTV6oYrjVzVeNaayDirjxtHxqUfUhbL4ZmvdBqdT"
    "Xu6qrVWmrcqhCuY3K0EL5rYVFKCNdhTnsc5nR9Hvjzc9+HzsIfCcTv3PlaIZzQl8R8YmSG"
    "Nkg5XSIP+YC7gOPUvLAIO+uxPoWzgMo6LLoUBAue5el7wDRsm/32MUsVZQ7iqUtWXkxHaQ"
    "wsrPHe9c10B/gBcP46fYEyIB9K+9byVNq3tta3Fu0QaaCLdAo68bcPts6B7iEHehG4lNVI"
    "FZ/JkGiIG0CMSSQbNgU4IVAueXT7TGIJXUQvJmASdXG/WSoFQJYM+sXwq1RCfjxeAaSKe/"
    "1Zs93+rG6/PyvteO2sb7NUh2QbbOSs35k1a5huun1OMBsmovtqeIn7rApsLpkWrNXmlkzH"
    "1+06PQtGi9QHyttw/cEqY0VFXFlJVIZs9lix6OUf2uixW6PHTnutDcjQsf1q67rNWrfNvz"
    "h7CVypFJAsjYI4Hz07aZIkyobVCOMnL4VQ28Q0BGBfEGJDA9fgnRAWEJ9Syq4gT470rCpe"
    "X7/Nid4XV4XKxe8/v7u4pGud408HoVDaKBc0DpcqFU5k+UiJUD2ds4v6ZBy2VvWfsnSPsP"
    "gTB0C6g2CW6rGCtgimNjLF2N3Ar3XI5UkV2OF1Ro3LX29yTDXex0/fnf/6Tc6m8fb6/Zt4"
    "eGbfv3p7fVGYgIKOUn6t1VTuL9O2Ktw/sBW8m7r9FXphm/nYVkMFPS/Ja80lwVQURbuGO2"
    "XoNGuSZk28Nayc+SNDom0g6yIoW7ft3UbP3jbMJQOyBZeLwJsfRKbAyMp38J1tOFPL+H4X"
    "yAsbSxPbhiIuXqcspkQ9Korxit5bPXFl+OZ8sjD8uVfG+9+frt+LwS6QFd1kyPTB/4CNvM"
    "46EGUW9TRAtk/f3gfsfrtYwgymejZe5NgFLsMuUGTj3j1asHQqB3qeMRO8RGs3g4Ba74rm"
    "u8JYGr4hFfaUUqigjhbsr00SeQ6rM3kOS6k8C7rwRa/PurCymEIBkbBr34EbYCwXtZdSKG"
    "jX7grgyRK6XlQBTQ7oLKVy63n78XsuIf7EQnIrOkOjHMTPD48aYExHVYLMzxWa8YQGEBl1"
    "PUOiAMZ9a+pMcBVoOdVwJwQabGmwqQBBf8TCJlLW8jyVhl0adsofXIGgV414QqDBlgabrl"
    "RIfyc2H+g9bSil0YtotVq/dbV+Dg3bDy0nMtJMgazHvfHPPZZozEUw+TMgvlGGutIblKNR"
    "qaP20eHJi5OXx6cnieMnOVLn7ykbRxzoEPdh4kwlUM3RaFRFHciDKZYziaQUWzE5DSia8r"
    "BJGNphdRDaoSAEzSFL+gAtEkIKpLpI55ATQnSNoOotpm6NoGBhtZz1PKWe9aHMumCzR09f"
    "3uvSlVpLhDoRTFdq3TKcukhUn0Wi0h29BWDVTlgsMT/pSq0ZN7mNDE9kZrqICH/46SNMW9"
    "OJ4T5nF1FoIRcscjZipQ42Bel1eJ0HdXFiNnYHMpoNgYovpCxUxKGnNoWJX0RViCBeIpfg"
    "LSyny/RKqoK1NFzEnn9DpH6OLqMSTF1m6H+EJkTiqojxqXFdhr6bGdSgFOIKTln8MTA81t"
    "TOpDcECI/BykW+DzGYwjsqJrFTyAMG9lbQhdYZr0m4Iu49MIkD6Yk7H7rsp3tJxULisjqH"
    "5I7/gSxPVBmx13sLC617JHBDkY+lPG1Uab0uk6Rp1kgkl20WO69IzkhNcYFk0hpbxBMKBa"
    "PYth9WJcwcrEa392zB/vwNXRQYgMtIaGiKb0KgIMKnTQA+rcb3tATvHX3hSQU4JATDiGpg"
    "t1UmqiFKJJK0GeaptBG2kIMQ1roWrPFK+SNL0p+T/Vm3UsjWPOxcYl62chMVSLWfaCh+oi"
    "bewbmBLbvVtOcpted/OM7AcJZLTpbdFNv7CBfErdDk+ZlxvSKfjFmrx//C+gK8Qf6PwZQ3"
    "pveJbTEF2ACpAfUAXHFNegrndFkxpdsmeMY+v4S3gtYXeh4/8bnenBI+8QAvR19W4fu77Q"
    "ZtDtIrSoohJcJ+c+AHKohU6+VxvYyWZTZ0ZY2NK2uwzSSjWWZpFAir79ouoiXvLUverHx5"
    "C/ErQ6agxL3vwle+DNMS4kmwKM9wdaJPlkYBptRHrs9G8q5IUirP1zWGN4T+1zBWZjN3+x"
    "CEo7UBMyXxsEGd743UiU/Q88LfUtIn4lO1CoWXGdTAM5jrOUYFeA/NMLQAwt9yQd0k5B5B"
    "MKciv0cFfl6qksn+qzky54Bg+4EPY32VGDUV2gUKRGd30W3RBq4s8JmU7taVp1KuWvj2m/"
    "Agwau3Gl6kyku3UOejSV3fk+qyvielqr68uwPl0nKOvDyVcjAfN2rZc1zTsee43LBHJ+5U"
    "o6+uaZ71Q22TteOpPN97Mr+NFEPdh+tRTLPuKq9OI66BQrqvnbg+0Tm6wm8Rvh+JFPr07L"
    "hWp6fjJghP7HhkA8WejQ31bUbtsahZ1tb0jHUfdwxEoSZuGEe7YOuBuE+8MVjQuaBLAzAq"
    "VonnADDJg3cr50rZE2+tqt/bfbXyPwC+NdbK/66Vf8h2lQzCCYGCkabHjfyBxzUOweOyRz"
    "DmVGWQa6swZ8l09yqJ+svaGlC92tW1Bmhlsc22G9IsN1UWd2/0GVgs0b7P70AiMXlNDIGa"
    "FdfKqFaw4qIcnXY71urITtUR3a1Ydyve02RC3ZCk24Ykuj6kurKJViybbTG1FEsJiTTbAm"
    "OJfF7oZMNqKFfJhfZwJTQqG+NAZwrdDWF6xy+iKkRRfvOGGH0Ir6ISSF2qgNzLKVABY+9n"
    "tQoYu1m1CqiuCrhrV8mAlMBOHCVsD8nqglka5VB+jKp2T3GoWtHeQ0UbeZOWztQCpfanSv"
    "hTtXlDmze0eePRmzd2U2V5mPt9SEWW9xEhZNHZR/7Glc2vwusoW9k8Y1KceMJEss7sivu4"
    "rCKz4hwttGmxBiZCXwjzSXWhEhmkrs/ptc7DSym6qvq2xO4jRlHZgA0xylQoUGXfSVmrC6"
    "bGiTk38Exgr4kxjettNGhFwK73KrmcIitQ0rqfdBkQWPizHQiqrfzL7Kj1WTQYZJpJgJj4"
    "W/Alc/gLf0rgQAN7wKDfwpL0jiA5ZuPLaQ/DwD0Muqh6bDtsVCbgsKZMwGG5TMDSsAMBN/"
    "0ETRdW1JlKSJTAuM5e+NvN5blOpHikBiHdD1XlWRdYf+u6Xknm4pcpdTH+QTU4GNou6qTM"
    "wSJVrzesdKBeyNS4UOwgv7LWN0iF+T52G+Ir1xVvmAxhLcRlpjikshLn0EXmfCRQg6Mz4z"
    "ol2EjHDCbY7bF0VduwqnK15rmEbmx6a6p9ZkiU0I4KlcGfNykISEdV1wZ/XioJyDaVBMLR"
    "cAXR7US/p3f0he+o6r5eGZL+O3vtRsbaWg+vnabt/v3/GmJbqg=="
)
