"""A deployment from queued to its end, on a real database and fakes of the outer world."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from devpush.deploy import heads, inbox, push, rollback, sweep, traffic
from devpush.deploy.plan import Names
from devpush.deploy.rollout import Rollout
from devpush.errors import MovedMeanwhile, Refused, Unavailable, WrongState
from devpush.models import Alias, Deployment, Environment, Project, State, Variable
from devpush.models.deployment import NEXT
from tests import cast
from tests.fakes import Behaviour, FakeWorld, Ran
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.usefixtures("db")
MAIN = {"main.py": "print('hello')", "requirements.txt": "flask"}


@pytest.fixture
def world(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """An engine that has the runner image."""
    image = world.containers.have_image("runner")

    async def found(*_: object) -> str:
        return image

    monkeypatch.setattr("devpush.deploy.runners.image", found)
    return world


async def shop(world: FakeWorld, **facts: Any) -> Project:
    """A project whose repository has a commit."""
    facts = {"runner": "python", "dependency_files": ["requirements.txt"], **facts}
    project = await cast.project(**facts)
    world.git.commit(project.repo_url, MAIN)
    return project


async def pushed(world: FakeWorld, project: Project, **files: str) -> Deployment:
    """Somebody pushes; what became of it."""
    if files:
        world.git.commit(project.repo_url, {**MAIN, **{name.replace("_", "."): text for name, text in files.items()}})
    queued = await push.deploy_branch(world, project, "main", by=None, trigger="push")
    return await rolled_out(world, queued)


async def rolled_out(world: FakeWorld, queued: Deployment) -> Deployment:
    taken = await Deployment.take(queued.id)
    assert taken
    await Rollout(world, taken).run()
    return await Deployment.get(id=queued.id).select_related("project", "environment")


def commands(world: FakeWorld) -> list[str]:
    return [about for call, about in world.containers.calls if call == "run"]


async def test_a_push_becomes_live_at_its_four_names(world: FakeWorld) -> None:
    project = await shop(world, install="pip install -r requirements.txt", build="make")
    done = await pushed(world, project)
    assert done.state == State.succeeded, done.reason
    hosts = world.proxy.hosts()
    assert set(hosts) == {
        f"{project.slug}.localhost",
        f"{project.slug}-branch-main.localhost",
        f"{project.slug}-id-{done.short_id}.localhost",
    }
    assert set(hosts.values()) == {str(done.id)}
    assert commands(world) == ["/bin/sh -c pip install -r requirements.txt", "/bin/sh -c make"]
    assert "Live at http://" in "\n".join(world.logs.texts("build"))


async def test_nothing_is_installed_when_only_code_changed_and_nothing_built_when_nothing_did(world: FakeWorld) -> None:
    project = await shop(world, install="pip install -r requirements.txt", build="make")
    await pushed(world, project)
    world.containers.calls.clear()
    changed = await pushed(world, project, main_py="print('bye')")
    assert commands(world) == ["/bin/sh -c make"]
    world.containers.calls.clear()
    again = await rolled_out(world, await push.redeploy(world, changed, by=None))
    assert commands(world) == []
    assert (again.image, again.image_reused) == (changed.image, True)


async def test_other_variables_reach_the_app_without_a_build_unless_one_is_asked_for(world: FakeWorld) -> None:
    project = await shop(world, build="make")
    first = await pushed(world, project)
    world.containers.calls.clear()
    await Variable.create(project=project, key="NEW", value="1")
    kept = await rolled_out(world, await push.redeploy(world, first, by=None, keep_image=True))
    assert (commands(world), kept.image, kept.state) == ([], first.image, State.succeeded)
    app = Names(world.installation).container(kept, "app")
    [spec] = [each.spec for each in world.containers.all.values() if each.spec.name == app]
    assert spec.environment["NEW"] == "1"
    assert f"The image of deployment {first.short_id} is taken as it is: nothing to build." in world.logs.texts("build")
    built = await rolled_out(world, await push.redeploy(world, kept, by=None))
    assert built.image != first.image
    assert commands(world) == ["/bin/sh -c make"]


async def test_install_runs_over_the_whole_tree_when_the_dependency_files_are_not_enough(world: FakeWorld) -> None:
    project = await shop(world, install="pip install .")
    world.containers.behave = lambda _: Behaviour(
        commands={"pip install": Ran(0 if commands(world)[1:] else 1, ["no module"])}
    )
    done = await pushed(world, project)
    assert done.state == State.succeeded
    assert len(commands(world)) == 2
    assert any("once more, over the whole tree" in line for line in world.logs.texts("build"))


async def test_a_failed_build_says_which_command_and_its_last_lines_and_leaves_what_served(world: FakeWorld) -> None:
    project = await shop(world, build="make")
    first = await pushed(world, project)
    world.containers.behave = lambda _: Behaviour(commands={"make": Ran(2, ["cc: no such file"])})
    failed = await pushed(world, project, main_py="broken")
    assert failed.state == State.failed
    assert failed.reason.startswith("The build command (make) exited with code 2.")
    assert "cc: no such file" in failed.reason
    assert set(world.proxy.hosts().values()) == {str(first.id)}


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (Behaviour(answers=None, exits=1, output=["Traceback: no app"]), "exited with code 1 before it answered"),
        (Behaviour(answers=None, exits=137, oom_killed=True), "used more than its 256 MB"),
        (Behaviour(answers=None, exits=127), "start command was not found: python"),
        (Behaviour(answers=None), "listens on no port"),
        (Behaviour(answers=500), "answered 500 at /"),
    ],
)
async def test_an_app_that_never_answers_is_told_why(world: FakeWorld, behaviour: Behaviour, words: str) -> None:
    project = await shop(world)
    first = await pushed(world, project)
    if behaviour.exits is None:  # only the end of its time tells
        object.__setattr__(world.settings, "deployment_timeout", 1)
    world.containers.behave = lambda _: behaviour
    failed = await pushed(world, project, main_py="worse")
    assert failed.state == State.failed
    assert words in failed.reason
    assert set(world.proxy.hosts().values()) == {str(first.id)}


async def test_predeploy_runs_in_a_container_of_the_new_image_and_its_failure_ends_the_deployment(
    world: FakeWorld,
) -> None:
    project = await shop(world, pre_deploy="manage.py migrate")
    world.containers.behave = lambda spec: (
        Behaviour(exits=3, output=["no table"]) if spec.name.endswith("predeploy") else Behaviour()
    )
    failed = await pushed(world, project)
    assert failed.reason.startswith("The pre-deploy command (manage.py migrate) exited with code 3.")
    assert not world.proxy.hosts()


async def test_a_route_that_is_never_seen_goes_back_to_what_served(world: FakeWorld) -> None:
    project = await shop(world)
    first = await pushed(world, project)
    world.proxy.blind = set(world.proxy.hosts())
    failed = await pushed(world, project, main_py="new")
    assert failed.state == State.failed
    assert "did not answer at" in failed.reason
    production = await Alias.get(project=project, kind="production")
    assert production.deployment_id == first.id
    assert world.proxy.hosts()[f"{project.slug}.localhost"] == str(first.id)


async def test_cut_off_after_its_names_were_moved_back_it_fails_all_the_same(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended as succeeded, "kept, but takes no traffic": the name had its own number."""
    project = await shop(world)
    first = await pushed(world, project)
    world.proxy.blind = set(world.proxy.hosts())
    world.git.commit(project.repo_url, {**MAIN, "main.py": "2"})
    queued = await push.deploy_branch(world, project, "main", by=None)
    taken = await Deployment.take(queued.id)
    assert taken
    rollout = Rollout(world, taken)

    async def killed(_: str) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(rollout, "fail", killed)
    with pytest.raises(asyncio.CancelledError):
        await rollout.run()
    ended = await rolled_out(world, queued)
    assert ended.state == State.failed
    assert "through Traefik" in (ended.reason or "")
    assert str(first.id) in world.proxy.hosts().values()


