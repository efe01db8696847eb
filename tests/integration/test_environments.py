"""Environments and variables in a project's settings, as Alice meets them."""

import json
from typing import Any
from uuid import UUID

import pytest
from quart import Quart

from devpush.deploy import environments, push, traffic
from devpush.models import Alias, AliasKind, Deployment, Domain, DomainState, Environment, Project, State, Variable
from devpush.models.database import fetch
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Answer, Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


class Settings:
    """Alice at her project's settings."""

    def __init__(self, visitor: Visitor, project: Project) -> None:
        self.visitor, self.project, self.path = visitor, project, f"/projects/{project.slug}"

    async def add(self, name: str, branch: str, color: str = "amber", *, htmx: bool = True) -> Answer:
        form = {"name": name, "branch": branch, "color": color}
        return await self.visitor.post(f"{self.path}/environments", form, htmx=htmx)

    async def of(self, environment: Environment, act: str, form: dict[str, str], *, htmx: bool = True) -> Answer:
        return await self.visitor.post(f"{self.path}/environments/{environment.id}{act}", form, htmx=htmx)

    async def names(self) -> list[str]:
        return [one.name for one in await push.environments_of(self.project)]

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.visitor.get(f"{self.path}{path}", **more)


@pytest.fixture
async def alice(app: Quart) -> Settings:
    return Settings(await Visitor(app).signed_in(await cast.alice()), await cast.project())


# Environments


async def test_an_environment_is_added_and_has_its_address_at_once(alice: Settings) -> None:
    answer = await alice.add(" QA  team ", "feature/*")
    assert (answer.status, "QA team is there. It takes feature/*." in answer.words) == (200, True)
    made = await Environment.get(project=alice.project, name="QA team")
    assert (made.slug, made.branch, made.color, made.position) == ("qa-team", "feature/*", "amber", 1)
    assert f"{alice.project.slug}-env-qa-team.localhost" in answer.text
    assert (await alice.add("Demo", "demo", htmx=False)).location.endswith("/settings#settings-environments")
    assert await alice.names() == ["Production", "QA team", "Demo"]


@pytest.mark.parametrize(
    ("name", "branch", "color", "says"),
    [
        ("", "dev", "blue", "Please give it a name."),
        ("production", "dev", "blue", "There is an environment of that name already."),
        ("x" * 61, "dev", "blue", "at most 60 characters"),
        ("Dev", "a*b*", "blue", "One “*” is enough"),
        ("Dev", "-x", "blue", "Git allows no branch"),
        ("Dev", "a b", "blue", "Git allows no branch"),
        ("Dev", "", "blue", "Please choose a branch."),
        ("Dev", "dev", "red; background: url(x)", "Please choose one of the colors."),
    ],
)
async def test_what_makes_no_sense_is_refused_with_what_was_typed(
    alice: Settings, name: str, branch: str, color: str, says: str
) -> None:
    for htmx in (True, False):
        answer = await alice.add(name, branch, color, htmx=htmx)
        assert (answer.status, says in answer.words) == (422, True)
    assert await alice.names() == ["Production"]


async def test_a_name_and_a_pattern_are_changed_and_the_address_stays(alice: Settings) -> None:
    await alice.add("Staging", "staging")
    staging = await Environment.get(slug="staging")
    answer = await alice.of(staging, "", {"name": "Preview", "branch": "*-rc", "color": "pink"})
    assert (answer.status, "Preview takes *-rc." in answer.words) == (200, True)
    await staging.refresh_from_db()
    assert (staging.name, staging.slug, staging.branch, staging.color) == ("Preview", "staging", "*-rc", "pink")
    answer = await alice.of(staging, "", {"name": "Production", "branch": "x", "color": "pink"}, htmx=False)
    assert (answer.status, "of that name already" in answer.words) == (422, True)


async def test_production_keeps_its_name_and_takes_one_branch(alice: Settings) -> None:
    production = await cast.production(alice.project)
    answer = await alice.of(production, "", {"name": "Mine", "branch": "trunk", "color": "violet"})
    assert answer.status == 200
    await production.refresh_from_db()
    assert (production.name, production.branch, production.color) == ("Production", "trunk", "violet")
    assert (await alice.of(production, "", {"branch": "release/*", "color": "blue"})).status == 422
    answer = await alice.of(production, "/removal", {"confirmation": "production"})
    assert (answer.status, "can’t be deleted" in answer.words.replace("'", "’")) == (422, True)


