"""What GitHub hears of deployments: each state once and in order, late rather than never, in nobody's way."""

import asyncio
import html
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devpush.adapters.github import GitHubApi
from devpush.deploy import inbox, outlook, push, reports, rollback, teardown, traffic
from devpush.deploy.rollout import Rollout
from devpush.deploy.source import repository
from devpush.errors import Unavailable
from devpush.models import Alias, Deployment, GitHubApp, GitHubToken, Project, Report, State, reading
from devpush.models.deployment import next_act
from devpush.ports import GitHubRefused, TokenRefused
from devpush.settings import Settings
from tests import cast
from tests.emulate import INSTALLATIONS
from tests.fakes import Behaviour, FakeWorld, Ran
from tests.github_server import GitHubServer, signed
from tests.patience import until
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]
LONG_AGO = datetime.now(UTC) - timedelta(days=1)
CALLS = ("installation_token", "set_status", "create_deployment", "set_deployment_status")


@pytest.fixture
async def world(world: FakeWorld, db: str) -> FakeWorld:
    """An installation with a GitHub App."""
    await cast.github_app()
    return world


async def connected(world: FakeWorld, full_name: str = "alice/shop", **facts: Any) -> Project:
    """A project of a repository on GitHub that our App is let into."""
    login = full_name.partition("/")[0]
    accounts = {account.login: id for id, account in world.github.installations.items()}
    installation = accounts.get(login) or world.github.have_installation(login)
    known = {one.full_name: one for one in world.github.all.values()}
    theirs = known.get(full_name) or world.github.have_repository(full_name, installation)
    return await cast.project(
        **{
            "repo_url": theirs.clone_url,
            "github_repo_id": theirs.id,
            "github_installation_id": installation,
            **facts,
        }
    )


async def becomes(deployment: Deployment, state: State, **facts: Any) -> None:
    ended = state not in (State.queued, State.building, State.starting, State.routing)
    finished_at = datetime.now(UTC) if ended else None
    await Deployment.filter(id=deployment.id).update(state=state, finished_at=finished_at, **facts)


async def goes_live(deployment: Deployment) -> None:
    """As a rollout leaves it."""
    deployment = await Deployment.get(id=deployment.id).select_related("project", "environment")
    await traffic.point(deployment, await traffic.names_for(deployment), await next_act())
    await becomes(deployment, State.succeeded)


async def time_passes() -> None:
    """Until everything put off is due."""
    await Report.all().update(next_at=LONG_AGO)


def statuses(world: FakeWorld) -> list[tuple[str, str]]:
    return [(told.state, told.description) for told in world.github.statuses]


def deployment_states(world: FakeWorld) -> list[str]:
    return [told.state for told in world.github.deployment_statuses]


# What is said


async def test_github_hears_of_each_state_with_the_live_url_at_the_end(world: FakeWorld) -> None:
    project = await connected(world)
    deployment = await cast.deployment(project)
    await reports.work(world)
    await becomes(deployment, State.building)
    await reports.work(world)
    await goes_live(deployment)
    await reports.work(world)

    live = f"http://{project.slug}.localhost:8080"
    assert statuses(world) == [
        ("pending", "Waiting for its turn."),
        ("pending", "Building and starting."),
        ("success", f"Live at {live}"),
    ]
    last = world.github.statuses[-1]
    page = f"http://localhost:8000/projects/{project.slug}/deployments/{deployment.id}"
    assert (last.repository, last.about, last.context) == ("alice/shop", cast.COMMIT, f"devpush/{project.slug}")
    assert last.url == page
    [made] = world.github.deployments.values()
    assert (made.about, made.context) == (cast.COMMIT, f"Production – {project.slug}")
    assert deployment_states(world) == ["queued", "in_progress", "success"]
    assert [told.url for told in world.github.deployment_statuses] == ["", "", live]
    assert {told.log_url for told in world.github.deployment_statuses} == {page}
    report = await Report.get(deployment_id=deployment.id)
    assert (report.reported, report.attempts, report.given_up) == ("live", 0, "")


