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