async def test_a_push_goes_to_the_first_in_the_order_that_people_chose(alice: Settings, world: FakeWorld) -> None:
    for name, branch in (("One", "*"), ("Two", "feature/*"), ("Three", "feature/x")):
        await alice.add(name, branch)

    async def takes(branch: str) -> str:
        found = push.first_that_takes(await push.environments_of(alice.project), branch)
        return found.name if found else ""

    assert [await takes(branch) for branch in ("main", "feature/x", "y")] == ["Production", "One", "One"]
    three = await Environment.get(slug="three")
    for _ in range(3):  # further up than the second place there is nothing
        assert (await alice.of(three, "/place", {"to": "up"})).status == 200
    assert await alice.names() == ["Production", "Three", "One", "Two"]
    assert await takes("feature/x") == "Three"
    await alice.of(await Environment.get(slug="one"), "/place", {"to": "down"})
    assert await alice.names() == ["Production", "Three", "Two", "One"]
    assert [await takes(branch) for branch in ("feature/y", "y")] == ["Two", "One"]
    await alice.of(await cast.production(alice.project), "/place", {"to": "down"})
    assert (await alice.names())[0] == "Production"
    assert (await alice.of(three, "/place", {"to": "sideways"})).status == 422


async def test_an_environment_is_deleted_by_typing_its_slug_with_all_that_leads_to_it(
    alice: Settings, world: FakeWorld
) -> None:
    project = alice.project
    await alice.add("Staging", "feature/*")
    staging = await Environment.get(slug="staging")
    live = await cast.deployment(
        project, environment=staging, branch="feature/x", state=State.succeeded, image="sha256:1", address="10.204.0.5"
    )
    await traffic.point(
        live,
        await traffic.names_for(await Deployment.get(id=live.id).select_related("project", "environment")),
        live.number,
    )
    queued = await cast.deployment(project, environment=staging, branch="feature/y")
    await Variable.create(project=project, environment=staging, key="ITS", value="1")
    await Variable.create(project=project, key="ALL", value="1")
    domain = await Domain.create(
        project=project, environment=staging, hostname="a.example.com", held="a.example.com", state=DomainState.verified
    )
    await traffic.follow(world, project.id)
    assert len(world.proxy.tables[str(project.id)].routes) >= 2

    answer = await alice.of(staging, "/removal", {"confirmation": "Staging"})
    assert (answer.status, "Please type staging" in answer.words) == (422, True)
    answer = await alice.of(staging, "/removal", {"confirmation": "staging"})
    assert answer.location.endswith("/settings#settings-environments")

    assert await alice.names() == ["Production"]
    assert [variable.key for variable in await Variable.all()] == ["ALL"]
    await domain.refresh_from_db()
    assert (domain.state, domain.held, "Staging was deleted" in domain.reason) == (DomainState.disabled, None, True)
    leading = Alias.filter(project=project, deployment_id__isnull=False)
    assert [alias.kind for alias in await leading] == [AliasKind.deployment]
    assert str(project.id) not in world.proxy.tables
    await queued.refresh_from_db()
    assert (queued.state, queued.environment_id) == (State.cancelled, None)
    assert (await alice.get(f"/deployments/{live.id}")).status == 200
    assert world.jobs.sweeps >= 1

    await alice.add("Staging", "other")
    anew = await Environment.get(slug="staging")
    alias = await Alias.get(environment=anew)
    assert alias.label == f"{project.slug}-env-staging", "a hostname belongs to its project for good"
    await traffic.point(live, [alias], live.number)
    assert alias.deployment_id is None, "what was pointed there before is not pointed there again"


async def test_nothing_is_deleted_under_a_deployment_that_goes_live(alice: Settings) -> None:
    staging = await cast.environment(alice.project, "staging", branch="dev")
    deployment = await cast.deployment(alice.project, environment=staging, state=State.routing)
    answer = await alice.of(staging, "/removal", {"confirmation": "staging"})
    assert (answer.status, "going live there right now" in answer.words) == (422, True)
    assert await Deployment.exists(id=deployment.id, environment=staging)


async def test_which_branch_goes_where_is_asked_of_the_git_server(alice: Settings, world: FakeWorld) -> None:
    await alice.add("Staging", "feature/*")
    for branch in ("main", "feature/x", "odd"):
        world.git.commit(alice.project.repo_url, {}, branch=branch)
    await cast.deployment(alice.project, branch="long-gone")
    for htmx in (True, False):
        answer = await alice.get("/branches", htmx=htmx)
        assert "main Production feature/x Staging odd isn’t deployed" in answer.words
        assert "long-gone" not in answer.text
    world.git.away = 1
    answer = await alice.get("/branches", htmx=True)
    assert "FakeGit doesn't answer. These are the branches that were deployed. long-gone" in answer.words