async def test_who_has_lost_a_deployment_takes_none_of_its_names_back(world: FakeWorld) -> None:
    project = await shop(world)
    await pushed(world, project)
    queued = await push.deploy_branch(world, project, "main", by=None)
    zombie = await Deployment.take(queued.id)
    assert zombie
    zombie = await Deployment.get(id=queued.id).select_related("project", "environment")
    done = await rolled_out(world, queued)
    assert done.state == State.succeeded
    with pytest.raises(MovedMeanwhile):
        await traffic.point_back(zombie)
    assert await Alias.exists(deployment_id=done.id, kind="production")


async def test_what_is_wanted_again_while_it_drains_has_all_of_its_time_later(world: FakeWorld) -> None:
    """Its container was stopped when the time that began at first was over, in the middle of requests."""
    project = await shop(world)
    first = await pushed(world, project)
    await pushed(world, project, main_py="2")
    world.containers.connected = 1
    sweeper = sweep.Sweeper(world)
    await sweeper.sweep()
    draining = list(sweeper.retiring.values())
    assert draining
    await rollback.roll_back(world, await Deployment.get(id=first.id).select_related("project", "environment"), by=None)
    await sweeper.sweep()
    await asyncio.gather(*draining, return_exceptions=True)
    assert draining[0].cancelled()
    await sweeper.close()


