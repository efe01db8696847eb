"""What we ask Docker to run is decided by pure functions."""

import string
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from devpush.deploy import plan
from devpush.deploy.detect import detect, procfile_web
from devpush.models.names import LABEL, SLUG, label, slugify
from devpush.ports import Exit, TreeEntry

TEXT = st.text(max_size=300)


def file(path: str, sha: str = "1" * 40, mode: str = "100644") -> TreeEntry:
    return TreeEntry(path, mode, sha, 1)


@given(TEXT)
def test_whatever_a_name_holds_its_slug_and_label_follow_the_grammar(text: str) -> None:
    assert SLUG.fullmatch(slugify(text, "project"))
    assert LABEL.fullmatch(label(f"{slugify(text, 'project')}-branch-{slugify(text, 'branch', limit=200)}"))


@given(st.text(string.ascii_lowercase, min_size=64, max_size=200), st.text(string.ascii_lowercase, min_size=1))
def test_two_long_labels_never_become_one(text: str, more: str) -> None:
    assert label(text) != label(text + more)


def test_the_dependency_key_changes_with_files_command_and_runner_only() -> None:
    key = plan.dependency_key("sha256:a", "pip install", [file("requirements.txt")])
    assert key == plan.dependency_key("sha256:a", "pip install", [file("requirements.txt")])
    assert key != plan.dependency_key("sha256:b", "pip install", [file("requirements.txt")])
    assert key != plan.dependency_key("sha256:a", "pip install -U", [file("requirements.txt")])
    assert key != plan.dependency_key("sha256:a", "pip install", [file("requirements.txt", "2" * 40)])


def test_variables_count_for_the_build_key_only_where_a_build_command_sees_them() -> None:
    quiet = {"install": "", "build": "", "dependency_files": []}
    building = quiet | {"build": "npm run build"}
    assert plan.build_key("t", "r", quiet, {"A": "1"}) == plan.build_key("t", "r", quiet, {"A": "2"})
    assert plan.build_key("t", "r", building, {"A": "1"}) != plan.build_key("t", "r", building, {"A": "2"})
    assert plan.build_key("t", "r", building, {}) != plan.build_key("u", "r", building, {})


def test_dependency_files_are_found_by_pattern_and_links_are_none() -> None:
    tree = [
        file("requirements.txt"),
        file("requirements-dev.txt"),
        file("sub/requirements.txt"),
        file("main.py"),
        file("package.json", mode="120000"),
    ]
    found = plan.dependency_entries(tree, ["requirements*.txt", "./package.json", ""])
    assert [entry.path for entry in found] == ["requirements.txt", "requirements-dev.txt"]
    assert [entry.path for entry in plan.dependency_entries(tree, ["sub/*.txt"])] == ["sub/requirements.txt"]


def test_subnets_avoid_every_network_there_is_and_ignore_the_default_route() -> None:
    first = plan.free_subnets(["0.0.0.0/0"])[0]
    assert IPv4Network(first).subnet_of(plan.POOL)
    second = plan.free_subnets(["10.204.0.0/24"])[0]
    assert not IPv4Network(second).overlaps(IPv4Network("10.204.0.0/24"))
    assert plan.free_subnets(["10.0.0.0/8"]) == []


def test_apps_get_addresses_of_the_lower_half_after_the_gateway() -> None:
    addresses = [IPv4Address(address) for address in plan.app_addresses("10.204.1.0/25")]
    assert str(addresses[0]) == "10.204.1.2"
    assert all(address in IPv4Network("10.204.1.0/26") for address in addresses)


def test_an_end_is_told_in_words() -> None:
    assert "used more than its 256 MB" in plan.how_it_ended(Exit(137, oom_killed=True), 256)
    assert plan.how_it_ended(Exit(139), 256) == "was ended by SIGSEGV"
    assert plan.how_it_ended(Exit(3), 256) == "exited with code 3"


def test_listening_sockets_are_read_from_the_kernels_table() -> None:
    table = (
        "  sl  local_address rem_address   st\n"
        "   0: 0100007F:1F40 00000000:0000 0A 00000000\n"
        "   1: 00000000:0BB8 00000000:0000 0A 00000000\n"
        "   2: 0B00007F:8123 00000000:0000 0A 00000000\n"
        "   3: 0100007F:9999 0100007F:1F40 01 00000000\n"
    )
    assert plan.listening_sockets(table) == [("127.0.0.1", 8000), ("0.0.0.0", 3000)]


def test_what_keeps_an_app_from_answering_is_named() -> None:
    assert "127.0.0.1:8000" in str(plan.never_answered(None, [("127.0.0.1", 8000)], "/", 300))
    assert "listens on port 3000" in str(plan.never_answered(None, [("0.0.0.0", 3000)], "/", 300))
    assert "listens on no port" in str(plan.never_answered(None, [], "/", 300))
    assert "answered 500 at /up" in str(plan.never_answered(500, [("0.0.0.0", 8000)], "/up", 300))


def test_presets_are_detected_from_files() -> None:
    flask, why = detect(["main.py", "requirements.txt"], {"requirements.txt": "Flask==3\ngunicorn\n"})
    assert (flask.slug, flask.start) == ("flask", "gunicorn -w 3 -b 0.0.0.0:8000 main:app")
    assert "flask" in why
    django, _ = detect(["manage.py", "shop/wsgi.py", "shop/settings.py"], {})
    assert django.start.endswith("shop.wsgi:application")
    assert detect(["package.json"], {"package.json": '{"dependencies": {"next": "16"}}'})[0].slug == "nextjs"
    assert detect(["package.json"], {"package.json": "{broken"})[0].slug == "node"
    assert detect(["index.html"], {})[0].slug == "static"
    assert detect(["app.py", "pyproject.toml"], {"pyproject.toml": "= broken"})[0].start == "python app.py"


def test_a_procfiles_web_line_is_the_start_command() -> None:
    assert procfile_web("release: ./migrate\nweb:  gunicorn app:app \nworker: x") == "gunicorn app:app"
    assert procfile_web("worker: x") == ""