async def test_it_is_told_with_a_token_for_just_this_repository_and_just_this_purpose(world: FakeWorld) -> None:
    project = await connected(world)
    await cast.deployment(project)
    await reports.work(world)
    [issued] = world.github.issued
    assert issued.repositories == (project.github_repo_id,)
    assert issued.permissions == {"statuses": "write", "deployments": "write"}


async def test_states_that_are_over_are_left_out_and_nothing_is_said_twice(world: FakeWorld) -> None:
    deployment = await cast.deployment(await connected(world))
    for state in (State.building, State.starting, State.routing):
        await becomes(deployment, state)
    await goes_live(deployment)
    await reports.work(world)
    assert [state for state, _ in statuses(world)] == ["success"]
    assert deployment_states(world) == ["success"]
    world.github.calls.clear()
    await time_passes()
    await reports.work(world)
    assert world.github.calls == []


async def test_what_changes_while_it_is_told_is_told_right_after(world: FakeWorld) -> None:
    deployment = await cast.deployment(await connected(world))
    world.github.delay = 0.05
    working = asyncio.create_task(reports.work(world))
    await until(lambda: "set_status" in world.github.calls)
    await goes_live(deployment)
    await working
    assert deployment_states(world) == ["queued", "success"]


async def test_a_failure_is_told_by_its_first_line_without_secrets_or_tricks(world: FakeWorld) -> None:
    project = await connected(world)
    deployment = await cast.deployment(project, variables={"API_KEY": "canary-0123456789"})
    reason = "The build command (curl -H canary-0123456789 \u202e\x1b[31m) exited with code 2." + " Mend it." * 30
    await becomes(deployment, State.failed, reason=f"{reason}\nIts last lines:\ncanary-0123456789 and more")
    await reports.work(world)
    [(state, description)] = statuses(world)
    assert state == "failure"
    assert description.startswith("The build command (curl -H ******** [31m) exited with code 2.")
    assert len(description) == 140
    assert deployment_states(world) == ["failure"]
    told = repr((world.github.statuses, world.github.deployments, world.github.deployment_statuses))
    assert "canary" not in told
    assert "last lines" not in told


@pytest.mark.parametrize("state", [State.cancelled, State.skipped])
async def test_what_came_to_nothing_is_told_only_if_it_was_announced(world: FakeWorld, state: State) -> None:
    project = await connected(world)
    announced = await cast.deployment(project)
    await reports.work(world)
    await becomes(announced, state)
    unheard = await cast.deployment(project)
    await becomes(unheard, state)
    await reports.work(world)
    assert [state for state, _ in statuses(world)] == ["pending", "error"]
    assert deployment_states(world) == ["queued", "inactive"]
    assert not await Report.exists(deployment_id=unheard.id)


async def test_what_was_announced_halfway_and_came_to_nothing_doesnt_stay_pending(world: FakeWorld) -> None:
    deployment = await cast.deployment(await connected(world))
    world.github.refuse["create_deployment"] = Unavailable("GitHub doesn't answer.")
    await reports.work(world)
    assert [state for state, _ in statuses(world)] == ["pending"]
    await becomes(deployment, State.cancelled)
    await time_passes()
    await reports.work(world)
    assert [state for state, _ in statuses(world)] == ["pending", "error"]


async def test_the_one_before_is_told_to_be_over_and_keeps_its_success(world: FakeWorld) -> None:
    project = await connected(world)
    first = await cast.deployment(project)
    await goes_live(first)
    await reports.work(world)
    second = await cast.deployment(project, commit_sha="b" * 40)
    world.github.statuses.clear()
    await goes_live(second)
    await reports.work(world)
    assert [(told.about, told.state) for told in world.github.statuses] == [("b" * 40, "success")]
    ids = {report.deployment_id: report.github_id for report in await Report.all()}
    said = [(int(told.about), told.state, told.url != "") for told in world.github.deployment_statuses]
    assert said == [
        (ids[first.id], "success", True),
        (ids[first.id], "inactive", False),
        (ids[second.id], "success", True),
    ]


