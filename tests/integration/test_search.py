"""Search: what is found, by whom, and in which order."""

import pytest
from quart import Quart

from devpush.models import Alias, AliasKind, Project, State
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def alice(app: Quart) -> Visitor:
    return await Visitor(app).signed_in(await cast.alice())


async def test_projects_are_found_by_name_and_the_palette_gets_the_same_as_the_page(app: Quart) -> None:
    project = await cast.project(name="Analytical engine", slug="engine")
    await cast.project(name="Loom", slug="loom")
    visitor = await alice(app)
    page, fragment = await visitor.get("/search?q=analyt"), await visitor.get("/search?q=analyt", htmx=True)
    for answer in (page, fragment):
        assert f'href="/projects/{project.slug}"' in answer.text
        assert "/projects/loom" not in answer.text
    assert "<html" in page.text
    assert "<html" not in fragment.text
    assert page.field("q") == "analyt"


async def test_the_best_match_comes_first(app: Quart) -> None:
    for slug in ("my-shop", "shop-b"):
        await cast.project(name=slug, slug=slug)
    text = (await (await alice(app)).get("/search?q=shop", htmx=True)).text
    assert text.index("/projects/shop-b") < text.index("/projects/my-shop")


async def test_nobody_finds_what_is_anothers(app: Quart) -> None:
    project = await cast.project(await cast.carol(), name="Secret loom", slug="secret-loom")
    deployment = await cast.deployment(project, commit_message="Weave the secret loom")
    visitor = await alice(app)
    for q in ("secret", "loom", deployment.id.hex, cast.COMMIT[:10]):
        assert "/projects/secret-loom" not in (await visitor.get(f"/search?q={q}")).text
    page = await visitor.get("/search?project=secret-loom")
    assert page.status == 200
    assert "Secret loom" not in page.text


async def test_what_is_being_removed_is_not_found(app: Quart) -> None:
    project = await cast.project(name="Loom", slug="loom")
    await cast.deployment(project, commit_message="Weave it")
    await Project.filter(id=project.id).update(removing_at=project.created_at)
    visitor = await alice(app)
    for q in ("loom", "weave"):
        assert "/projects/loom" not in (await visitor.get(f"/search?q={q}")).text


async def test_deployments_are_found_by_id_commit_and_message(app: Quart) -> None:
    project = await cast.project()
    deployment = await cast.deployment(project, commit_message="Round totals up", commit_sha="beefcafe" + "1" * 32)
    other = await cast.deployment(project, commit_message="Anything else", commit_sha="ab" + "2" * 38)
    visitor = await alice(app)
    for q in (deployment.id.hex[:7], str(deployment.id)[:13], deployment.commit_sha[:9], "round totals", "ROUND"):
        text = (await visitor.get(f"/search?q={q}")).text
        assert f"/deployments/{deployment.id}" in text, q
        assert f"/deployments/{other.id}" not in text, q


async def test_any_text_is_looked_for_as_it_is(app: Quart) -> None:
    project = await cast.project()
    deployment = await cast.deployment(project, commit_message="Plain words")
    visitor = await alice(app)
    for q in ("%", "_", "\\", "%25%25%25", "'", "a" * 500, "%00", "<b>", "%F0%9F%9A%80", "ab"):
        answer = await visitor.get(f"/search?q={q}")
        assert answer.status == 200
        assert str(deployment.id) not in answer.text
        assert "<b>" not in answer.text


async def test_on_a_project_its_pages_and_acts_come_first(app: Quart) -> None:
    project = await cast.project()
    earlier, current = [await cast.deployment(project, state=State.succeeded, image="sha256:1") for _ in range(2)]
    environment = await cast.production(project)
    await Alias.create(
        label=project.slug,
        kind=AliasKind.production,
        project=project,
        environment=environment,
        deployment=current,
        previous=earlier,
    )
    home = f"/projects/{project.slug}"
    text = (await (await alice(app)).get(f"/search?project={project.slug}", htmx=True)).text
    for path in ("/logs", "/settings#settings-variables", f"/deployments/{earlier.id}/rollback"):
        assert f'href="{home}{path}"' in text
    assert f'action="{home}/deployments/{current.id}/redeployment"' in text
    assert "csrf_token" in text


async def test_settings_are_offered_to_who_may_see_them(app: Quart) -> None:
    project = await cast.project()
    for user, sees in ((await cast.alice(), True), (await cast.bob(), False)):
        visitor = await Visitor(app).signed_in(user)
        text = (await visitor.get(f"/search?project={project.slug}&q=variables")).text
        assert ("#settings-variables" in text) == sees


async def test_nothing_found_says_how_to_look(app: Quart) -> None:
    page = await (await alice(app)).get("/search?q=zzz")
    assert "Nothing here is called “zzz”." in page.words
