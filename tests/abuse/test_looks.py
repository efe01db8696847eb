"""A31: looking at repositories, which takes as much as their owners like."""

import pytest
from quart import Quart

from devpush.web import choice
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.abuse, pytest.mark.usefixtures("db")]

URL = "https://git.example.com/ada/engine.git"


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def test_a31_nobody_looks_at_repositories_without_end(
    app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for a new project nor in the settings of one; and one's own looks count, not those of others."""
    monkeypatch.setattr(choice, "MOST_LOOKS", 3)
    world.git.commit(URL, {"main.py": "app = 1"})
    project = await cast.project(repo_url=URL)
    alice = await Visitor(app).signed_in(await cast.alice())
    bob = await Visitor(app).signed_in(await cast.bob())
    settings = f"/projects/{project.slug}/settings/repository"
    asks = [("/teams/alice/new", {"source": URL}), (settings, {"url": URL}), (f"{settings}/check", {})]
    for path, form in asks:
        assert "too often" not in (await alice.post(path, form, htmx=True)).text
    for path, form in asks:
        assert "too often" in (await alice.post(path, form, htmx=True)).text
    assert (await bob.post("/teams/alice/new", {"source": URL})).status == 200
