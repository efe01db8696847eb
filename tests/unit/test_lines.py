"""Secrets never pass, levels are guessed kindly, and a flood keeps its first and newest lines."""

import json

import pytest

from devpush.deploy.lines import BURST, MASK, NEWEST, Cap, Dropped, level_of, mask, secrets_of
from tests.patience import coming_to_an_end

KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ==\n-----END KEY-----"


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("s3cret-value", "the key is s3cret-value!", f"the key is {MASK}!"),
        ("s3cret-value", "s3cret-values3cret-value", MASK * 2),
        ("s3cret-value", "s3cret-valu", "s3cret-valu"),
        ("(a+)+$[x]\\", "x(a+)+$[x]\\y", f"x{MASK}y"),
        ('quo"ted\\one', json.dumps({"a": 'quo"ted\\one'}), f'{{"a": "{MASK}"}}'),
        ("p@ss/word&1", "https://u:p%40ss%2Fword%261@db/x", f"https://u:{MASK}@db/x"),
        ("grüße-aus-wien", json.dumps("grüße-aus-wien"), f'"{MASK}"'),
        ("grüße-aus-wien", "so: grüße-aus-wien", f"so: {MASK}"),
        (KEY, "MIIEvQIBADANBg", MASK),
        (KEY, "  kqhkiG9w0BAQ==  ", f"  {MASK}  "),
        ("short", "short", "short"),
        ("production", "NODE_ENV is production", "NODE_ENV is production"),
        ("", "nothing", "nothing"),
    ],
)
def test_secrets_are_masked(value: str, text: str, shown: str) -> None:
    assert mask(text, secrets_of([value])) == shown


def test_the_longest_secret_wins() -> None:
    assert mask("12345678-abc", secrets_of(["12345678", "12345678-abc"])) == MASK


def test_many_secrets_and_long_lines_hold_nobody_up() -> None:
    secrets = secrets_of([f"secret-number-{number}" for number in range(200)])
    with coming_to_an_end():
        for _ in range(20):
            mask("secret-" * 2000, secrets)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("ERROR: it broke", "error"),
        ("[error] it broke", "error"),
        ("2026-11-23 12:00:00,123 ERROR root: it broke", "error"),
        ("2026-11-23T12:00:00.123Z WARN slow", "warning"),
        ("[2026-11-23 12:00:00 +0000] [7] [INFO] Booting worker", "info"),
        ("INFO:     Uvicorn running", "info"),
        ("WARNING:root:x", "warning"),
        ("error: cannot find module", "error"),
        ("npm ERR! missing", None),
        ("time=x level=warn msg=slow", "warning"),
        ('ts=1 level="error" msg=x', "error"),
        ("\x1b[31mERROR\x1b[0m red", "error"),
        ("FATAL:  database is gone", "error"),
        ("DEBUG x", "debug"),
        ("CRITICAL x", "error"),
        ('{"level": "warn", "msg": "slow"}', "warning"),
        ('{"level": 50, "msg": "pino"}', "error"),
        ('{"severity": "ERROR"}', "error"),
        ('{"level": null}', None),
        ('{"level": "error"', None),
        ("{" * 3000, None),
        ("no error here", None),
        ("Information about errors", None),
        ("GET /error 200", None),
        ("INFORMATION", None),
        ("", None),
    ],
)
def test_levels_are_guessed(text: str, level: str | None) -> None:
    assert level_of(text) == level


def test_hostile_lines_hold_nobody_up() -> None:
    with coming_to_an_end():
        for text in ("[" * 16_000, "[1 " * 5_000, "2026-" * 3_000, '{"a":' * 3_000, "\x1b[" * 8_000, " " * 16_000):
            for _ in range(50):
                level_of(text)


def through(cap: Cap[int], lines: range, *, a_second: float, start: float = 0.0) -> list[int | Dropped[int]]:
    return [item for at, line in enumerate(lines) for item in cap.take(start + at / a_second, 50, line)]


def test_a_busy_app_is_kept_whole() -> None:
    assert through(Cap(), range(20_000), a_second=900) == list(range(20_000))


def test_a_burst_is_kept_whole() -> None:
    assert through(Cap(), range(int(BURST)), a_second=1e9) == list(range(int(BURST)))


def test_a_flood_keeps_its_first_and_newest_lines_and_says_what_is_missing() -> None:
    cap: Cap[int] = Cap()
    kept = [*through(cap, range(200_000), a_second=100_000), *cap.rest()]
    numbers = [item for item in kept if isinstance(item, int)]
    dropped = [item for item in kept if isinstance(item, Dropped)]
    assert numbers[: int(BURST)] == list(range(int(BURST)))
    assert numbers[-NEWEST:] == list(range(200_000 - NEWEST, 200_000))
    assert numbers == sorted(numbers)
    assert len(numbers) + sum(item.count for item in dropped) == 200_000
    assert len(numbers) < BURST + 2 * 1_000 + 2 * NEWEST


def test_long_lines_count_for_several() -> None:
    cap: Cap[int] = Cap()
    kept = [item for line in range(5000) for item in cap.take(0.0, 16_000, line)]
    assert len(kept) < 400


def test_a_clock_that_jumps_back_stops_nothing() -> None:
    cap: Cap[int] = Cap()
    assert list(cap.take(1e9, 1, 1)) == [1]
    assert list(cap.take(0.0, 1, 2)) == [2]


def test_without_room_only_the_newest_wait() -> None:
    cap: Cap[int] = Cap()
    assert [item for line in range(500) for item in cap.take(0.0, 1, line, room=False)] == []
    assert list(cap.rest()) == [Dropped(400, 399), *range(400, 500)]
