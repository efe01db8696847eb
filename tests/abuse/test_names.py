"""A3, A11, A13: names that become hosts, containers, images, networks or files; and whose hostname is whose."""

from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tortoise.exceptions import BaseORMException

from devpush.adapters.git import GitMirrors
from devpush.deploy import plan, traffic
from devpush.deploy.create import Draft, create_project
from devpush.deploy.plan import Names
from devpush.errors import Refused
from devpush.models import Alias, AliasKind, Deployment, Project
from devpush.models.names import RESERVED
from devpush.ports import Repository
from tests import cast
from tests.fakes import FakeWorld

HOSTILE = [
    "",
    "-a",
    "a-",
    "A",
    "a_b",
    "a.b",
    "a/b",
    "../x",
    "a b",
    "a;id",
    "$(id)",
    "`id`",
    "a\n",
    "é",
    "x" * 64,
    "{{a}}",
]
db = pytest.mark.usefixtures("db")


@db
@pytest.mark.parametrize("name", HOSTILE)
async def test_the_database_refuses_names_outside_the_grammar(name: str) -> None:
    """Even if a mistake of ours let one through."""
    project = await cast.project()
    with pytest.raises(BaseORMException):
        await Project.filter(id=project.id).update(slug=name)
    with pytest.raises(BaseORMException):
        await Alias.create(label=name, kind=AliasKind.branch, project=project)


@db
@pytest.mark.parametrize("sha", ["", "HEAD", "-x", "abc", "g" * 40, "a" * 41, "--upload-pack=x"])
async def test_the_database_refuses_what_is_no_commit(sha: str) -> None:
    project = await cast.project()
    with pytest.raises(BaseORMException):
        await cast.deployment(project, commit_sha=sha)


ROOTS = ["../x", "/../x", "a/../../b", "//evil", "/a b", "/a\r\nb", "a\nb", "a\0b"]
HEALTH = ["", "x", "@host", "http://evil", "//evil", "/a b", "/a\r\nb", "/a\0b"]


@db
@pytest.mark.parametrize(
    ("column", "path"), [("root_dir", path) for path in ROOTS] + [("health_path", path) for path in HEALTH]
)
async def test_the_database_refuses_paths_that_lead_elsewhere(column: str, path: str) -> None:
    project = await cast.project()
    with pytest.raises((BaseORMException, ValueError)):
        await Project.filter(id=project.id).update(**{column: path})


@given(st.uuids(), st.uuids(), st.text(max_size=50))
def test_names_on_the_engine_come_from_ids_alone(project: object, deployment: object, text: str) -> None:
    names = Names("0a1b2c3d")
    one = Project(id=project, slug=text, name=text)
    two = Deployment(id=deployment, branch=text)
    made = [
        names.network(one),
        names.container(two, "app"),
        names.image(one, "app", plan.key(text)).replace(":", ""),
        names.cache(one, text),
    ]
    for name in made:
        assert name.startswith("devpush-0a1b2c3d-")
        assert all(character in "abcdefghijklmnopqrstuvwxyz0123456789-" for character in name)


@given(st.text(min_size=1, max_size=200))
def test_mirrors_lie_under_their_folder_whatever_the_url(url: str) -> None:
    root = Path("/data")
    path = GitMirrors(root)._mirror(Repository(url)).path  # the one place where a URL becomes a path
    assert path.resolve().is_relative_to(root.resolve())


def draft(name: str) -> Draft:
    return Draft(name=name, source="https://git.example.com/x.git", branch="main", runner="python", start="./run")


@db
@pytest.mark.parametrize("name", sorted(RESERVED))
async def test_the_platforms_own_names_are_nobodys(world: FakeWorld, name: str) -> None:
    made = await create_project(world, await cast.team_of(await cast.alice()), draft(name), by=None)
    assert made.slug.startswith(f"{name}-")


@db
async def test_a_slug_built_to_look_like_anothers_hostname_gets_another(world: FakeWorld) -> None:
    shop = await create_project(world, await cast.team_of(await cast.alice()), draft("shop"), by=None)
    staging = await cast.environment(shop, "staging", branch="next")
    theirs = await traffic.name_environment(shop, staging)
    carols = await cast.team_of(await cast.carol())
    for name in ("shop", "Shop", "SHOP.", "shop-env-staging", " shop env staging "):
        thief = await create_project(world, carols, draft(name), by=None)
        assert thief.slug not in {shop.slug, theirs.label}
        production = await Alias.get(project=thief, kind=AliasKind.production)
        assert production.label == thief.slug
    assert await Alias.filter(label=theirs.label).count() == 1


@db
async def test_an_environment_named_later_never_takes_a_projects_hostname(world: FakeWorld) -> None:
    carols = await cast.team_of(await cast.carol())
    early = await create_project(world, carols, draft("shop-env-staging"), by=None)
    shop = await create_project(world, await cast.team_of(await cast.alice()), draft("shop"), by=None)
    late = await traffic.name_environment(shop, await cast.environment(shop, "staging", branch="next"))
    assert late.label != early.slug
    assert (await Alias.get(label=early.slug)).project_id == early.id


@db
@pytest.mark.parametrize("branch", ["a/b", "a-b", "A_B", "ä/b", "x" * 250])
async def test_branches_that_look_alike_get_hostnames_of_their_own(world: FakeWorld, branch: str) -> None:
    shop = await create_project(world, await cast.team_of(await cast.alice()), draft("shop"), by=None)
    labels = set()
    for name in (branch, branch.upper(), f"{branch}!"):
        deployment = await cast.deployment(shop, branch=name)
        deployment = await Deployment.get(id=deployment.id).select_related("project", "environment")
        names = await traffic.names_for(deployment)
        labels |= {alias.label for alias in names if alias.kind == AliasKind.branch}
    assert len(labels) == len({branch, branch.upper(), f"{branch}!"})


@db
@pytest.mark.parametrize(
    "source", ["file:///etc", "/etc", "ext::sh -c id", "-u", "http://x/y", "git://x/y", "ssh://x/y"]
)
async def test_only_https_comes_from_a_form(world: FakeWorld, source: str) -> None:
    team = await cast.team_of(await cast.alice())
    hostile = Draft(name=str(uuid4()), source=source, branch="main", runner="python", start="./run")
    with pytest.raises(Refused):
        await create_project(world, team, hostile, by=None)
    assert not await Project.filter(team=team).exists()
