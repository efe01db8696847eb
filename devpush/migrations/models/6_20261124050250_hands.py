"""The audit log, what takes how much of the disk, and a project's end that can be taken back. Adds only."""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "audit" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID,
    "who" VARCHAR(255) NOT NULL,
    "team_id" UUID,
    "team" VARCHAR(120) NOT NULL,
    "project_id" UUID,
    "project" VARCHAR(120) NOT NULL,
    "what" VARCHAR(60) NOT NULL,
    "target" VARCHAR(300) NOT NULL,
    "details" JSONB NOT NULL,
    "address" VARCHAR(45) NOT NULL,
    "agent" VARCHAR(200) NOT NULL
);
CREATE INDEX IF NOT EXISTS "idx_audit_team_id_3d5140" ON "audit" ("team_id", "id");
CREATE INDEX IF NOT EXISTS "idx_audit_project_72e15c" ON "audit" ("project_id", "id");
CREATE INDEX IF NOT EXISTS "idx_audit_user_id_982f2d" ON "audit" ("user_id", "id");
COMMENT ON TABLE "audit" IS 'One act. It names people and things as they were called then, and outlives them: no foreign keys.';
        CREATE TABLE IF NOT EXISTS "disk_sample" (
    "at" TIMESTAMPTZ NOT NULL PRIMARY KEY,
    "total" BIGINT NOT NULL,
    "free" BIGINT NOT NULL
);
COMMENT ON TABLE "disk_sample" IS 'The file system on which the engine keeps its things, as it was once an hour.';
        CREATE TABLE IF NOT EXISTS "project_disk" (
    "images" BIGINT NOT NULL,
    "caches" BIGINT NOT NULL,
    "containers" BIGINT NOT NULL,
    "source" BIGINT NOT NULL,
    "looked_at" TIMESTAMPTZ NOT NULL,
    "project_id" UUID NOT NULL PRIMARY KEY REFERENCES "project" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "project_disk" IS 'What a project''s own things took when they were last looked at. All sizes are bytes.';
        ALTER TABLE "environment" ADD "kept_images" INT;
        ALTER TABLE "project" ADD "cache_mb" INT;
        ALTER TABLE "project" ADD "ends_at" TIMESTAMPTZ;
        ALTER TABLE "project" ADD "drain_seconds" INT;
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'The table % keeps what it has.', TG_TABLE_NAME; END $$;
        CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit"
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
        -- An older version, which knows of no time to think again, would end a deleted project at once.
        CREATE TRIGGER project_ends_in_time BEFORE DELETE ON "project"
            FOR EACH ROW WHEN (OLD.ends_at > now()) EXECUTE FUNCTION refuse_change();"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TRIGGER project_ends_in_time ON "project";
        DROP TRIGGER audit_only_grows ON "audit";
        DROP FUNCTION refuse_change();
        ALTER TABLE "project" DROP COLUMN "cache_mb";
        ALTER TABLE "project" DROP COLUMN "ends_at";
        ALTER TABLE "project" DROP COLUMN "drain_seconds";
        ALTER TABLE "environment" DROP COLUMN "kept_images";
        DROP TABLE IF EXISTS "disk_sample";
        DROP TABLE IF EXISTS "project_disk";
        DROP TABLE IF EXISTS "audit";"""


MODELS_STATE = (
    "eJztXXtz2za2/yoY/5Pujq5vbMturrfTGTtxW+8mcSdxtt3bdBRKhCRck4SWIKVod/vdLw"
    "C+SZAiKJKiYMxkIpnAIakfXud9/n1iYxNa5PTGQgY5uQb/PnEMG9Iv2YYRODFWq+Qyu+AZ"
    "U4v3NOIuU+K5xsyjF+eGRSC9ZEIyc9HKQ9hhXb98ZxlTaH1/+t2bu5/fPvxj8ubh3c39++"
    "+/nDJ6E8/oDZCz2N3Vd9A/fTjx8AJ6S+hSgt9+p5eRY8KvkP2Q3347Wbn4/yB9G3r9iTac"
    "/M56rJ4mcwQtM/Nbkck68esTb7vi1z59un/zA+/J3mw6mWHLt52k92rrLbETd/d9ZJ4yGt"
    "a2gA50DQ+aKSQc37JCxKJLwY+gFzzXh/Hbm8kFE84N32J4nnw3950ZgxHwJ7H/xt+Hr5bq"
    "Npm8f3icfLx7nExOCvCzV8jBHF6aYYcNHXI8Pgn+CO6bABJMDfaA1z/dfPjm4upPHAJMvI"
    "XLGzlcJ39wQsMzAlI+DgnKfDyLQL9eGq4Y6JgghzV91W5QjgDqANIT2/g6saCz8Jb0z6uL"
    "Coj/fvOBo3x1wVHGdEkFC+192HLOmxjYCbh8hguxvXN8m+N7T1/IcGawgHNE2w7M0YUE52"
    "QzaA40W82mz1fANUi+f3ags0YudmzoeNcg9cdnZ+rSX7u8BsHnZ/o6Kwtvg47J9/zGU2f4"
    "zl/WGL7zl6XDx5qywxe8o8ziSCgaDVs49zsetYbL4/zysg7Al5flCLO2LMRGcBRk8b1Fi3"
    "vHEyMcEuTgRcGU6WJVvOwK3AV7g//6n/Pzi4tvz19eXL26HH/77eWrl69oX/66xaZvKwbg"
    "9v7H+/ePWejZhSzeMxcyfCaGAPY3tMVDNhQDn6XM4W+GpKfRl+HsUfUHhP5A88GxtuFCrM"
    "D68f7d3cfHm3c/s8fZhPzT4vjdPN6xlnN+dZu7+s1Vbl3ENwG/3D/+BNif4H8f3t/lD/G4"
    "3+P/nrB3MnwPTxy8mRhm6ryMrkaoZUY92VgnclxVgXAPBmtgm9s+7FSCbOpsk4S2SKmxzW"
    "K7cuEaYZ9IApsj06jmUeUCmDSoaao2xayjBZUJrvMnoVCVEnKzAP+AXYgWzt/gtsD85zAN"
    "Jf2fkzsdJ7DJ1WRBucYmlvdzM4siQH839AI+++bj65s3dydlO24L+N5l73aUG8JOiItHTQ"
    "Zm+hrg/ae3b09KeIYWYH6TuZmaKBd4pRogR2eVhrjmXpE52ksAZhvz1Jg9bQzXnGR2aNaC"
    "z3HuSty32GSf2/krhmMsOELsp7AXj3Syvom8O8dztycijW3SOqpU27J+9dS2Dw4EtMMpuP"
    "cAexoBK4hXFr3omMBbUrwJMAj9BrdgA10IZoZlQdYEnRHvhH3PQmvI+9j0B2EwD2YdeIJb"
    "UtT+9vLEOkpkDxp2OAfo/7T5t9wxEl31CXRTl6R0zVVaCCEbJFBChJN4uArQHpUQ5TpoeW"
    "WEVkIcnxIitRbrSh0pEi3GZcW4zRLLKKbD7kM2JgxJLZ06YOrO1RSJnqtFNGUma9S/v9l6"
    "0pXRNjtXz2rZqM4qjFRnRSvVgRU6Ss7YUgVO+aRNkeh5W2febpYivq/qCBNyfSqcYVd14L"
    "0qR/eqAK5nuFR+ktp0Ywrlpu/Fyzr40l6lAPO2LMIm9AxkCTQ3f/348L7MmhaT5EUXNPPA"
    "f4CFSGeq3pSz0tRHlocccsoeewh/JQZRRmqJkP7m3c2v+UF4/fbhNr9lsxvc5l0JTJO2Cg"
    "akfM6nSJSb9OM6bPG4nCseF301FkJlcAW8EYFy4J7X2lHOK3aU82BHKRiRDqO8vKV38Vcn"
    "AsVl2DKqUlpOkz61tJaeuz0FPyAHkSU0uV5wg+gE8T36HUDXxS5AHkBcS+jSe/h0wNklwr"
    "WOwPD495VlzKBYSdn2A+roJAk9QEP/GO3TelifVj5wUrx7RKAgb3lZa6u6rNiqLovMD/+U"
    "ADjqryC+nchGBP1LgG+VRSKiaOQYOTAZ/jCukWvoEvaiEtM6RaLgzB7Xmdjj8nk9Lkxrfv"
    "QWAX6EX0tmdUygAAdZZcq5+/WxWh6KLTlvH97/GHXPC0m5PSRhSAqIV1vXspTaynZMVrZ5"
    "yPU2GPYcaQvjPrBz5UiGOcKk2qXbRcy3osEwZyn1KA9+lCfSx2aOTB+e0oenC228brS8sp"
    "R6eQ1teQ1E4/Yauh6ao5nBvRcLard086hK9zbLddypgLsBS4oie9wIYBd8+fNpJpT7C9gw"
    "nRjADgSpezNl2QJjk/nrAcOyYpVZUQHXxQN2K+BKVW7sZWRkuqi/cuHN55d14ptprwpHmT"
    "DCuVz1tjYsoS8lxhY0nBIpOqLJQT6lRF0dVPGVfnfI24eHt5nN8fY+fxh9end79+GbMz4I"
    "tBPyStQVvuMhQeB+9eEUE+lzaWjnUiZKdwlnT82idDOUepQHPco6FvuZKGgGwnO+gSz4Qh"
    "ygErdVcptmutdOVvOXpeGBKZwxmyqeAwOsfLLkTCH9y4EbAowpM8oyY6sLKc7Iw+52xFlA"
    "xh6GLnVFFrPNG0smLUotPW3mPayZl2DflbPzJhQKmmvaz38D15IOPzGBgvC276P5BLcy4I"
    "bdFVDm9WBA7z1105AR7iREZoZtG3kTsjRkUM5SKYf01bjOJjEu3yTGJTDbkBDK1MkYAYqU"
    "CsDdtx1gThlcKR/vmEB7eFcPRgMPbyp5sN8js9+kSBTkSdpn+Qhl4KAj4qrLN5o0jd5ipL"
    "cYrQYqn+1qqYF0Sj6d4OyIQC1oLXWCsz4SnOnEWx0l3jqU0j0eAaHaPT0+VYr3TL9dqvdy"
    "jAXq7ox+OwqJ/L1KCZ7LwReqTn5P5WFil+ncDJxSHN+e0kfx9hypsE/qHolWpqwDlXTMCd"
    "ONaXX8YdXx4QAVkK6KWklo+kvorVzgCn2nxUKEfEWwf0LSo8TGrHQ9aTyPvxbA4Oa2Vikf"
    "yvKklcqKaXwCEA2fIie1bRcIFQC/l33FmaOFjBY/odBq/PbV+IaLGEACu8pHOHNhydaTIe"
    "tx4v/7jwMAf/uPx7sb4bYhZY1Kkew1kYepGehtxsZSanGj3l3IKybucc7Srj40JedtSHUN"
    "gs/PDpet6Thcg+jbZ4fHBvNr0bfPjov94FL4hfbyZzMITXaz+OtnZ24gi10KPj87M4aXxS"
    "/FXyntE1qtOGXw5WQQ/L8LDSJKDlDOKiUUCpzSfbNIS2yZIpG2XG2TUGiDSC5vl+dBeyU6"
    "OMqrrKVIlCm1dn42/nb86uJqHGtj4itVSpiiwgXZQqmpnG+PCXRVwFoMO8dr4kKfQNlgsj"
    "ypjimTiClLlOkSkztDpN4Eb1/7coBElYNG+KzODnJWvoGcFfaPJTQsT0pZm1AowKx1zQsH"
    "YE0cLBKKyhniHJkCQGtXseFsKeq6ikXCd4Nhz5HqeOAhxwNHCpWmGdv0OB/HOIdasia5hT"
    "KUepSHPMo6Ed/zGOeIs5puJT2OC4Rab6lrq2sn+SMGNUgvIIlphkhPUx12cKCwA11XvZ+6"
    "6smx3wLMnwg8QvVvXXwLHFINeMuSwujIGQHAmbNHOmomZdGwkEFE/ly3IeEPf/sALcMT10"
    "qISqSzm6iDdVYYxK4N3YnGaQdOYX4xtC9G6WxmCsI0w6sWIFJvf/tDKpAv7dy1wq6A7Ynw"
    "fHDgI6b/7Ub1Q3wnhRCViXZE5OmjYa/4byxGOyato8poR9pvQpKOOzMNPi4hmCMLArIlHr"
    "QBdsBmiWZLVuANQGeBHAieIFwRnhLQW1IoyAgY7E+woR+YsgKsNtySHojFdIOt332PdNby"
    "2sTuTH4HTW59/DrE8lBKD3uGILdzVSRlTKIDKRsHUs5dKFl1LaLQoEuBXlDxHCg0H9v0xw"
    "sPqqCl+pBK+tQoujDziYftuDTCNTsbqPC+hoTXJE00CTyNrQtN5MKZR07Bw5yeKJhAeuRg"
    "MLMMxM4f+gjsWFt+beWyeiPsfkt+5IgqMvT89F1JBqL3KGQZ0CH8Bw3hj8elgHV1vQyFy3"
    "u2WDUjLW8EC4yuEBmoc2QKONDlPRXHr2r5Ko5fVXgrssYSuFkoli8TByGgVKjAamsBEXRr"
    "x3OZmRwT9DiHk/3ZhGuWiuI0POyDg/z0O8uwp6bxfWd7dtd+5UcXpbiCDnNOlMQ7IrsG4Z"
    "fPDlMZ0h9tXoPoWxBsyHuFXz7TvoS9Lu0VfctzSodxp9ahhf2GFoaI1g8NsETsZLPACzXr"
    "gWVS9PL118DrLUeqvd6Gp7HSFaqe1yiHR+eEIGFK6B1erHliPdZDHutcIdG6p2OOTAF+pG"
    "t2L4WYdAidiFYByHuPo0vB2KiOpvAGen8b9P6mYyefYeykjs6QWtU6OmMQ2OroDB1LMCQ/"
    "YR1L0DnEOpZgGLEEh/FEubMNZFEh2+GGuYI7Srp5VOWTAlnHySzpWcMzxYEbEOYXAh4rrI"
    "yI88KLHDu20PsLMIBPJwf38GDlk2kfm+61IkeT/W62h1+kdhDpw0GEzy8Z9VBMoKBryEUt"
    "3dBFhXLooqgd8vATdCZ0cUilr8pStYP1gExVHWTA19qAZ6gNgF9XiN6twahnKRUc9SMZ5V"
    "qqPsZfSMrOKZJ+uYLjEJtluOLsOBQHIQqmalcsGST0O6WS1LQTS9UtihgpKVokYmSF7AoR"
    "I9dxp4TxC+XkKZsPmMsdWGBIrsEXKg+YPueFv3CPc8PBjOEHG+QtadegdBJYsTTUrgO+gV"
    "/pE3hH3oGJDV/+/OVPRQGk42ft8msnlr/QPu3DEllk/dkV9mW/qiOvXJWLK1fFcuFswkuA"
    "G/VXENxxHXDH5eCOi44C2JItD2X1XhaKrkTodLUj6KJ+PXuEdpDLn27XKIqZrxl1kSbR1S"
    "fywRZPcOVNeJkDmUiWHJWOYikCq3VC5VCrqxPStnZtax+SSqCOrV3n5Gol11SUAElnUtqB"
    "FA+Q3BelOF2CgghVlDSVwejv4W0UQqlLr4kfkfeTP73hqsqCQjNpHFWpMxfIW/rTiRH2q5"
    "Vpit40cG5gyZ1sw4RguuW5oOibojkkHphbeHPNdYcu3sQuDoAR/0gZmk+3k5uff578GRDo"
    "sYT+BGyQA/AausL8HT09s2Xvi1JRRMgzNRTsduswzwYtfZTrLemMFPKkVemIEhqdkEgAer"
    "0sUFqnmVRmq6VyO6vQuZ0VlW5aId9xtXsLlfnkV6iO00QKIt3JTA5BI7xofRHtqmL2BVIl"
    "MK/aewUF7VcuWrMIOmHB0Sr0coTPEbsNnC4xfmo0+Yq0zxFBre4t3zvVUvfu5c7UtrjKdZ"
    "xWqAkolVszvUY1BFiUJ9gpyT74LpcqqRRo0H+zGfYdj+U2Dt6gKIbWIWhZhqwSdvoVIxUR"
    "cyrkzWA85WXODJ2WOxvLnRGQFl4ggbW8ojh4nlCJ07wHSSkCjgPVAPCIrkd3m8gb9hj9mY"
    "hPWMa+RixXnlbn2hiyA75mrcsXmWatO2OtH1kU3EkpTx0012Gmvbjn7vhZB6RZ7xcEcGIw"
    "xy4g2IaA1ZYhyMOsqBHlm02wgq6NCKGdgyIhFnYWYbEQRMACY1MQWNvVU4Qe7elHhXwdme"
    "GVTtfexea+h2u7YJwkxKcisWbemxuN+PqQ4CFjAgWZ9fbDdeMNub6SMyZRAmBJ3aYOdFWW"
    "zx4Ix3VvQsdD3lbEbsVtlbwWSveqkadkY2wp1wMIWjBmCEwhoXcgoQ8Msqb463VaL0kfBz"
    "csHHAEnih+DvOXoQyRD13OHxF/ytwsR8DBHmsKk5aIcpr092AxN8ZpORMWkJ7QgfktDq5l"
    "qVXo+7iaORsWcxaPiwRTkKZR4tjqOoArWRt1IU4oVAS4Cy1ptOvIMLcJiUa5HsrSWv8DaP"
    "v7SrndBb7HkLmqJ3w7yVtFuR/KxUwaCGp5ylbqrAxXyBCJay6cU8Zi2QS9AukzhC/IftZc"
    "5hXRawPT0ARfbWCqt9erZWDK5fVqMuQpMj3eRzbeA8njNtytu3lQtjg7W1dpowcKacsZ2v"
    "pTv+7wIq3vPyrvOPq4RCRjjo6jDk/BvUebTGAb7hMBcA1dOmfoMIAN05U+QeYtyvSmb/Ds"
    "CbqASiTIgaKAxw6e0LJraoWKqcUgmgEl4a1Tmrm8LnNYlLlcX/oEtxNeG1BO/smQKaFskh"
    "R+5i4WVVkon54xgQqSYteGZ8MyXLsR15ml1OKkFie1eHF48WIo1nNnjbwK5i1u3cG6Zfrt"
    "ZNzuHQ8DA3jQsEfcdXCzxIyDAnjjBPbsyBjNs0awNBLcV9BhXNUMMt9Bln2CKWxXdAKPgA"
    "lnFmWvTJYt14Vr/AQFvou9PVVoPWePZY2BOl/byAdlIz8Go0xvzEsnZhkXWyVuiXeObxdE"
    "/KxpIaTt0QBmQ3sqHeASUl2D4POzY5g2oiIj//jMXHBYI//Ib061mMo6PGU5S6kLvByEcd"
    "cs3XNh6TK+KiypRoPosoRMC2pDFtS0X/OzGGYu2DSp2lwg1JWFc9wHFYckMU2RaJNatUkt"
    "Ejb3NKk9hrc5Tkh3mtRSE2p3KeFkRfdnqxzmyt+Ja2HzG1SJ23eBaCdQd72Lhb5yVVciGO"
    "5Uc5XjWqkg4uZwrR8alH5Iay+Gpr3QYnU57uqK1ZprbJUJ135tmgk/NLMoxYRrV8EjdhV8"
    "uPG95Y3nQXvlnQjY70x7JROO6SGxnBiprjXCtteIIA9wE3AU3hoUMlgaBEzhwqe8DvPQBv"
    "6KR0p7BMwMy2K/fcTCrZmBeOriDYnoKI3hCOskdP2wlj0ItbzQtrxANyAPStvWslTatrbT"
    "thauEGmg83QKGvHbB1vnEeghj8DKd+lWI5XAKUWiIa4BsYND3rAuwDGBcgHY7W8Sa+giej"
    "PBJlHlO5+mUgBkScd5B36V8puP+iuAVH6tv6y32l9WrfeXhRWvjfVNpuqQdIO1jPUH02YN"
    "00zXrjKrX83LMBE9VsVLVKtYoHNJlTEuV7ekqia3a/TMKS0SGygvZfc7yy4XXaHPRGvINm"
    "J+OcyPzLINM8DT1/L5ZH/XupDD6kIOWsZwQPqP9gsZ6AqG3dbV49uL70pFhqRpFMT5/OW4"
    "Tvw161bBo49fCaG28MwQgH2LsQUNpwLvmDCH+JRSdgV5fKVnCfLh4W2GI7+9zyUFf//p3e"
    "0dnescf9oJBUxIMVd4MFUpzyK7jxQI1RNFu0j9x2FrlFotTadCtLykhoQDIF2cM031XEFb"
    "+VMLzcTYPcKvVchlSRVY4VW6jrtfHzObarSOv3l38+ufMqqOtw/vf4y6p9b967cPt7kByM"
    "koxWOtoihGkbZRTYyBzeDDlMQokQubjEdbtUr0uMTHmov9qci5dsfulKLTW5P01sSrLsup"
    "P1IkWgeyy7GycUXsNsphN9lcUiCbcL3yyfI01BCGyr/T7yzDnprG94dAXlizHVsWFO3iVc"
    "JiQtSjoBjN6KOVEzeGN1tOVoa3JEW8//rx4b0Y7BxZ3nqGZh74D7AQ6ay4V2pST31kefT0"
    "PmXPO8QUZjBVb+P5HTu3y7Ab5Ldx8oRWLMrKhoQYC8EhWrkYBNR6VdRfFcba8Awpb6iEQg"
    "VxNKd/rRPfc1Ye4HNWiPBZ0YkvOj6rvM0iCgVYwq5tB67vOHLOfAmFgnrtrgCerKFLwsRo"
    "ckCnKZWbz+279bkYexMTyc3oFI1yEF+endfAmPYqBZm35epcBQoQGXE9RaIAxn1L6oxxFU"
    "g55XDHBBpsabApA0F/xMrCUtryLJWGXRp2uj+4AkavHPGYQIMtDTadqZD+Tme2pc+0oJRE"
    "L6LVYn3rYv0SGpYXaE5kuJkcWY9r47+PmKOZrfzJP33sGUWoS61BGRqVitWfn42/Hb+6uB"
    "rHhp/4SpW9p6gcsaGN3e3EnkqgmqHRqApQJf7UkVOJJBStqJwG5E15VscN7azcCe2s4IJm"
    "skcx4wt2TMGxWDpvC3QKmYRbm7ozY7aEcvtBmkRDKrKf23hNH9ggrilHqnPNDjmuibLcjW"
    "LXEjI9vkMeX53KrHzLVDeVmb8yG456llKP+lBGXbDYw7dPVyePwtgkBz1DqMd8KGNeZ6VH"
    "u7R0EvECoY5R1knEW4azIuRb5y+sE/Mtlb8wWdEtAKt2LH1h85NOIp4unokMIjJ13IaEP/"
    "ztA0wqD4vhvmE3UWgi56xCFmJZePYF6U1wn626ODE7rw0ZzZ5ARTdSFips06Z9YeI3URUi"
    "6KyRi50WptNdcidVwVobLmLvvydSfw9voxJMUsljUisUEUGR8wjMBwc+YvrfbkjDJDJvwt"
    "upwY/80SzJDgehPNFOhNHOZDuTaHB2pzb+heUH5nmGGeELwmo0AG9JfzQBHsZPYLOEPKPw"
    "FmygC4FlEA9YmJWrBYZ3Cm4sCxD0L0iAQVunWw+SYkrjrh6yRyrjCCk5ATBL1W8o2yAlwB"
    "Eoz92DbDrZRRtuRahsQtOfDf9lR6geJjCWGz4lUU9oNOoNUceOR18BurLIZ+g0+s3QJ9h3"
    "RWl5q5BPaDTqzVAPDugG5ogMoYLmiCMxP5Talwtq3XI1WVF4KLBYxdkRCQc1VZWpNJPHyF"
    "XtVFZmmcoauT/3yuf5Ac4gEtdQiZoqRQw31alG4ZQNnLK0BMAgAHlgRh8IkDMCGxd5HuX5"
    "p3COKUtPmxBl7h3C2H/zmlcw2WD3Ccywzbj+uQdd9tNJXN8Eu6wqCp7zP5ApEDp6frawLG"
    "NyyLBMSHvVZazkmmsmkwln32BXTJ/nWEXO0RJuosJRtoyXUCG4tf1oS2FCsXJ0e08i1p8b"
    "chd5R+E61OPWxTcmUBDhqzoAX5Xje1WAd04PPKm4p5hgGMFO7LHKBDsdWIs3TG30nn4xYW"
    "U8mSCGNIky0nSLrvaUY143kpRzpArKygq77i0Nx7QaDXuWUjvgK6UgaVOUX2G3RJLnLaNq"
    "QT7uU89K+CPyfvKnYGMwo51lMgHYAIlPyym455L0FC7ptGJCt4WdBfv8EjwKml9ou/PC43"
    "JzQviCAF68ssRu2Mtj97AkJneUZEMKhNqeWCmXR2l0G2bf1Ql399L2R4tJRrJM0yiQbaNr"
    "vYjmvFvmvFmxwwbsV4pMQY772JmvbHb2NXQm/qo4wuX5f9I0CmxKfaQAaskgaGbclveyCe"
    "7nAT0E5minWbDAHnZtGfwICQl+S0GeiJoqBQqS6lTDMhjWUadcucEZeIIWDjQBcv7CGfUZ"
    "xk8IgiVl+Qll+HkFG8b7b5ZotgTYsba8G6vCzqgp0y4QIDp7yh7ygi4c2IewwEdywsZNhm"
    "HNUilXRLD9kt1IcPSWw4tUOXRz6X/rlPsal1f7GheKffFasHSXljPkZamUg/miVoHvi4r6"
    "3hfF8t46f0Y5+uqq5ulKaZQ8g6g83kcyvrUEQ/h1hejtmmQ+ylDqYR70MKdqptdlqFMkOo"
    "dDdQ4Hn4hqPHSVamCgkO6U01MTqoaE3ptx8CMdo3vnLXKEEYWp1lGlTE/7TZAzsaKeNQR7"
    "1jeQtxk1YV6zmE6QazDdAttAFGrsBn60KzYfsPuCjMCKjoXHw/0AT9B9ChjnAZBHAqH8Bd"
    "kp6vf2XC38D2DfGmnh/9DCP2SrSgbhmEBBT9OLWvbAiwqD4EXRIhjtVEWQK4uzpcl0UXuJ"
    "smxaG1A+29XVBmhhscmyG9Io1xUWD6/0GZgv0bGP70A8MXmaQoGYFaUvLBewojyJOwWr8i"
    "HV4sjAxRFi+QsZNjnqr5wI0n6dTP4pAW3UX0EBpJNgQl2nuNs6xboMh7q8iRYs6y0xtQRL"
    "CY40XRl3jTyeKHHPBJX38Y2OcCaUWVwyK8mG9lScZksCpnf8JqpCFMY374nRHml3hgpSly"
    "Igt3IKRMDI+lkuAkZmVi0CqisCHtpUMiAhsBNDCVtDsrJgmkY5lJ+jqN2TH6oWtI9Q0EZk"
    "0tCYmqPU9lQJe6pWb2j1hlZvPHv1xmEK3wxzvQ+p7s0xIoRMOvrI27vY1H1wH2WLTaVUih"
    "MiDCTrTK94jNMqVCsu0UqrFitgwvRAWE7KE5XIIPVwQ+91E9xK0VnVtyb2GDEK0wbsiVEq"
    "Q4Eq605KW51TNU5mS8NZiEpiSBfoumP3ex3fTpEZKKndjwu/CTT86aJw5Vr+dbrX7igaB6"
    "Tq+4GI+C/gS+ryF/6WwIaGQ4BBvwUp6W1BcMzet9MWhoFbGHRS9Uh3WCtNwFlFmoCzYpqA"
    "tWH5gt30I5y5sCTPVEyiBMZV+sJ/PN7d6ECKZ6oQyljhVmbDUc9S6lEfyqgLtL9VhYglY/"
    "GLlDoZ/6AKHAxtFXWS5qC0Tpl0pgP1XKZGDWqVlewNLeArV6h8mBvCToiLm+KQ0krcQBfN"
    "licCMThsGVUJwUbSZzDObs+lqtqeWZXLJc81dCPVW13pM0WihHSUywx+WSchIO1Vnhv8sp"
    "ASkC0qCYTD7gqi24l8z+owC8+o8rpeKZL+K3sdhsdqrYbXQcN2//h/5HVttA=="
)