async def test_an_older_deployment_never_takes_the_names_from_a_newer_one(world: FakeWorld) -> None:
    project = await shop(world)
    older = await push.redeploy(world, await pushed(world, project), by=None)
    await cut_at(world, older, State.building)
    newer = await pushed(world, project, main_py="newer")
    late = await rolled_out(world, older)
    assert late.state == State.succeeded
    assert world.proxy.hosts()[f"{project.slug}.localhost"] == str(newer.id)


async def test_a_newer_push_skips_those_that_have_not_begun(world: FakeWorld) -> None:
    project = await shop(world)
    first = await push.deploy_branch(world, project, "main", by=None, trigger="push")
    second = await push.deploy_branch(world, project, "main", by=None, trigger="push")
    first = await Deployment.get(id=first.id)
    assert (first.state, second.state) == (State.skipped, State.queued)
    assert second.short_id in first.reason
    assert await Deployment.take(first.id) is None


async def test_cancel_works_until_routing_and_the_task_finds_out(world: FakeWorld) -> None:
    project = await shop(world, build="make")
    world.containers.behave = lambda _: Behaviour(commands={"make": Ran(seconds=3600)})
    queued = await push.deploy_branch(world, project, "main", by=None)
    task = asyncio.create_task(rolled_out(world, queued))
    while not commands(world):
        await asyncio.sleep(0.01)
    await push.cancel(world, queued)
    await sweep.Sweeper(world).sweep()
    cancelled = await asyncio.wait_for(task, PATIENCE)
    assert cancelled.state == State.cancelled
    assert not await world.containers.list()
    with pytest.raises(Refused, match="too late"):
        await push.cancel(world, queued)


async def test_whoever_was_overtaken_can_move_nothing_any_more(world: FakeWorld) -> None:
    project = await shop(world)
    queued = await push.deploy_branch(world, project, "main", by=None)
    zombie, owner = await Deployment.take(queued.id), await Deployment.take(queued.id)
    assert zombie
    assert owner
    with pytest.raises(MovedMeanwhile):
        await zombie.move(State.building)
    await owner.move(State.building)
    with pytest.raises(WrongState):
        await owner.move(State.succeeded)


@pytest.mark.parametrize("call", ["create", "put", "start", "commit", "run", "network", "image"])
async def test_an_engine_away_leaves_the_state_and_the_next_attempt_ends_well(world: FakeWorld, call: str) -> None:
    project = await shop(world, build="make")
    queued = await push.deploy_branch(world, project, "main", by=None)
    real = getattr(world.containers, call)
    left = [2]

    async def flaky(*args: object, **kwargs: object) -> object:
        if left[0]:
            left[0] -= 1
            raise Unavailable("Docker doesn't answer.")
        return await real(*args, **kwargs)

    setattr(world.containers, call, flaky)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await rolled_out(world, queued)
        assert not (await Deployment.get(id=queued.id)).finished
    done = await rolled_out(world, queued)
    assert done.state == State.succeeded, done.reason


async def cut_at(world: FakeWorld, queued: Deployment, state: State) -> None:
    """kill -9 in that state: the task vanishes without a word to anybody."""
    taken = await Deployment.take(queued.id)
    assert taken
    rollout = Rollout(world, taken)
    move = rollout.move

    async def moved(to: State, **facts: object) -> None:
        await move(to, **facts)
        if to == state:
            raise asyncio.CancelledError

    rollout.move = moved  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await rollout.run()


@pytest.mark.parametrize("state", [State.building, State.starting, State.routing])
async def test_cut_off_in_any_step_it_is_taken_up_and_ends_once(world: FakeWorld, state: State) -> None:
    project = await shop(world, build="make", pre_deploy="migrate")
    world.containers.behave = lambda spec: Behaviour(exits=0) if spec.name.endswith("predeploy") else Behaviour()
    queued = await push.deploy_branch(world, project, "main", by=None)
    await cut_at(world, queued, state)
    await sweep.Sweeper(world).sweep()
    done = await rolled_out(world, queued)
    await sweep.Sweeper(world).sweep()
    assert done.state == State.succeeded, done.reason
    names = [container.name for container in await world.containers.list()]
    assert names == [Names(world.installation).container(done, "app")]


