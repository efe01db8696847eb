"""A repository's own Dockerfile, from push to route: on which images, with which arguments, and what is told."""

from dataclasses import replace

import pytest

from devpush.deploy import push
from devpush.deploy.rollout import Rollout
from devpush.models import Deployment, Project, State, Variable
from tests import cast
from tests.fakes import Behaviour, FakeWorld

pytestmark = pytest.mark.usefixtures("db")

BASE = "acme-base:1"


@pytest.fixture
def world(world: FakeWorld) -> FakeWorld:
    """An engine with a base image of the operator's, and Docker Hub in reach."""
    world.settings = replace(world.settings, base_image=BASE)
    world.containers.have_image(BASE)
    world.containers.pullable = {"docker.io/library/alpine:latest"}
    return world


async def deployed(world: FakeWorld, dockerfile: str, project: Project | None = None, **files: str) -> Deployment:
    project = project or await cast.project(runner="docker", start="", install="", build="", dependency_files=[])
    world.git.commit(project.repo_url, {"Dockerfile": dockerfile, "main.py": "", **files})
    queued = await push.deploy_branch(world, project, "main", by=None, trigger="push")
    taken = await Deployment.take(queued.id)
    assert taken
    await Rollout(world, taken).run()
    return await Deployment.get(id=queued.id).select_related("project")


async def test_the_image_is_built_on_what_was_fetched_and_runs_by_its_own_command(world: FakeWorld) -> None:
    done = await deployed(world, "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY --from=alpine /a /b\n")
    assert done.state == State.succeeded, done.reason
    [build] = world.containers.builds
    base, alpine = [await world.containers.image(name) for name in (BASE, "docker.io/library/alpine:latest")]
    lines = build.files["Dockerfile"].splitlines()
    assert lines[1] == f"FROM {base}"
    assert lines[-1] == f"COPY --from={alpine} /a /b"
    assert f"devpush.project={done.project.id}" in lines[2], "what the builder remembers is the project's alone"
    assert build.network == f"devpush-{world.installation}-{done.project.id.hex[:12]}"
    assert build.limits
    assert build.limits.memory_mb == 512
    [app] = [container for container in world.containers.all.values() if container.spec.name.endswith("-app")]
    assert (app.spec.command, app.spec.working_dir) == (None, None)
    assert not [call for call, _ in world.containers.calls if call == "run"]


async def test_where_apps_are_sandboxed_no_build_runs_outside_of_that(world: FakeWorld) -> None:
    """The classic builder can't be told a runtime."""
    world.settings = replace(world.settings, container_runtime="runsc")
    refused = await deployed(world, "FROM scratch\nRUN true\n")
    assert refused.state == State.failed
    assert "its apps run in runsc (CONTAINER_RUNTIME)" in (refused.reason or "")
    assert world.containers.builds == []
    world.containers.engine = replace(world.containers.engine, default_runtime="runsc")
    done = await deployed(world, "FROM scratch\nRUN true\n")
    assert done.state == State.succeeded, done.reason


async def test_only_declared_arguments_are_given(world: FakeWorld) -> None:
    project = await cast.project(runner="docker", start="", install="", build="", dependency_files=[])
    await Variable.keep(project.id, {"TOKEN": "secret", "OTHER": "x"})
    done = await deployed(world, "FROM scratch\nARG TOKEN\nARG MISSING=1\nARG PORT\n", project)
    assert done.state == State.succeeded, done.reason
    [build] = world.containers.builds
    assert build.arguments == {"TOKEN": "secret", "PORT": "8000"}


async def test_the_same_tree_on_the_same_images_is_built_once(world: FakeWorld) -> None:
    text = "FROM alpine\nARG COLOUR\n"
    first = await deployed(world, text)
    again = await deployed(world, text, first.project)
    assert (again.image, again.image_reused) == (first.image, True)
    await Variable.keep(first.project.id, {"COLOUR": "green", "UNSEEN": "1"})
    assert not (await deployed(world, text, first.project)).image_reused
    world.containers.known_images.clear()
    moved = await deployed(world, text, first.project)
    assert not moved.image_reused


