"""What people may type, and what is refused in words (A1, A2, A3, A4, A6)."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devpush.adapters.git_address import parse
from devpush.errors import Refused
from devpush.models import rules

SHELL = [";id", "$(touch /tmp/canary)", "`id`", "|id", "&id", "a\nid", "a\0id", "x" * 8192]
GIT_OPTIONS = [
    "-x",
    "--upload-pack=touch /tmp/canary",
    "-c core.sshCommand=id",
    "ext::sh -c id",
    "file:///etc",
]
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass
class Defaults:
    default_memory_mb: int = 4096
    default_cpu_quota: int = 100_000


def refused(rule: Callable[..., object], *given: object) -> Refused:
    with pytest.raises(Refused) as caught:
        rule(*given)
    assert str(caught.value).endswith((".", "?")) or "like" in str(caught.value)
    return caught.value


# Repositories


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://github.com/ada/engine", "https://github.com/ada/engine"),
        (" HTTPS://GitHub.com:443/ada/engine.git/ ", "https://github.com/ada/engine.git"),
        ("https://git.example.com.:8443/~ada/a.b_c-d", "https://git.example.com:8443/~ada/a.b_c-d"),
        ("https://[2001:db8::1]/ada/engine", "https://[2001:db8::1]/ada/engine"),
        ("git@GitHub.com:ada/engine.git", "ssh://git@github.com/ada/engine.git"),
        (" SSH://github.com:22/ada/engine/ ", "ssh://git@github.com/ada/engine"),
        ("ssh://alice@git.example.com.:2222/~/a.git", "ssh://alice@git.example.com:2222/~/a.git"),
        ("git@[2001:db8::1]:/srv/a.git", "ssh://git@[2001:db8::1]/srv/a.git"),
    ],
)
def test_a_repository_has_one_address(text: str, url: str) -> None:
    assert rules.repository_url(text) == url == rules.repository_url(url)


@pytest.mark.parametrize(
    "text",
    [
        *SHELL,
        *GIT_OPTIONS,
        *(f"https://github.com/ada/{text}" for text in SHELL),
        "",
        "/srv/git/repository",
        "../repository",
        "http://github.com/ada/engine",
        "ssh://",
        "ssh://git@github.com",
        "ssh://-oProxyCommand=id/ada/engine",
        "ssh://git@-oProxyCommand=id/ada/engine",
        "ssh://-lroot@github.com/ada/engine",
        "ssh://git:secret@github.com/ada/engine",
        "ssh://git@github.com/ada/%0aengine",
        "ssh://git@github.com/ada/../engine",
        "ssh://git@github.com/-ada",
        "ssh://git@github.com:0/ada/engine",
        "ssh://git@github.com:99999/ada/engine",
        "ssh://git@github.com/ada/engine?x=1",
        "ssh://git@{{.Host}}/ada/engine",
        "git@github.com",
        "git@github.com:",
        "git@host:--upload-pack=id",
        "git@host:a b",
        "git@host:$(id)",
        "git@-oProxyCommand=id:x",
        "-oProxyCommand=id@host:x",
        "git@host:../x",
        "git@host://x",
        "https://",
        "https:///ada/engine",
        "https://github.com",
        "https://ada:secret@github.com/ada/engine",
        "https://token@github.com/ada/engine",
        "https://github.com/ada/engine?x=1",
        "https://github.com/ada/engine#x",
        "https://github.com/ada/../engine",
        "https://github.com/ada/%2e%2e/engine",
        "https://github.com/ada/%0d%0aengine",
        "https://github.com/-ada",
        "https://-oProxyCommand=id/ada/engine",
        "https://github.com:0/ada/engine",
        "https://github.com:99999/ada/engine",
        "https://git`id`.com/ada/engine",
        "https://{{.Host}}/ada/engine",
        "https://gіthub.com/ada/engine",
        "https://[::1/ada",
    ],
)
def test_other_addresses_of_repositories_are_refused(text: str) -> None:
    assert refused(rules.repository_url, text).field == "source"


@given(st.text(max_size=60) | st.text("/:@-.%{}`$()|;&a\n\0 ", max_size=40))
def test_no_text_becomes_an_address_that_is_more_than_host_and_path(text: str) -> None:
    for candidate in (text, f"https://{text}", f"https://h.example/{text}", f"ssh://{text}", f"git@{text}:{text}"):
        try:
            url = rules.repository_url(candidate)
        except Refused:
            continue
        parts = urlsplit(url)
        assert parts.scheme in ("https", "ssh")
        assert parts.hostname
        assert not set(url) & set(" \t\n\0\\`{}$|;&<>\"'?#")
        assert ("@" in parts.netloc) == rules.is_ssh(url)
        assert not parts.netloc.startswith("-")
        assert not parts.hostname.startswith("-")
        assert not parts.password
        assert parse(url).host == parts.hostname, "the last look before git agrees"


def test_a_token_is_one_word() -> None:
    assert rules.credential(" ghp_abc\n") == "ghp_abc"
    for text in ["two words", "a\nb", "a\0b", "clé", "x" * 5000]:
        assert refused(rules.credential, text).field == "token"


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", []),
        ("apps/web/**\n\n ./packages//ui \napps/web/**\n*.toml", ["apps/web/**", "packages/ui", "*.toml"]),
        (["docs/[ab]?.md"], ["docs/[ab]?.md"]),
    ],
)
def test_watched_paths_are_globs_below_the_root(text: str, paths: list[str]) -> None:
    assert rules.watch_paths(text) == paths == rules.watch_paths(paths)


@pytest.mark.parametrize(
    "text", ["/etc", "../x", "a/../b", "-x", ":x", "!x", "a\\b", "a\0b", "x" * 300, "./", "x\u202ey"]
)
def test_other_paths_are_not_watched(text: str) -> None:
    assert refused(rules.watch_paths, text).field == "watch_paths"


def test_watched_paths_are_few() -> None:
    assert "at most 50" in str(refused(rules.watch_paths, [f"a{number}" for number in range(51)]))


# Branches


@pytest.mark.parametrize("text", ["main", "feature/x", "release-1.2", "é", "a@b", "refs/heads/main", "$(id)", "a|b"])
def test_what_git_allows_is_a_branch(text: str) -> None:
    assert rules.branch(text) == text.removeprefix("refs/heads/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-x",
        "--upload-pack=x",
        "a b",
        "a..b",
        "a\nb",
        "a\0b",
        "@",
        "HEAD",
        "a@{1}",
        "a/.b",
        ".a",
        "a.lock",
        "a.lock/b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "/a",
        "a/",
        "a//b",
        "a.",
        "x" * 256,
        "\ud800",
        "a\x1b[31m",
        "abc\u202egpj",
    ],
)
def test_what_git_allows_not_is_no_branch(text: str) -> None:
    assert refused(rules.branch, text).field == "branch"


@given(st.text("ab/.-@{}~^:?*[\\ \n~lock", min_size=1, max_size=12))
def test_branches_follow_gits_own_grammar(text: str) -> None:
    try:
        name = rules.branch(text)
    except Refused:
        return
    assert subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True).returncode == 0


# Paths


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("", ""),
        ("/", ""),
        (".", ""),
        ("./", ""),
        ("apps/web/", "apps/web"),
        ("./a//./b", "a/b"),
        ("$(id)", "$(id)"),
    ],
)
def test_a_root_directory_is_inside_the_repository(text: str, folder: str) -> None:
    assert rules.root_dir(text) == folder


@pytest.mark.parametrize(
    "text",
    ["/etc", "..", "a/../b", "../x", "a\\b", "a\nb", "a\0b", "-x", ":(glob)x", "x" * 513, "\u2028x/y\u2028z"],
)
def test_other_root_directories_are_refused(text: str) -> None:
    assert refused(rules.root_dir, text).field == "root_dir"


@given(st.text(max_size=30) | st.text("./\\a-:\n\0", max_size=20))
def test_no_text_becomes_a_folder_outside(text: str) -> None:
    try:
        folder = rules.root_dir(text)
    except Refused:
        return
    path = PurePosixPath(folder)
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert not CONTROL.search(folder)
    assert rules.root_dir(folder) == folder


@pytest.mark.parametrize("text", ["/", "/health", "/up?deep=1", "/a//b", "/.well-known/x", "/%C3%A9"])
def test_a_health_path_is_a_plain_path(text: str) -> None:
    assert rules.health_path(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "//evil",
        "@evil",
        "/@evil",
        "http://evil/",
        "evil",
        "/a b",
        "/a\r\nHost: evil",
        "/\\evil",
        "/%0d%0aX",
        "/%00",
        "/%zz",
        "/../x",
        "/a/%2e%2e/x",
        "/#x",
        "/`id`",
        "/{{x}}",
        "/é",
        "/" + "x" * 512,
    ],
)
def test_a_health_path_leads_nowhere_else(text: str) -> None:
    assert refused(rules.health_path, text).field == "health_path"


@given(st.text(max_size=30) | st.text("/@\\.%0da:?#\r\n ", max_size=16).map(lambda text: "/" + text))
def test_no_health_path_changes_the_address_that_is_asked(text: str) -> None:
    try:
        path = rules.health_path(text)
    except Refused:
        return
    parts = urlsplit(f"http://10.0.0.1:8000{path}")
    assert (parts.hostname, parts.port) == ("10.0.0.1", 8000)
    assert parts.path.startswith("/")
    assert not path.startswith("//")


def test_dependency_files_are_below_the_root_directory() -> None:
    assert rules.dependency_files("requirements*.txt\n./pyproject.toml, uv.lock\n\nuv.lock") == [
        "requirements*.txt",
        "pyproject.toml",
        "uv.lock",
    ]
    for text in [
        "/etc/passwd",
        "../x",
        "a/../../x",
        "-x",
        ":(top)x",
        "a\\b",
        "a\0b",
        "x" * 256,
        ["a\nb"],
        ["x"] * 51,
    ]:
        rule_text = text if isinstance(text, str) else [f"{index}{name}" for index, name in enumerate(text)]
        assert refused(rules.dependency_files, rule_text).field == "dependency_files"


# Names, commands, resources


def test_a_project_has_a_name_that_can_be_read() -> None:
    assert rules.project_name("  Ada's \n engine ✨ ") == "Ada's engine ✨"
    for text in ["", " ", "x" * 121, "a\0b", "a\x1b[31m", "abc\u202egpj", "\ud800"]:
        assert refused(rules.project_name, text).field == "name"


def test_a_command_is_kept_as_it_is_typed() -> None:
    assert rules.command(' npm ci\r\nnpm run build && echo "$HOME" | cat; `id`\n', "build") == (
        'npm ci\nnpm run build && echo "$HOME" | cat; `id`'
    )
    assert rules.command("", "install") == ""
    for text in ["a\0b", "a\x1b[2Jb", "x" * 4001, "\ud800"]:
        assert refused(rules.command, text, "build").field == "build"


def test_memory_is_a_whole_number_of_megabytes() -> None:
    assert rules.memory_mb("512", Defaults()) == 512
    assert rules.memory_mb(" ", Defaults()) == 4096
    for text in ["-1", "0", "31", "1e3", "0x10", "512.5", "²", "999999999", "5" * 5000]:
        assert refused(rules.memory_mb, text, Defaults()).field == "memory_mb"


@pytest.mark.parametrize(
    ("text", "quota"), [("1", 100_000), ("0.5", 50_000), ("0,25", 25_000), (".1", 10_000), ("", 100_000)]
)
def test_processors_are_counted_in_cores(text: str, quota: int) -> None:
    assert rules.cpu_quota(text, Defaults()) == quota


@pytest.mark.parametrize("text", ["0", "0.01", "-1", "nan", "inf", "1e1", "9999", "1.2.3", "٣"])
def test_other_numbers_of_cores_are_refused(text: str) -> None:
    assert refused(rules.cpu_quota, text, Defaults()).field == "cpu"


# Environment variables


@pytest.mark.parametrize("text", ["A", "_a1", "DATABASE_URL", "ENV", "LD_SDK_KEY", "DOCKERFILE", "x" * 100])
def test_a_variable_has_a_name(text: str) -> None:
    assert rules.variable_key(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1A",
        "A-B",
        "A=B",
        "A\nB",
        "A\0",
        "É",
        "A B",
        "x" * 101,
        "PORT",
        "DEVPUSH",
        "DEVPUSH_URL",
        "PATH",
        "HOME",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "BASH_ENV",
        "DOCKER_HOST",
        "A$",
        "A`id`",
    ],
)
def test_other_names_of_variables_are_refused(text: str) -> None:
    assert refused(rules.variable_key, text).field == "key"


@given(st.text(max_size=50))
def test_a_key_is_always_by_the_grammar(text: str) -> None:
    try:
        key = rules.variable_key(text)
    except Refused:
        return
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", key)


@given(st.text(max_size=200))
def test_a_value_is_never_changed(text: str) -> None:
    if "\0" not in text:
        assert rules.variable_value(text) == text


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 65_537, "é" * 40_000])
def test_other_values_are_refused_and_not_repeated(text: str) -> None:
    error = refused(rules.variable_value, text)
    assert error.field == "value"
    assert text not in str(error)


# Environments


@pytest.mark.parametrize("pattern", ["main", "feature/*", "*-rc", "*", "a*b", "refs/heads/x", "release-1.2/*"])
def test_a_pattern_is_a_branch_or_has_one_star(pattern: str) -> None:
    assert rules.branch_pattern(f" {pattern}\n") == pattern.removeprefix("refs/heads/")


@pytest.mark.parametrize(
    "pattern", ["", "**", "a*/*", "-*", ".*", "*.", "*.lock", "a b*", "[ab]", "x?", "a..*", "*\0", "~*"]
)
def test_other_patterns_are_refused(pattern: str) -> None:
    assert refused(rules.branch_pattern, pattern).field == "branch"


def test_environments_have_short_names_and_known_colors() -> None:
    assert rules.environment_name("  QA   team ") == "QA team"
    assert rules.color("pink") == "pink"
    refused(rules.environment_name, "x" * 61)
    refused(rules.color, "mauve")
    refused(rules.color, "")