async def settled(world: FakeWorld) -> None:
    """Sweep, and let what is drained be stopped."""
    sweeper = sweep.Sweeper(world)
    await sweeper.sweep()
    await asyncio.gather(*sweeper.retiring.values())
    await sweeper.sweep()


@pytest.fixture(autouse=True)
def quick_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "DRAIN_AT_LEAST", 0.01)


@pytest.mark.parametrize(("servers", "own", "goes_on"), [(0, None, False), (600, 0, False), (0, 600, True)])
async def test_connections_that_last_keep_the_one_before_as_long_as_the_project_says(
    world: FakeWorld, servers: int, own: int | None, goes_on: bool
) -> None:
    world.settings = replace(world.settings, drain_seconds=servers)
    project = await shop(world)
    await Project.filter(id=project.id).update(drain_seconds=own)
    await pushed(world, project)
    await pushed(world, project, main_py="2")
    world.containers.connected = 1
    sweeper = sweep.Sweeper(world)
    await sweeper.sweep()
    draining = list(sweeper.retiring.values())  # none, where that is over by now
    pending = (await asyncio.wait(draining, timeout=0.5))[1] if draining else set()
    running = [container for container in await world.containers.list() if container.state == "running"]
    await sweeper.close()
    assert bool(pending) == goes_on
    assert len(running) == 1 + goes_on


async def test_the_one_before_is_kept_stopped_and_older_ones_go(world: FakeWorld) -> None:
    project = await shop(world)
    first = await pushed(world, project)
    second = await pushed(world, project, main_py="2")
    third = await pushed(world, project, main_py="3")
    await settled(world)
    names = Names(world.installation)
    states = {container.name: container.state for container in await world.containers.list()}
    assert states == {names.container(second, "app"): "exited", names.container(third, "app"): "running"}
    assert (await Deployment.get(id=first.id)).address is None
    assert world.shipping.waited_for == [names.container(first, "app")]


async def test_rollback_brings_the_earlier_one_back_at_every_name_without_a_build(world: FakeWorld) -> None:
    project = await shop(world, build="make")
    first = await pushed(world, project)
    second = await pushed(world, project, main_py="2")
    await settled(world)
    world.containers.calls.clear()
    said = await rollback.roll_back(world, first, by=None)
    assert said == f"Rolled back to {first.short_id}. Production now runs “Change it”."
    assert world.proxy.hosts()[f"{project.slug}.localhost"] == str(first.id)
    assert commands(world) == []
    await settled(world)
    names = Names(world.installation)
    states = {container.name: container.state for container in await world.containers.list()}
    assert states == {names.container(first, "app"): "running", names.container(second, "app"): "exited"}
    with pytest.raises(Refused, match="already runs"):
        await rollback.roll_back(world, first, by=None)


async def test_rollback_makes_a_container_that_is_gone_again_from_its_image(world: FakeWorld) -> None:
    project = await shop(world)
    first = await pushed(world, project)
    for text in ("2", "3"):
        await pushed(world, project, main_py=text)
    await settled(world)
    await rollback.roll_back(world, await Deployment.get(id=first.id), by=None)
    assert world.proxy.hosts()[f"{project.slug}.localhost"] == str(first.id)


async def test_a_rollback_that_does_not_come_up_changes_nothing(world: FakeWorld) -> None:
    project = await shop(world)
    first = await pushed(world, project)
    second = await pushed(world, project, main_py="2")
    await settled(world)
    world.containers.behave = lambda _: Behaviour(answers=None, exits=1)
    with pytest.raises(Refused, match="nothing was changed"):
        await rollback.roll_back(world, first, by=None)
    assert world.proxy.hosts()[f"{project.slug}.localhost"] == str(second.id)


async def test_a_rollback_cut_off_in_the_middle_leaves_what_serves(world: FakeWorld) -> None:
    project = await shop(world)
    first = await pushed(world, project)
    second = await pushed(world, project, main_py="2")
    await settled(world)
    name = Names(world.installation).container(first, "app")
    world.containers.behave = lambda _: Behaviour(answers=None)  # it starts, and is long in answering
    task = asyncio.create_task(rollback.roll_back(world, first, by=None))
    while not world.containers._find(name).running:
        await asyncio.sleep(0.01)
    await settled(world)
    assert world.containers._find(name).running, "the sweep stopped what a rollback was waking"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await settled(world)
    assert not world.containers._find(name).running
    assert world.proxy.hosts()[f"{project.slug}.localhost"] == str(second.id)