async def test_the_one_before_counts_as_live_until_the_new_route_is_seen(world: FakeWorld) -> None:
    project = await connected(world)
    first = await cast.deployment(project)
    await goes_live(first)
    await reports.work(world)
    second = await cast.deployment(project, commit_sha="b" * 40)
    await goes_live(second)
    await becomes(second, State.routing)
    await reports.work(world)
    assert deployment_states(world) == ["success", "in_progress"]
    await traffic.point_back(second)
    await becomes(second, State.failed, reason="The app runs, but did not answer.")
    await reports.work(world)
    assert deployment_states(world) == ["success", "in_progress", "failure"]


async def test_an_older_deployment_of_the_same_commit_leaves_its_status_to_the_newer(world: FakeWorld) -> None:
    project = await connected(world)
    older, newer = await cast.deployment(project), await cast.deployment(project)
    await becomes(older, State.failed, reason="It exited.")
    await becomes(newer, State.building)
    await reports.work(world)
    assert [state for state, _ in statuses(world)] == ["pending"]
    assert deployment_states(world) == ["failure", "in_progress"]


async def test_two_projects_of_one_repository_and_their_environments_are_told_apart(world: FakeWorld) -> None:
    shop, docs = await connected(world), await connected(world)
    preview = await cast.environment(docs, "preview", branch="*")
    for project, environment in ((shop, None), (docs, None), (docs, preview)):
        await goes_live(
            await cast.deployment(project, environment=environment or await cast.production(project)),
        )
    await reports.work(world)
    assert {told.context for told in world.github.statuses} == {
        f"devpush/{shop.slug}",
        f"devpush/{docs.slug}",
        f"devpush/{docs.slug}/preview",
    }
    assert {told.context for told in world.github.deployments.values()} == {
        f"Production – {shop.slug}",
        f"Production – {docs.slug}",
        f"Preview – {docs.slug}",
    }
    assert deployment_states(world) == ["success"] * 3


async def test_a_renamed_repository_is_told_by_its_new_name(world: FakeWorld) -> None:
    project = await connected(world)
    deployment = await cast.deployment(project)
    await reports.work(world)
    world.github.all[project.github_repo_id or 0].full_name = "alice/store"
    await Project.filter(id=project.id).update(repo_url="https://github.com/alice/store.git")
    await goes_live(deployment)
    await reports.work(world)
    assert [told.repository for told in world.github.statuses] == ["alice/shop", "alice/store"]


# Who is told of


async def test_deployments_from_before_and_projects_from_elsewhere_are_not_told_of(world: FakeWorld) -> None:
    await cast.deployment(await cast.project())
    project = await connected(world)
    before = await cast.deployment(project, state=State.succeeded, finished_at=datetime.now(UTC) - timedelta(hours=1))
    await reports.work(world)
    assert not await Report.exists()
    assert world.github.calls == []
    assert before.state == State.succeeded


async def test_a_removed_project_is_not_told_of_any_more(world: FakeWorld) -> None:
    project = await connected(world)
    deployment = await cast.deployment(project)
    await reports.work(world)
    world.github.calls.clear()
    await teardown.remove_project(world, project)
    await reports.work(world)
    await teardown.end_project(world, await project.team, project.id)
    await teardown.work(world)
    assert not await Project.exists(id=project.id)
    await reports.work(world)
    assert world.github.calls == []
    assert not await Report.exists(deployment_id=deployment.id)


async def test_a_project_removed_while_it_is_told_of_does_no_harm(world: FakeWorld) -> None:
    project = await connected(world)
    await cast.deployment(project)
    world.github.delay = 0.05
    working = asyncio.create_task(reports.work(world))
    await until(lambda: "set_status" in world.github.calls)
    await Project.filter(id=project.id).delete()
    await working
    assert not await Report.exists()


# When it doesn't work