async def test_an_image_of_this_engine_is_nobodys_base_whatever_it_is_called(world: FakeWorld) -> None:
    """A7, A14: images of other tenants lie on the same engine. Each name is fetched from a registry, or refused."""
    theirs = world.containers.have_image("devpush-0a1b2c3d-5f:app-1")
    short = theirs.removeprefix("sha256:")[:12]
    for name in ("devpush-0a1b2c3d-5f:app-1", short, theirs, theirs.removeprefix("sha256:"), "localhost/x", BASE + "0"):
        for text in (f"FROM {name}", f"FROM scratch\nCOPY --from={name} / /loot"):
            done = await deployed(world, text)
            assert done.state == State.failed, name
            assert "image" in done.reason
    assert world.containers.builds == []


async def test_what_a_base_image_would_add_by_itself_is_refused(world: FakeWorld) -> None:
    alpine = world.containers.have_image("docker.io/library/alpine:latest")
    world.containers.onbuild = {alpine: ["ADD http://127.0.0.1:2375/ /x"]}
    done = await deployed(world, "FROM alpine")
    assert "adds instructions of its own to the Dockerfile (ONBUILD)" in done.reason


@pytest.mark.parametrize(
    ("dockerfile", "words"),
    [
        ("FROM evil.example/x", "images come from docker.io, ghcr.io"),
        ("FROM nobody/nothing", "The image nobody/nothing can't be had from its registry."),
        ("FROM alpine\nADD http://127.0.0.1/ /x", "Line 2 of the Dockerfile: ADD can't fetch from a URL here"),
        ("FROM alpine\nRUN --mount=type=bind cat", "needs BuildKit"),
        ("# nothing", "The Dockerfile has no FROM instruction."),
        ("FROM alpine\n# " + "x" * 200_000, "Dockerfile is larger than 200 kB."),
    ],
)
async def test_what_can_not_be_built_fails_with_a_sentence(world: FakeWorld, dockerfile: str, words: str) -> None:
    done = await deployed(world, dockerfile)
    assert done.state == State.failed
    assert words in done.reason
    assert world.containers.builds == []


async def test_a_missing_dockerfile_is_told(world: FakeWorld) -> None:
    project = await cast.project(runner="docker", start="", install="", build="", root_dir="web", dependency_files=[])
    done = await deployed(world, "FROM alpine", project, **{"web/index.html": ""})
    assert done.reason == f"There is no web/Dockerfile in commit {done.commit_sha[:7]}."


async def test_a_failed_build_is_told_in_the_builders_words_without_secrets(world: FakeWorld) -> None:
    project = await cast.project(runner="docker", start="", install="", build="", dependency_files=[])
    await Variable.keep(project.id, {"TOKEN": "canary-1f2e3d"})
    world.containers.build_fails = (
        "The image could not be built: The command '/bin/sh -c echo canary-1f2e3d; make' returned a non-zero code: 137."
    )
    done = await deployed(world, "FROM alpine\nRUN make", project)
    assert "returned a non-zero code: 137." in done.reason
    assert "more than its 512 MB of memory" in done.reason
    assert "Step 1/1 : FROM" in done.reason
    assert "canary" not in done.reason


async def test_what_dockerignore_names_stays_out_of_the_build(world: FakeWorld) -> None:
    files = {".dockerignore": "*.md\nsecret\n", "a.md": "", "secret/key": "", "b.py": ""}
    await deployed(world, "FROM alpine", None, **files)
    [build] = world.containers.builds
    assert set(build.files) == {"Dockerfile", ".dockerignore", "main.py", "b.py"}


async def test_an_app_that_may_not_write_is_told_as_whom_it_runs(world: FakeWorld) -> None:
    world.containers.behave = lambda _: Behaviour(answers=None, exits=1, output=["/data: Permission denied"])
    done = await deployed(world, "FROM alpine")
    assert "It runs as user 1000, whatever USER its Dockerfile says" in done.reason