async def test_a_push_that_was_under_way_does_not_undo_a_later_rollback(world: FakeWorld) -> None:
    project = await shop(world)
    first = await pushed(world, project)
    await pushed(world, project, main_py="2")
    slow = await push.deploy_branch(world, project, "main", by=None)
    await rollback.roll_back(world, first, by=None)
    await rolled_out(world, slow)
    assert world.proxy.hosts()[f"{project.slug}.localhost"] == str(first.id)


async def test_promote_gives_production_the_image_with_productions_variables(world: FakeWorld) -> None:
    project = await shop(world, build="make")
    staging = await cast.environment(project, "staging", branch="next")
    await Variable.create(project=project, environment=staging, key="MODE", value="staging")
    await Variable.create(project=project, key="MODE", value="for all")
    world.git.commit(project.repo_url, MAIN, branch="next")
    staged = await rolled_out(world, await push.deploy_branch(world, project, "next", by=None))
    assert f"{project.slug}-env-staging.localhost" in world.proxy.hosts()
    world.containers.calls.clear()
    promoted = await rolled_out(world, await push.promote(world, staged, by=None))
    assert promoted.state == State.succeeded, promoted.reason
    assert promoted.image == staged.image
    assert commands(world) == []
    app = next(
        one for one in world.containers.all.values() if one.spec.labels["devpush.deployment"] == str(promoted.id)
    )
    assert app.spec.environment["MODE"] == "for all"
    assert json.loads(staged.variables)["MODE"] == "staging"


async def test_variables_reach_the_app_byte_for_byte_and_builds_keep_none(world: FakeWorld) -> None:
    project = await shop(world, build="make")
    value = "a 'b' \"c\" $HOME\nünïcode = \\n"
    await Variable.create(project=project, key="SECRET", value=value)
    done = await pushed(world, project)
    app = next(one for one in world.containers.all.values() if one.spec.name.endswith("-app"))
    assert app.spec.environment["SECRET"] == value
    assert app.spec.environment["DEVPUSH_GIT_COMMIT_SHA"] == done.commit_sha
    assert app.spec.environment["DEVPUSH_URL"] == f"http://{project.slug}.localhost:8080"
    assert world.containers.environments[0]["SECRET"] == value
    workshops = [one for one in world.containers.all.values() if not one.spec.name.endswith("-app")]
    assert all(not one.spec.environment for one in workshops)


async def test_an_app_whose_image_is_gone_too_is_built_again_from_git_as_it_was(world: FakeWorld) -> None:
    """Somebody pruned the engine; or this is another server, onto which a backup was restored."""
    project = await shop(world, build="make")
    await Variable.keep(project.id, {"COLOUR": "blue"})
    old = await pushed(world, project)
    world.git.commit(project.repo_url, {"main.py": "print('never pushed to us')"})
    await Variable.keep(project.id, {"COLOUR": "red"})
    await Project.filter(id=project.id).update(build="make everything")
    await world.containers.remove(Names(world.installation).container(old, "app"))
    await world.containers.remove_image(str(old.image))
    for _ in range(2):  # a second look changes nothing
        await sweep.Sweeper(world).sweep()
    [queued] = await Deployment.filter(state=State.queued)
    done = await rolled_out(world, queued)
    assert (done.state, done.commit_sha, done.config) == (State.succeeded, old.commit_sha, old.config)
    assert json.loads(done.variables)["COLOUR"] == "blue"
    assert set(world.proxy.hosts().values()) == {str(done.id)}
    await old.refresh_from_db()
    assert f"built again from Git, as {done.short_id}" in old.health_note


async def test_nothing_is_built_again_while_something_newer_is_on_its_way(world: FakeWorld) -> None:
    project = await shop(world)
    old = await pushed(world, project)
    newer = await push.deploy_branch(world, project, "main", by=None)
    await world.containers.remove(Names(world.installation).container(old, "app"))
    await world.containers.remove_image(str(old.image))
    await sweep.Sweeper(world).sweep()
    assert await Deployment.filter(state=State.queued).count() == 1
    done = await rolled_out(world, newer)
    await sweep.Sweeper(world).sweep()
    assert set(world.proxy.hosts().values()) == {str(done.id)}
    assert not await Deployment.exists(state=State.queued)