async def test_deployed_branches_are_found_by_walking_not_by_counting(alice: Settings, world: FakeWorld) -> None:
    for branch in ("b", "a", "b", "c", "a"):
        await cast.deployment(alice.project, branch=branch)
    assert await environments.branches(world, alice.project, ask=False) == (["a", "b", "c"], "")


# What doesn't run yet


async def running(project: Project, world: FakeWorld, **facts: Any) -> Deployment:
    """What production runs now."""
    image = facts.pop("image", "devpush:1")
    world.containers.have_image(image)
    made = await cast.deployment(project, state=State.succeeded, image=image, build_key="a" * 64, **facts)
    alias = await traffic.name_environment(project, await cast.production(project))
    await traffic.point(made, [alias], made.number)
    return made


async def test_settings_say_what_production_does_not_run_with_yet(alice: Settings, world: FakeWorld) -> None:
    project = alice.project
    await running(project, world, variables={"KEPT": "1", "OLD": "1", "LEVEL": "canary-old"})
    for key, value in {"KEPT": "1", "LEVEL": "canary-new", "NEW": "canary-x"}.items():
        await Variable.create(project=project, key=key, value=value)
    await Variable.create(
        project=project, environment=await cast.environment(project, "qa", branch="q"), key="QA", value="1"
    )
    page = await alice.get("/settings")
    assert "Production runs without these changes yet: NEW added LEVEL changed OLD removed" in page.words
    assert "canary" not in page.text
    assert "these settings" not in page.words
    form = {"cpu": "0.5", "memory_mb": "128"}
    saved = await alice.visitor.post(f"{alice.path}/settings/resources", form, htmx=True)
    assert "Production runs without these settings yet: CPU memory" in saved.words


async def test_what_is_late_is_redeployed_without_a_build(alice: Settings, world: FakeWorld) -> None:
    project = alice.project
    await Project.filter(id=project.id).update(build="npm run build")
    await project.refresh_from_db()
    current = await running(project, world)
    await Variable.create(project=project, key="NEW", value="1")
    production = await cast.production(project)
    page = await alice.get("/settings")
    assert ("Rebuild if the build reads" in page.words, 'name="rebuild"' in page.text) == (True, True)

    answer = await alice.of(production, "/redeployment", {}, htmx=False)
    made = await Deployment.get(source=current)
    assert answer.location == f"{alice.path}/deployments/{made.id}"
    assert (made.trigger, made.image, json.loads(made.variables)) == ("redeploy", "devpush:1", {"NEW": "1"})
    await alice.of(production, "/redeployment", {"rebuild": "yes"}, htmx=False)
    newest = await Deployment.all().order_by("-number").first()
    assert newest
    assert newest.image is None

    await Project.filter(id=project.id).update(build="npm run other")
    assert "Builds a new image first." in (await alice.get("/settings")).words
    await alice.of(production, "/redeployment", {}, htmx=False)
    newest = await Deployment.all().order_by("-number").first()
    assert newest
    assert newest.image is None, "the image isn't the one that the settings ask for"


async def test_settings_open_although_what_is_kept_was_encrypted_with_a_lost_key(
    alice: Settings, world: FakeWorld
) -> None:
    await running(alice.project, world, variables={"KEY": "1"})
    await Variable.create(project=alice.project, key="KEY", value="2")
    await fetch("UPDATE variable SET value = 'gAAAAAB'")
    page = await alice.get("/settings")
    assert (page.status, "KEY All environments" in page.words, "runs without" in page.words) == (200, True, False)
    answer = await alice.visitor.post(f"{alice.path}/variables", {"key": "KEY", "value": "3"}, htmx=True)
    assert (answer.status, "KEY changed" in answer.words) == (200, True)


async def test_an_image_that_is_gone_is_built_again(alice: Settings, world: FakeWorld) -> None:
    await running(alice.project, world)
    world.containers.known_images.clear()
    await alice.of(await cast.production(alice.project), "/redeployment", {}, htmx=False)
    newest = await Deployment.all().order_by("-number").first()
    assert newest
    assert newest.image is None


async def test_where_nothing_runs_nothing_is_redeployed(alice: Settings) -> None:
    answer = await alice.of(await cast.production(alice.project), "/redeployment", {}, htmx=False)
    assert (answer.status, answer.location) == (303, alice.path)
    assert not await Deployment.exists()


# Variables as a file


async def review(alice: Settings, text: str, **form: str) -> Answer:
    return await alice.visitor.post(f"{alice.path}/variables/review", {"dotenv": text, **form}, htmx=True)


