"""When the disk is full, told from how it filled; and nothing told that isn't known."""

from datetime import UTC, datetime, timedelta

from devpush.deploy.disk import above, forecast
from devpush.deploy.findings import full
from devpush.ports import Sized

GB = 10**9
BEGUN = datetime(2026, 11, 1, tzinfo=UTC)


def hourly(*free: float) -> list[tuple[datetime, int]]:
    return [(BEGUN + timedelta(hours=hour), int(each * GB)) for hour, each in enumerate(free)]


def test_a_disk_that_loses_a_gigabyte_a_day_is_full_when_those_that_are_left_are_gone() -> None:
    left = forecast(hourly(*(60 - hour / 24 for hour in range(24 * 5 + 1))))
    assert left is not None
    assert round(left / timedelta(days=1)) == 55
    assert full(left) == "Full in about 55 days at this rate."


def test_what_a_sweep_gives_back_each_day_is_no_turn_of_the_tide() -> None:
    """It falls by 6 GB a day and gets 4 back at midnight."""
    left = forecast(hourly(*(40 - 6 * hour / 24 + 4 * (hour // 24) for hour in range(24 * 7))))
    assert left is not None
    assert timedelta(days=8) < left < timedelta(days=16)


def test_nothing_is_told_of_a_disk_that_empties_or_of_which_little_is_known() -> None:
    falling = [60 - hour / 24 for hour in range(24 * 3)]
    assert forecast([]) is None
    assert forecast(hourly(*falling[:20])) is None, "less than a day"
    assert forecast(hourly(*reversed(falling))) is None, "it empties"
    assert forecast(hourly(*[60.0] * 72)) is None, "it stays as it is"
    assert forecast(hourly(*(60 - hour / 2400 for hour in range(72)))) is None, "it would be years"
    sparse = hourly(*falling)[::12]
    assert forecast(sparse) is None, "seven looks in three days"
    assert full(None) == ""


def test_a_disk_that_is_as_good_as_full_says_so() -> None:
    assert full(forecast(hourly(*(30 - hour for hour in range(30))))) == "Full within a day at this rate."


# Budgets


def cache(name: str, mb: int) -> Sized:
    return Sized("volume", name, {}, mb * 1_000_000)


def test_of_caches_above_the_budget_the_largest_go_until_the_rest_fits() -> None:
    caches = [cache("pip", 300), cache("npm", 900), cache("go", 700)]
    assert above("shop", 2000, caches) == []
    assert [one.name for one in above("shop", 1000, caches)] == ["npm"]
    assert [one.name for one in above("shop", 300, caches)] == ["npm", "go"]
    assert [one.name for one in above("shop", 0, caches)] == ["npm", "go", "pip"]
    assert above("shop", 1500, caches)[0].why == "the caches of shop take 1.9 GB, and may take 1.5 GB"