async def test_the_sweep_brings_back_what_is_wanted_and_mends_routes(world: FakeWorld) -> None:
    project = await shop(world)
    done = await pushed(world, project)
    name = Names(world.installation).container(done, "app")
    for harm in (world.containers.stop, world.containers.remove):
        await harm(name)
        world.proxy.tables.clear()
        await sweep.Sweeper(world).sweep()
        container = await world.containers.inspect(name)
        assert container
        assert (container.state, container.address) == ("running", done.address)
        assert world.proxy.hosts()[f"{project.slug}.localhost"] == str(done.id)


async def test_an_app_that_crashes_again_and_again_is_stopped_and_says_so(world: FakeWorld) -> None:
    project = await shop(world)
    done = await pushed(world, project)
    name = Names(world.installation).container(done, "app")
    sweeper = sweep.Sweeper(world)
    watching = asyncio.create_task(sweeper.watch())
    await until(lambda: ("events", "") in world.containers.calls)
    await world.containers.crash(name, 1)
    await until(lambda: is_health(done, "restarting"))
    for _ in range(sweep.CRASHES):
        await world.containers.crash(name, 1)
    await until(lambda: is_health(done, "crashed"))
    await settled(world)
    container = await world.containers.inspect(name)
    assert container
    assert container.state == "exited"
    assert "Look at its log" in (await Deployment.get(id=done.id)).health_note
    watching.cancel()


async def is_health(deployment: Deployment, health: str) -> bool:
    return (await Deployment.get(id=deployment.id)).health == health


async def test_a_branch_without_an_environment_is_refused_in_words(world: FakeWorld) -> None:
    project = await shop(world)
    with pytest.raises(Refused, match=r"No environment takes the branch other\. Production takes main\."):
        await push.deploy_branch(world, project, "other", by=None)


async def test_pushes_nobody_told_us_of_are_found_by_comparing_heads(world: FakeWorld) -> None:
    project = await shop(world)
    await pushed(world, project)
    await heads.look_for_pushes(world)
    await inbox.look(world)
    assert await Deployment.filter(project=project).count() == 1
    sha = world.git.commit(project.repo_url, MAIN | {"main.py": "new"})
    await heads.look_for_pushes(world)
    await inbox.look(world)
    newest = await Deployment.filter(project=project).order_by("-number").first()
    assert newest
    assert (newest.commit_sha, newest.trigger) == (sha, "push")


async def test_a_hostname_somebody_has_gets_a_suffix(world: FakeWorld) -> None:
    rival = await cast.project(slug="shop-env-staging")
    await traffic.name_environment(rival, await Environment.get(project=rival, slug="production"))
    project = await cast.project(slug="shop")
    alias = await traffic.name_environment(project, await cast.environment(project, "staging", branch="s"))
    assert alias.label.startswith("shop-env-staging-")


def test_every_state_can_end_and_ends_lead_nowhere() -> None:
    ends = {state for state, following in NEXT.items() if not following}
    assert ends == {State.succeeded, State.failed, State.cancelled, State.skipped}
    assert all(State.failed in following for state, following in NEXT.items() if state not in ends)


async def test_a_value_that_looks_like_our_own_ciphertext_is_kept_as_it_is(world: FakeWorld) -> None:
    project = await shop(world)
    await Variable.keep(project.id, {"FERNET": "gAAAAABnot-a-token"})
    await Project.filter(id=project.id).update(repo_token="gAAAA and more")
    assert (await Variable.get(project=project)).value == "gAAAAABnot-a-token"
    assert (await Project.get(id=project.id)).repo_token == "gAAAA and more"


async def test_a_route_is_not_waited_for_once_docker_has_gone(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = list[str]()

    async def seen(*_: object, **__: object) -> bool:
        looking.append("began")
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            looking.append("ended")
        return False

    async def gone(_: str) -> None:
        raise Unavailable("Docker doesn't answer.")

    deployment = await pushed(world, await shop(world))
    alias = await Alias.get(project=deployment.project, kind="production")
    monkeypatch.setattr(world.proxy, "seen", seen)
    monkeypatch.setattr(world.containers, "keep_running", gone)
    with pytest.raises(Unavailable):
        await traffic.go_live(world, deployment, alias)
    await asyncio.sleep(0)
    assert looking == ["began", "ended"]
