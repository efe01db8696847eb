"""Rules of the house that a reader can check by eye, checked by the machine."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from devpush.deploy import plan
from devpush.jobs import schedule
from devpush.models.deployment import NEXT, State
from devpush.settings import ROOT
from devpush.web.assets import FOLDER, PACKED_FOLDER, Assets

SOURCES = sorted(path for path in (ROOT / "devpush").rglob("*.py") if "migrations" not in path.parts)
# Mails style themselves inline, as mail programs want it; they hold no script and are no pages of ours.
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html") if path.parent.name != "mail")


def test_architecture_tells_the_states_as_they_are() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rows = dict(re.findall(r"^\| (\w+) \| ([\w, –]+) \|$", text, re.MULTILINE))
    told = {state: set(following.replace("–", "").replace(",", " ").split()) for state, following in rows.items()}
    assert {state: told[state] for state in State} == {state: set(following) for state, following in NEXT.items()}


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_shell_is_ever_asked_on_the_server(path: Path) -> None:
    for call in calls(path):
        name = ast.unparse(call.func)
        assert name not in {"os.system", "os.popen", "subprocess.getoutput", "asyncio.create_subprocess_shell"}
        assert not any(word.arg == "shell" and ast.unparse(word.value) != "False" for word in call.keywords)


def test_a_shell_runs_in_tenants_containers_only() -> None:
    """`sh -c` is spelt in one place: what plan.shell gives goes to containers."""
    spelt = [path.name for path in SOURCES if re.search(r"""["'](/bin/)?(ba)?sh["'],\s*["']-c""", path.read_text())]
    assert spelt == ["plan.py"]
    assert plan.shell("a b") == ("/bin/sh", "-c", "a b")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_trusts_text_or_holds_a_script(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\|\s*safe\b|autoescape\s+false", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>|\son\w+=[\"']|\sstyle=[\"']|<style|hx-on", text)
    assert not re.search(r"(src|href)=[\"']https?://", text), "everything is served from here"


def test_every_scheduled_job_has_a_time() -> None:
    assert all(every.total_seconds() >= 1 for _, every in schedule.TABLE.values())


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs/decisions/0002-dependencies.md").read_text()
    wanted = re.findall(r"^([a-z-]+)(?:\[|==)", (ROOT / "requirements.in").read_text(), re.MULTILINE)
    assert wanted
    assert not [name for name in wanted if name not in reasons]


def test_runners_are_complete() -> None:
    for toml in (ROOT / "runners").glob("*/runner.toml"):
        said = tomllib.loads(toml.read_text())
        assert {"title", "start", "example"} <= said.keys(), toml
        own = toml.parent.name == plan.DOCKERFILE
        assert own or said["base_images"], toml
        assert own or (toml.parent / "Dockerfile").read_text().lstrip("#").strip()
        assert list((toml.parent / "example").iterdir())


def test_the_firewall_is_about_the_addresses_that_apps_get() -> None:
    assert f"APPS={plan.POOL} " in (ROOT / "provision/lib.sh").read_text()


def test_what_browsers_load_was_packed_as_it_is_now() -> None:
    """Otherwise static/src needs another `npm run build`."""
    assets = Assets().all.items()
    large = {name for name, asset in assets if name.endswith((".js", ".css")) and len(asset.body) > 2_000}
    packed = {name for name, asset in assets if asset.smallest}
    assert len(large) >= 5
    assert large <= packed
    assert len(packed) == len(list((FOLDER / PACKED_FOLDER).iterdir())), "the others are of earlier versions"
