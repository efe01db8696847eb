"""Which changes a project watches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devpush.deploy.watch import concerns
from tests.patience import coming_to_an_end


@pytest.mark.parametrize(
    ("pattern", "fits", "other"),
    [
        ("apps/web/**", ["apps/web/a.js", "apps/web/src/deep/b.ts"], ["apps/api/a.js", "apps/webs/a.js", "web/a.js"]),
        ("apps/web", ["apps/web", "apps/web/a.js"], ["apps/website/a.js", "other/apps/web/a.js"]),
        ("apps/web/", ["apps/web/a.js"], ["apps/web2/a.js"]),
        ("*.toml", ["pyproject.toml"], ["apps/pyproject.toml", "pyproject.tom"]),
        ("**/*.py", ["a.py", "x/a.py", "x/y/a.py"], ["a.pyc", "x/a.js"]),
        ("packages/*/src/**", ["packages/a/src/b.ts"], ["packages/a/b/src/c.ts", "packages/src/c.ts"]),
        ("?.md", ["a.md"], ["ab.md", ".md"]),
        ("a**b", ["ab", "axxb"], ["a/b"]),
        ("**", ["anything/at/all"], []),
        ("[a].py", ["[a].py"], ["a.py"]),
        ("ü*.txt", ["über.txt"], ["uber.txt"]),
    ],
)
def test_patterns_are_globs_from_the_root(pattern: str, fits: list[str], other: list[str]) -> None:
    assert all(concerns([path], [pattern]) for path in fits)
    assert not any(concerns([path], [pattern]) for path in other)


def test_one_path_that_fits_is_enough() -> None:
    assert concerns(["README.md", "apps/web/a.js"], ["docs/**", "apps/web/**"])
    assert not concerns(["README.md"], ["docs/**", "apps/web/**"])
    assert not concerns([], ["docs/**"])


def test_without_patterns_or_without_paths_everything_counts() -> None:
    assert concerns(["README.md"], [])
    assert concerns(None, ["docs/**"])


def test_nobodys_patterns_keep_the_others_waiting() -> None:
    with coming_to_an_end(5):
        concerns(["a" * 500] * 2000, ["*a" * 120 + "b"] * 50)
        concerns(["a/" * 250] * 2000, ["**/a/" * 50 + "b"] * 50)


@given(st.lists(st.sampled_from(["a", "bc", "d.e"]), min_size=1, max_size=6))
def test_a_path_fits_itself_and_its_folders(parts: list[str]) -> None:
    path = "/".join(parts)
    for depth in range(1, len(parts) + 1):
        assert concerns([path], ["/".join(parts[:depth])])
        assert concerns([path], ["/".join([*parts[: depth - 1], "**"])])