async def test_while_github_is_away_it_is_tried_again_with_longer_pauses_and_then_given_up(
    world: FakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    deployment = await cast.deployment(await connected(world))
    world.github.away = -1
    pauses = []
    for _ in range(len(reports.PAUSES) + 1):
        await reports.work(world)
        report = await Report.get(deployment_id=deployment.id)
        pauses.append((report.next_at - datetime.now(UTC)).total_seconds())
        await time_passes()
    assert pauses[:-1] == pytest.approx(reports.PAUSES, abs=4)
    assert report.given_up == (
        "GitHub was not told that this deployment waits for its turn, because that failed 8 times in a row, "
        "at last with: “FakeGitHub doesn't answer”."
    )
    calls = len(world.github.calls)
    await reports.work(world)
    assert len(world.github.calls) == calls

    world.github.away = 0
    await goes_live(deployment)
    await reports.work(world)
    report = await Report.get(deployment_id=deployment.id)
    assert (report.reported, report.given_up) == ("live", "")
    assert deployment_states(world) == ["success"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "advice"), [(401, "still installed"), (403, "must let the App write"), (404, "connect the repository")]
)
async def test_a_refusal_is_given_up_at_once_with_what_to_do(
    world: FakeWorld, call: str, status: int, advice: str
) -> None:
    deployment = await cast.deployment(await connected(world))
    world.github.refuse[call] = GitHubRefused("GitHub says no.", status=status)
    await reports.work(world)
    report = await Report.get(deployment_id=deployment.id)
    assert report.given_up.startswith(
        "GitHub was not told that this deployment waits for its turn, because it said no: “GitHub says no”. "
    )
    assert advice in report.given_up
    assert "alice/shop" in report.given_up
    assert world.github.calls.count(call) == 1


async def test_without_an_app_or_an_installation_it_is_given_up_without_a_call(world: FakeWorld) -> None:
    gone = await cast.deployment(await connected(world, github_installation_id=None))
    await reports.work(world)
    assert "no longer installed" in (await Report.get(deployment_id=gone.id)).given_up
    await GitHubApp.all().delete()
    without = await cast.deployment(await connected(world))
    await reports.work(world)
    assert "no GitHub App yet" in (await Report.get(deployment_id=without.id)).given_up
    assert world.github.calls == []


async def test_a_token_that_was_taken_back_is_asked_for_anew(world: FakeWorld) -> None:
    deployment = await cast.deployment(await connected(world))
    world.github.refuse["set_status"] = TokenRefused("GitHub doesn't accept this token any more.")
    await reports.work(world)
    assert not await GitHubToken.exists()
    world.github.refuse.clear()
    await time_passes()
    await reports.work(world)
    assert world.github.calls.count("installation_token") == 2
    assert (await Report.get(deployment_id=deployment.id)).reported == "queued"


async def test_a_mistake_of_ours_is_tried_again_too(world: FakeWorld, caplog: pytest.LogCaptureFixture) -> None:
    deployment = await cast.deployment(await connected(world))
    world.github.refuse["set_status"] = ZeroDivisionError()
    with caplog.at_level(logging.CRITICAL):
        await reports.work(world)
    world.github.refuse.clear()
    await time_passes()
    await reports.work(world)
    assert (await Report.get(deployment_id=deployment.id)).reported == "queued"


class Cut(BaseException):
    """The process ends here: nothing catches it."""


@pytest.mark.parametrize("call", CALLS)
async def test_cut_off_before_any_call_it_goes_on_and_makes_one_deployment_only(world: FakeWorld, call: str) -> None:
    deployment = await cast.deployment(await connected(world))
    world.github.refuse[call] = Cut()  # type: ignore[assignment]
    await reports.work(world)
    world.github.refuse.clear()
    await reports.work(world)
    assert (await Report.get(deployment_id=deployment.id)).reported == "", "claimed by whoever was cut off"
    await time_passes()
    await reports.work(world)
    assert (await Report.get(deployment_id=deployment.id)).reported == "queued"
    assert len(world.github.deployments) == 1
    assert deployment_states(world) == ["queued"]


async def test_two_processes_that_look_at_once_say_it_once(world: FakeWorld) -> None:
    await cast.deployment(await connected(world))
    world.github.delay = 0.05
    await asyncio.gather(reports.work(world), reports.work(world))
    assert len(world.github.statuses) == 1
    assert len(world.github.deployments) == 1


async def test_who_stops_while_telling_leaves_nothing_running(world: FakeWorld) -> None:
    await cast.deployment(await connected(world))
    world.github.delay = 3600
    working = asyncio.create_task(reports.work(world))
    await until(lambda: world.github.calls)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert not [task for task in asyncio.all_tasks() if "report" in repr(task.get_coro())]