async def save(alice: Settings, answer: Answer, *, htmx: bool = True) -> Answer:
    form = {"sealed": answer.field("sealed")}
    return await alice.visitor.post(f"{alice.path}/variables/changes", form, htmx=htmx)


async def kept(environment_id: UUID | None = None) -> dict[str, str]:
    rows = await Variable.filter(environment_id=environment_id).order_by("key")
    return {row.key: row.value for row in rows}


async def test_a_pasted_file_is_looked_at_before_it_is_saved(alice: Settings) -> None:
    await Variable.create(project=alice.project, key="A", value="1")
    await Variable.create(project=alice.project, key="B", value="1")
    looked = await review(alice, "A=canary\nC='canary two'\nB=1")
    assert "Added C" in looked.words
    assert "Changed A" in looked.words
    assert "Removed" not in looked.words
    assert "canary" not in looked.text
    assert await kept() == {"A": "1", "B": "1"}
    saved = await save(alice, looked)
    assert (saved.status, "canary" in saved.text, "The variables are saved." in saved.words) == (200, False, True)
    assert await kept() == {"A": "canary", "B": "1", "C": "canary two"}
    assert "Nothing would change" in (await review(alice, "A=canary")).words


async def test_all_variables_of_an_environment_are_edited_as_one_text(alice: Settings) -> None:
    staging = await cast.environment(alice.project, "staging", branch="dev")
    await Variable.create(project=alice.project, key="ALL", value="1")
    for key, value in {"A": "two\nlines", "B": 'it\'s "$x"\r\n'}.items():
        await Variable.create(project=alice.project, environment=staging, key=key, value=value)
    text = (await alice.get(f"/variables.env?environment={staging.id}")).text
    assert text == 'A=\'two\nlines\'\nB="it\'s \\"\\$x\\"\\r\n"\n'
    looked = await review(alice, text, whole="yes", environment=str(staging.id))
    assert "Nothing would change: Staging has these very variables." in looked.words
    looked = await review(alice, text.replace("A=", "C="), whole="yes", environment=str(staging.id))
    assert "Added C Removed A" in looked.words.replace("+ ", "").replace("− ", "")
    assert (await save(alice, looked, htmx=False)).location.endswith("#settings-variables")
    assert await kept(staging.id) == {"B": 'it\'s "$x"\r\n', "C": "two\nlines"}
    assert await kept() == {"ALL": "1"}
    await save(alice, await review(alice, "", whole="yes"))
    assert await kept() == {}


async def test_of_two_who_edit_the_second_sees_what_the_first_did(alice: Settings) -> None:
    await Variable.create(project=alice.project, key="A", value="1")
    first, second = await review(alice, "A=2\nB=2", whole="yes"), await review(alice, "A=3", whole="yes")
    await save(alice, first)
    answer = await save(alice, second)
    assert (answer.status, "Somebody has changed these variables meanwhile" in answer.words) == (422, True)
    assert "Changed A" in answer.words
    assert "Removed B" in answer.words
    assert await kept() == {"A": "2", "B": "2"}
    await save(alice, answer)
    assert await kept() == {"A": "3"}


async def test_a_seal_is_good_for_who_got_it_and_where(alice: Settings, app: Quart) -> None:
    looked = await review(alice, "A=1")
    carol = Settings(await Visitor(app).signed_in(await cast.carol()), await cast.project(await cast.carol()))
    for sealed in (looked.field("sealed"), "", "gAAAAAB", looked.field("sealed")[:-4]):
        answer = await carol.visitor.post(f"{carol.path}/variables/changes", {"sealed": sealed}, htmx=True)
        assert (answer.status, "look at the changes once more" in answer.words) == (422, True)
    assert not await Variable.exists()


async def test_changes_for_an_environment_that_is_gone_are_refused(alice: Settings) -> None:
    preview = await cast.environment(alice.project, "preview", branch="*")
    looked = await review(alice, "A=1", environment=str(preview.id))
    await preview.delete()
    answer = await save(alice, looked)
    assert (answer.status, "deleted meanwhile" in answer.words) == (422, True)


async def test_without_javascript_the_changes_are_a_page(alice: Settings) -> None:
    path = f"{alice.path}/variables/review"
    page = await alice.visitor.post(path, {"dotenv": "A=canary"})
    assert (page.status, "Added A" in page.words, "canary" in page.text) == (200, True, False)
    assert (await save(alice, page, htmx=False)).status == 303
    assert await kept() == {"A": "canary"}
    page = await alice.visitor.post(path, {"dotenv": "A"})
    assert (page.status, "Line 1: Each line is NAME=value" in page.words) == (422, True)
