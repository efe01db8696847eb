"""What the models can't say: the sequence of acts, grammars checked once more by the database, the log tables."""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return r"""
        CREATE SEQUENCE IF NOT EXISTS act;

        ALTER TABLE project ADD CONSTRAINT project_slug_grammar CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$');
        ALTER TABLE project ADD CONSTRAINT project_root_grammar
            CHECK (root_dir !~ '(^/|(^|/)\.\.(/|$))' AND root_dir !~ '[[:cntrl:]]');
        ALTER TABLE project ADD CONSTRAINT project_health_grammar CHECK (health_path ~ '^/([^/[:cntrl:][:space:]]|$)'
            AND health_path !~ '[[:cntrl:][:space:]]');
        ALTER TABLE project ADD CONSTRAINT project_limits CHECK (cpu_quota >= 1000 AND memory_mb >= 16);
        ALTER TABLE team ADD CONSTRAINT team_slug_grammar CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$');
        ALTER TABLE environment ADD CONSTRAINT environment_slug_grammar
            CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$');
        ALTER TABLE alias ADD CONSTRAINT alias_label_grammar CHECK (label ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$');
        ALTER TABLE variable ADD CONSTRAINT variable_key_grammar CHECK (key ~ '^[A-Za-z_][A-Za-z0-9_]{0,99}$');
        ALTER TABLE variable ADD CONSTRAINT variable_once
            UNIQUE NULLS NOT DISTINCT (project_id, environment_id, key);
        ALTER TABLE deployment ADD CONSTRAINT deployment_commit_grammar
            CHECK (commit_sha ~ '^([0-9a-f]{40}|[0-9a-f]{64})$');
        ALTER TABLE installation ADD CONSTRAINT installation_grammar CHECK (id ~ '^[0-9a-f]{8}$');
        CREATE UNIQUE INDEX installation_one ON installation ((true));
        CREATE UNIQUE INDEX environment_position ON environment (project_id, position, id);
        CREATE INDEX deployment_unfinished ON deployment (number)
            WHERE state IN ('queued', 'building', 'starting', 'routing');
        CREATE INDEX deployment_newest ON deployment (project_id, number DESC);
        CREATE INDEX deployment_addressed ON deployment (project_id) WHERE address IS NOT NULL;
        CREATE INDEX alias_target ON alias (deployment_id) WHERE deployment_id IS NOT NULL;
        CREATE INDEX alias_previous ON alias (previous_id) WHERE previous_id IS NOT NULL;
        CREATE INDEX member_of_user ON member (user_id);
        CREATE INDEX session_of_user ON session (user_id);

        CREATE TABLE log_line (
            id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            project_id UUID NOT NULL,
            deployment_id UUID NOT NULL,
            at TIMESTAMPTZ NOT NULL,
            source TEXT NOT NULL,
            stream TEXT NOT NULL,
            level TEXT,
            text TEXT NOT NULL
        );
        CREATE INDEX log_line_deployment ON log_line (deployment_id, id);
        CREATE INDEX log_line_project ON log_line (project_id, id);
        CREATE TABLE log_cursor (container TEXT PRIMARY KEY, cursor TEXT NOT NULL, updated_at TIMESTAMPTZ NOT NULL);
    """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TABLE log_cursor;
        DROP TABLE log_line;
        DROP SEQUENCE act;
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