async def test_who_stops_while_a_deployment_is_made_still_hears_its_id(world: FakeWorld) -> None:
    deployment = await cast.deployment(await connected(world))
    world.github.delay = 0.2
    working = asyncio.create_task(reports.work(world))
    await until(lambda: "create_deployment" in world.github.calls)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert (await Report.get(deployment_id=deployment.id)).github_id in world.github.deployments
    await time_passes()
    await reports.work(world)
    assert len(world.github.deployments) == 1
    assert deployment_states(world) == ["queued"]


async def test_one_account_that_waits_blocks_no_other(world: FakeWorld) -> None:
    for name in "abcdefghij":
        await cast.deployment(await connected(world, f"slow/{name}"))
    quick = await cast.deployment(await connected(world, "quick/one"))
    slow = {one.full_name for one in world.github.all.values() if one.full_name.startswith("slow/")}
    held, waiting = asyncio.Event(), []
    told = world.github.set_status

    async def set_status(token: Any, repository: str, sha: str, **more: Any) -> None:
        if repository in slow:
            waiting.append(repository)
            await held.wait()
        await told(token, repository, sha, **more)

    world.github.set_status = set_status  # type: ignore[method-assign]  # as slow as its repository's account
    working = asyncio.create_task(reports.work(world))
    await until(lambda: Report.exists(deployment_id=quick.id, reported="queued"))
    assert len(waiting) <= outlook.PER_ACCOUNT
    held.set()
    await working
    assert await Report.filter(reported="queued").count() == 11


# On the whole way


@pytest.fixture
def runner(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that has the runner image."""
    image = world.containers.have_image("runner")

    async def found(*_: object) -> str:
        return image

    monkeypatch.setattr("devpush.deploy.runners.image", found)


async def shop(world: FakeWorld) -> Project:
    project = await connected(world, runner="python", build="make", dependency_files=[])
    world.git.commit(project.repo_url, {"main.py": "1"})
    return project


async def rolled_out(world: FakeWorld, queued: Deployment) -> Deployment:
    taken = await Deployment.take(queued.id)
    assert taken
    await Rollout(world, taken).run()
    return await Deployment.get(id=queued.id).select_related("project", "environment")


async def pushed(world: FakeWorld, project: Project, main: str = "1", branch: str = "main") -> Deployment:
    world.git.commit(project.repo_url, {"main.py": main}, branch=branch)
    return await rolled_out(world, await push.deploy_branch(world, project, branch, by=None, trigger="push"))


@pytest.mark.usefixtures("runner")
async def test_a_rollout_waits_for_no_answer_of_github(world: FakeWorld) -> None:
    project = await shop(world)
    commit = await world.git.fetch(await repository(world, project), "main")
    queued = await push.queue(world, project, await cast.production(project), "main", commit, by=None, trigger="push")
    world.github.calls.clear()
    world.github.delay = 3600
    assert world.jobs.queues == ["reports"]
    telling = asyncio.create_task(reports.work(world))
    await until(lambda: "set_status" in world.github.calls or "installation_token" in world.github.calls)
    calls = list(world.github.calls)
    # The source's own token was given before GitHub fell silent; of all else the rollout asks it nothing.
    done = await rolled_out(world, queued)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert done.state == State.succeeded, done.reason
    assert world.github.calls == calls
    assert set(world.jobs.queues) == {"reports"}


@pytest.mark.usefixtures("runner")
async def test_a_project_from_elsewhere_wakes_nobody_for_github(world: FakeWorld) -> None:
    project = await cast.project(runner="python", dependency_files=[])
    await pushed(world, project)
    assert world.jobs.queues == []
    assert world.github.calls == []


@pytest.mark.usefixtures("runner")
async def test_rolled_back_to_it_has_success_anew(world: FakeWorld) -> None:
    project = await shop(world)
    first = await pushed(world, project)
    await reports.work(world)
    second = await pushed(world, project, "2")
    await reports.work(world)
    world.github.statuses.clear()
    world.github.deployment_statuses.clear()
    await rollback.roll_back(world, first, by=None)
    await reports.work(world)
    assert [(told.about, told.state) for told in world.github.statuses] == [(first.commit_sha, "success")]
    ids = {report.deployment_id: str(report.github_id) for report in await Report.all()}
    assert {(told.about, told.state) for told in world.github.deployment_statuses} == {
        (ids[first.id], "success"),
        (ids[second.id], "inactive"),
    }


@pytest.mark.usefixtures("runner")
async def test_a_promotion_is_a_deployment_of_production(world: FakeWorld) -> None:
    project = await shop(world)
    await cast.environment(project, "staging", branch="next")
    staged = await pushed(world, project, "2", branch="next")
    await rolled_out(world, await push.promote(world, staged, by=None))
    await reports.work(world)
    assert {(told.context, told.state) for told in world.github.statuses} == {
        (f"devpush/{project.slug}/staging", "success"),
        (f"devpush/{project.slug}", "success"),
    }
    assert {told.about for told in world.github.statuses} == {staged.commit_sha}


@pytest.mark.usefixtures("runner")
async def test_a_failed_build_is_told_while_what_served_stays_live(world: FakeWorld) -> None:
    project = await shop(world)
    await pushed(world, project)
    await reports.work(world)
    world.containers.behave = lambda _: Behaviour(commands={"make": Ran(2, ["cc: no such file"])})
    await pushed(world, project, "2")
    await reports.work(world)
    assert statuses(world)[-1] == ("failure", "The build command (make) exited with code 2.")
    assert deployment_states(world) == ["success", "failure"]


async def test_a_burst_of_pushes_costs_github_two_reports(world: FakeWorld) -> None:
    project = await connected(world)
    for number in range(30):
        world.git.commit(project.repo_url, {"main.py": str(number)})
        await push.deploy_branch(world, project, "main", by=None, trigger="push")
    await reports.work(world)
    assert len(world.github.statuses) == 1
    assert await Alias.filter(project_id=project.id).count() == 1


# On the pages


async def test_the_overview_says_what_is_wrong_with_the_repository(world: FakeWorld) -> None:
    trouble = "alice/shop was removed from the App's access. Give it access again on GitHub."
    project = await connected(world, repo_trouble=trouble)
    visitor = await Visitor(dashboard(world)).signed_in(await cast.alice())
    page = await visitor.get(f"/projects/{project.slug}")
    assert trouble in html.unescape(page.text)
    assert f'href="/projects/{project.slug}/settings#settings-repository"' in page.text
    assert 'href="https://github.com/alice/shop"' in page.text


async def test_an_open_deployments_page_hears_that_github_knows(world: FakeWorld) -> None:
    deployment = await cast.deployment(await connected(world))
    await reports.work(world)
    assert [(said.topic, said.kind) for said in world.live.said] == [(f"deployment:{deployment.id}", "report")]
    visitor = await Visitor(dashboard(world)).signed_in(await cast.alice())
    slug = (await Project.get()).slug
    page = await visitor.get(f"/projects/{slug}/deployments/{deployment.id}")
    assert re.search(r'href="https://github.com/alice/shop/deployments"[^>]*>GitHub knows<', page.text)
    assert f'href="https://github.com/alice/shop/commit/{cast.COMMIT}"' in page.text
    assert 'href="https://github.com/alice/shop/tree/main"' in page.text


# Over HTTP


@pytest.fixture
async def http_world(world: FakeWorld, github_server: GitHubServer, settings: Settings) -> AsyncIterator[FakeWorld]:
    """Everything is a fake but the way to GitHub."""
    app = await GitHubApp.get()
    app.app_id, app.private_key = github_server.app.id, github_server.app.private_key
    await app.save()
    at = replace(settings, github_url=github_server.url, github_api_url=github_server.url)
    async with GitHubApi(at, timeout=1.0, pauses=(0.05,)) as api:
        world.github = api  # type: ignore[assignment]
        yield world


async def served(github_server: GitHubServer, name: str) -> Project:
    made = await asyncio.to_thread(github_server.have_repository, f"acme/{name}", private=True)
    return await cast.project(
        repo_url=made.clone_url, github_repo_id=made.id, github_installation_id=INSTALLATIONS["acme"]
    )


async def test_what_is_sent_is_what_github_takes(http_world: FakeWorld, github_server: GitHubServer) -> None:
    project = await served(github_server, "reported")
    deployment = await cast.deployment(project)
    await reports.work(http_world)
    await goes_live(deployment)
    await reports.work(http_world)

    page = f"http://localhost:8000/projects/{project.slug}/deployments/{deployment.id}"
    live = f"http://{project.slug}.localhost:8080"
    [_, status] = [told for told in github_server.statuses if told["repository"] == "acme/reported"]
    assert {name: status[name] for name in ("sha", "state", "context", "description", "target_url")} == {
        "sha": cast.COMMIT,
        "state": "success",
        "context": f"devpush/{project.slug}",
        "description": f"Live at {live}",
        "target_url": page,
    }
    [made] = [told for told in github_server.deployments.values() if told["repository"] == "acme/reported"]
    assert (made["ref"], made["environment"], made["production_environment"], made["auto_merge"]) == (
        cast.COMMIT,
        f"Production – {project.slug}",
        True,
        False,
    )
    said = [told for told in github_server.deployment_statuses if told["repository"] == "acme/reported"]
    assert [(told["deployment"], told["state"], told.get("environment_url"), told["log_url"]) for told in said] == [
        (made["id"], "queued", None, page),
        (made["id"], "success", live, page),
    ]


async def test_through_slowness_errors_and_limits_it_arrives_in_the_end(
    http_world: FakeWorld, github_server: GitHubServer
) -> None:
    deployment = await cast.deployment(await served(github_server, "unlucky"))
    github_server.trouble("access_tokens", after=2)
    await reports.work(http_world)
    github_server.well()
    github_server.trouble("statuses", status=500)
    await time_passes()
    await reports.work(http_world)
    github_server.well()
    await goes_live(deployment)
    github_server.trouble("deployments", status=429, headers={"Retry-After": "1"}, times=1)
    await time_passes()
    await reports.work(http_world)
    await asyncio.sleep(1)
    await time_passes()
    await reports.work(http_world)
    report = await Report.get(deployment_id=deployment.id)
    assert (report.reported, report.given_up) == ("live", "")
    states = [told["state"] for told in github_server.deployment_statuses if told["repository"] == "acme/unlucky"]
    assert states == ["success"]


async def test_without_the_permission_whoever_looks_reads_what_to_do(
    http_world: FakeWorld, github_server: GitHubServer
) -> None:
    deployment = await cast.deployment(await served(github_server, "unwritable"))
    said = b'{"message": "The permissions requested are not granted to this installation."}'
    github_server.trouble("access_tokens", status=422, body=said)
    await reports.work(http_world)
    github_server.well()
    note = (await Report.get(deployment_id=deployment.id)).given_up
    assert "The permissions requested are not granted to this installation" in note
    assert "whether the App may write commit statuses and deployments there" in note


@pytest.mark.usefixtures("runner")
async def test_from_a_push_to_its_status_on_github(http_world: FakeWorld, github_server: GitHubServer) -> None:
    """GitHub tells us, the app goes live, and GitHub hears of it."""
    project = await served(github_server, "pushed")
    await Project.filter(id=project.id).update(runner="python")
    repository = github_server.repositories[project.github_repo_id or 0]
    sha = http_world.git.commit(repository.clone_url, {"main.py": "1"})
    payload = github_server.push_payload(repository, sha, message="Ship it")
    headers, body = signed("a webhook secret", "push", payload)

    answer = await dashboard(http_world).test_client().post("/api/github/webhook", headers=headers, data=body)
    assert answer.status_code == 202, await answer.get_data()
    await inbox.work(http_world)
    done = await rolled_out(http_world, await Deployment.get(project_id=project.id))
    assert done.state == State.succeeded, done.reason
    await reports.work(http_world)

    assert http_world.jobs.queues[-1] == "reports"
    [status] = [told for told in github_server.statuses if told["sha"] == sha]
    assert (status["state"], status["description"]) == ("success", f"Live at http://{project.slug}.localhost:8080")
    page = await reading.deployment_page(project.id, done.id, url=str)
    assert (page.delivery_source, page.told and page.told.knows) == ("github", True)
    visitor = await Visitor(dashboard(http_world)).signed_in(await cast.alice())
    shown = await visitor.get(f"/projects/{project.slug}/deployments/{done.id}")
    assert f'href="/projects/{project.slug}/deliveries">Pushed to GitHub<' in shown.text
