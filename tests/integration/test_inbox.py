"""What webhooks tell us becomes deployments, entries in the delivery log, and nothing twice."""

import asyncio
import contextlib
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from tortoise import connections

from devpush.deploy import branches, changes, heads, inbox, payloads, push
from devpush.deploy.payloads import Look
from devpush.errors import DeployFailed, Refused, Unavailable
from devpush.models import Delivery, Deployment, GitHubInstallation, Identity, Project, Receipt, State
from devpush.models.people import now
from devpush.ports import Commit
from tests import cast, hooks
from tests.fakes import FakeWorld
from tests.hooks import INSTALLATION, REPOSITORY, recorded, sha
from tests.patience import until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "GATHER", 0)


async def connected(**facts: Any) -> Project:
    """A project of Alice's on a repository of GitHub's."""
    where = {"github_repo_id": REPOSITORY, "github_installation_id": INSTALLATION}
    return await cast.project(**{"repo_url": "https://github.com/octo/shop.git", "polled": False, **where, **facts})


async def received(payload: dict[str, Any], event: str = "push", *, key: str = "") -> Receipt:
    """GitHub tells our App something, and it is written down."""
    facts = payloads.keep(payloads.github(event, payload))
    return await Receipt.create(source="github", key=key or sha(), event=event, facts=facts)


async def told(world: FakeWorld, *told: dict[str, Any], event: str = "push") -> None:
    """The same, one after the other, and worked on."""
    for payload in told:
        await received(payload, event)
        await work(world)


async def work(world: FakeWorld) -> None:
    while await inbox.work(world):
        pass


async def log_of(project: Project) -> list[tuple[str, str]]:
    """Verdicts and sentences, oldest first."""
    return [(one.verdict, one.sentence) for one in await Delivery.filter(project=project).order_by("created_at")]


async def deployed(project: Project) -> list[str]:
    """The commits of its deployments that weren't skipped, oldest first."""
    found = Deployment.filter(project=project).exclude(state=State.skipped).order_by("number")
    return [str(one.commit_sha) for one in await found]


# A push


async def test_a_push_is_deployed_to_the_environment_that_takes_its_branch(world: FakeWorld) -> None:
    project = await connected()
    staging = await cast.environment(project, "staging", branch="feature/*")
    await told(world, hooks.push("main"), hooks.push("feature/x", message="Try it\n\nand see"))
    first, second = await Deployment.filter(project=project).order_by("number")
    assert (first.environment_id, first.trigger, first.state) == ((await cast.production(project)).id, "push", "queued")
    assert (second.environment_id, second.commit_message) == (staging.id, "Try it\n\nand see")
    assert await log_of(project) == [("deployed", "Goes to Production."), ("deployed", "Goes to Staging.")]
    assert [one.deployment_id for one in await Delivery.all().order_by("created_at")] == [first.id, second.id]
    assert world.jobs.woken


async def test_a_branch_nobody_takes_is_ignored_and_says_why(world: FakeWorld) -> None:
    project = await connected()
    await told(world, hooks.push("other"))
    assert await log_of(project) == [
        ("ignored", "No environment takes the branch other. Production takes main."),
    ]
    assert not await Deployment.exists()


async def test_tags_and_deletions_deploy_nothing(world: FakeWorld) -> None:
    project = await connected()
    here = {"repository": {"id": REPOSITORY}, "installation": {"id": INSTALLATION}}
    deletion = hooks.push("main") | {"deleted": True, "after": "0" * 40, "head_commit": None}
    await told(world, recorded("github/push.tag") | here, deletion)
    assert [verdict for verdict, _ in await log_of(project)] == ["ignored", "ignored"]
    assert not await Deployment.exists()


async def test_every_project_on_the_repository_hears_of_it(world: FakeWorld) -> None:
    web = await connected(root_dir="web", watch_paths=["web/**", "shared/*.toml"])
    api = await connected(root_dir="api", watch_paths=["api"])
    whole = await connected()
    other = await cast.project(github_repo_id=1, github_installation_id=INSTALLATION)
    going = await connected(removing_at=now())
    one, two, three = sha(), sha(), sha()
    await told(
        world,
        hooks.push(after=one),
        hooks.push(before=one, after=two, changed=("api/main.py", "README.md")),
        hooks.push(before=two, after=three, changed=("shared/versions.toml",)),
    )
    assert await log_of(web) == [
        ("deployed", "Goes to Production."),
        ("ignored", "Nothing changed in web/**, shared/*.toml."),
        ("deployed", "Goes to Production."),
    ]
    assert [verdict for verdict, _ in await log_of(api)] == ["deployed", "deployed", "ignored"]
    assert [verdict for verdict, _ in await log_of(whole)] == ["deployed"] * 3
    assert await log_of(other) == await log_of(going) == []


async def test_after_a_push_nobody_told_us_of_the_next_one_counts_as_changing_anything(world: FakeWorld) -> None:
    project = await connected(watch_paths=["web/**"])
    known, missed = sha(), sha()
    await told(world, hooks.push(after=known), hooks.push(before=missed, after=sha(), changed=("docs/a.md",)))
    assert [verdict for verdict, _ in await log_of(project)] == ["deployed", "deployed"]


@pytest.mark.parametrize("message", ["Fix [skip deploy]", "[Deploy Skip] docs", "Docs\n\n[skip deploy]"])
async def test_the_commit_message_may_ask_for_no_deployment(world: FakeWorld, message: str) -> None:
    project = await connected()
    await told(world, hooks.push(message=message))
    [(verdict, sentence)] = await log_of(project)
    assert (verdict, sentence.lower()[:25]) == ("ignored", "its commit message says [")
    await told(world, hooks.push(message="skip deploy, [skip tests]"))
    assert [verdict for verdict, _ in await log_of(project)] == ["ignored", "deployed"]
    await Project.filter(id=project.id).update(skip_by_message=False)
    await told(world, hooks.push(message=message))
    assert [verdict for verdict, _ in await log_of(project)] == ["ignored", "deployed", "deployed"]


async def test_another_accounts_installation_does_not_count(world: FakeWorld) -> None:
    """The repository went to somebody who has our App too: their pushes aren't this project's to know."""
    project = await connected()
    await told(world, hooks.push(installation=INSTALLATION + 1))
    assert await log_of(project) == []


# Order, repetition


async def test_what_is_deployed_already_is_not_deployed_again(world: FakeWorld) -> None:
    project = await connected()
    one = hooks.push()
    await told(world, one, one)
    deployment = await Deployment.get()
    assert (await log_of(project))[1] == ("ignored", f"Deployment {deployment.short_id} has this commit already.")


async def test_a_person_and_a_push_bring_the_same_commit_once(world: FakeWorld) -> None:
    project = await connected()
    environment = await cast.production(project)
    commit = Commit(sha(), "Change it", "Alice", now())
    await push.queue(world, project, environment, "main", commit, by=None, trigger="manual")
    await told(world, hooks.push(after=commit.sha))
    assert await deployed(project) == [commit.sha]


async def test_an_older_push_that_arrives_late_replaces_nothing(world: FakeWorld) -> None:
    project = await connected()
    start, older, newer = sha(), sha(), sha()
    await told(
        world,
        hooks.push(after=start),
        hooks.push(before=older, after=newer),
        hooks.push(before=start, after=older),
    )
    assert (await log_of(project))[2] == ("ignored", "A later push to main came before this one.")
    assert (await deployed(project))[-1] == newer


async def test_pushes_that_arrive_in_any_order_leave_the_newest(world: FakeWorld) -> None:
    """Servers send several at a time. What a push came after tells where it belongs."""
    project = await connected()
    commits = [sha() for _ in range(8)]
    pushes = {after: hooks.push(before=before, after=after) for before, after in pairwise(commits)}
    for order in ((1, 2, 5, 3, 4, 7, 6), (1, 3, 2, 7, 4, 6, 5)):
        await Deployment.all().delete()
        await Delivery.all().delete()
        await told(world, *(pushes[commits[number]] for number in order))
        assert await deployed(project) == [commits[7]]


async def test_githubs_clock_tells_later_from_earlier(world: FakeWorld) -> None:
    project = await connected()
    base, late, newest = sha(), sha(), sha()
    await told(
        world,
        hooks.push(before=base, after=newest, at=2000),
        hooks.push(before=sha(), after=late, at=1000),
        hooks.push(before=newest, after=base, at=3000),
    )
    assert [verdict for verdict, _ in await log_of(project)] == ["deployed", "ignored", "deployed"]
    assert (await deployed(project))[-1] == base, "a branch may go back"


async def test_a_branch_that_went_back_is_deployed_again(world: FakeWorld) -> None:
    project = await connected()
    one, two = sha(), sha()
    back = hooks.push(before=two, after=one) | {"forced": True}
    await told(world, hooks.push(after=one), hooks.push(before=one, after=two), back)
    assert [verdict for verdict, _ in await log_of(project)] == ["deployed"] * 3


async def test_a_late_push_that_was_ignored_does_not_count_as_the_newest(world: FakeWorld) -> None:
    project = await connected(watch_paths=["web/**"])
    start, older, newer = sha(), sha(), sha()
    await told(
        world,
        hooks.push(after=start),
        hooks.push(before=older, after=newer),
        hooks.push(before=start, after=older),
        hooks.push(before=newer, after=sha(), changed=("docs/x",)),
    )
    assert (await log_of(project))[3] == ("ignored", "Nothing changed in web/**.")


# Many


async def test_of_a_burst_of_pushes_one_is_left_waiting_and_it_is_the_newest(world: FakeWorld) -> None:
    project = await connected()
    commits = [sha() for _ in range(300)]
    for number, (before, after) in enumerate(zip(["", *commits], commits, strict=False)):
        await received(hooks.push(before=before, after=after, at=1000 + number // 50))
    await work(world)
    assert await deployed(project) == [commits[-1]]
    assert await Deployment.filter(state=State.skipped).count() == 299
    assert await Delivery.filter(verdict="deployed").count() == 300
    assert not await Receipt.filter(handled_at=None).exists()


async def test_nobody_ever_sees_two_of_a_burst_waiting(world: FakeWorld) -> None:
    project = await connected()
    commits = [sha() for _ in range(inbox.TOGETHER)]
    for before, after in zip(["", *commits], commits, strict=False):
        await received(hooks.push(before=before, after=after))
    seen: set[int] = set()
    working = asyncio.create_task(work(world))
    while not working.done():
        seen.add(await Deployment.filter(project=project, state=State.queued).count())
    await working
    assert seen <= {0, 1}


# Cut off


async def test_cut_off_anywhere_nothing_is_lost_and_nothing_deployed_twice(world: FakeWorld) -> None:
    project = await connected()
    commits = [sha() for _ in range(30)]
    for before, after in zip(["", *commits], commits, strict=False):
        await received(hooks.push(before=before, after=after))
    for step in range(60):
        cut = asyncio.create_task(inbox.work(world))
        await asyncio.sleep(0.002 * step)
        cut.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await cut
    await work(world)
    found = await Deployment.filter(project=project).order_by("number")
    assert [one.commit_sha for one in found] == commits
    assert [one.state for one in found] == [State.skipped] * 29 + [State.queued]
    assert await Delivery.filter(project=project).count() == 30


async def test_two_processes_at_once_handle_each_receipt_once(world: FakeWorld) -> None:
    project = await connected()
    for _ in range(20):
        await received(hooks.push())
    await asyncio.gather(*(work(world) for _ in range(3)))
    assert await Deployment.filter(project=project).count() == 20


async def test_a_receipt_that_breaks_is_passed_over_with_words(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    project = await connected()
    bad, good = sha(), sha()
    await received(hooks.push(after=bad))
    await received(hooks.push(before=bad, after=good))
    real, tries = push.take, 0

    async def take(project: Project, fact: Any) -> push.Verdict:
        nonlocal tries
        if fact.sha == bad:
            tries += 1
            raise KeyError("a mistake of ours")
        return await real(project, fact)

    monkeypatch.setattr(push, "take", take)
    await work(world)
    assert tries == 1 + inbox.TRIES
    assert await deployed(project) == [good]
    (failed, sentence), (verdict, _) = await log_of(project)
    assert (failed, verdict) == ("failed", "deployed")
    assert "the server's log has it under receipt" in sentence
    assert [record.message for record in caplog.records].count("receipt broke") == inbox.TRIES


async def test_while_the_database_is_away_nothing_counts_as_broken(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connected()
    await received(hooks.push())

    async def take(*_: object) -> push.Verdict:
        raise ConnectionResetError

    with monkeypatch.context() as away:
        away.setattr(push, "take", take)
        with pytest.raises(ConnectionResetError):
            await inbox.work(world)
    assert (await Receipt.get()).attempts == 0
    await work(world)
    assert await Deployment.exists()


# What happens around repositories


async def happened(world: FakeWorld, name: str, **other: Any) -> None:
    """Something GitHub tells, as recorded, but of our repository and installation."""
    payload = recorded(f"github/{name}")
    if "repository" in payload:
        payload["repository"] |= {"id": REPOSITORY}
    payload["installation"] = payload.get("installation", {}) | {"id": INSTALLATION}
    await told(world, payload | other, event=name.partition(".")[0])


async def trouble(project: Project) -> str:
    return str((await Project.get(id=project.id)).repo_trouble)


async def test_a_renamed_repository_is_followed(world: FakeWorld) -> None:
    project = await connected()
    await happened(world, "repository.renamed")
    assert (await Project.get(id=project.id)).repo_url == "https://github.com/Octocoders/Hello-World.git"
    assert await log_of(project) == [("noted", "The repository is called Octocoders/Hello-World on GitHub now.")]
    assert await trouble(project) == ""


async def test_a_renamed_account_is_followed(world: FakeWorld) -> None:
    project = await connected(repo_url="https://github.com/Octocat/shop.git")
    await happened(world, "installation_target.renamed")
    assert (await Project.get(id=project.id)).repo_url == "https://github.com/new-octocat/shop.git"
    assert (await GitHubInstallation.get(id=INSTALLATION)).account_login == "new-octocat"
    assert [verdict for verdict, _ in await log_of(project)] == ["noted"]


async def test_a_transferred_repository_must_be_connected_again(world: FakeWorld) -> None:
    """Its new owner let our App in, not this team."""
    project = await connected()
    await happened(world, "repository.transferred", installation={"id": INSTALLATION + 1})
    assert (await Project.get(id=project.id)).repo_url == "https://github.com/Octocoders/Hello-World.git"
    assert "moved to Octocoders/Hello-World" in await trouble(project)
    assert "connect the repository again" in await trouble(project)
    await told(world, hooks.push(installation=INSTALLATION + 1))
    assert not await Deployment.exists()


@pytest.mark.parametrize(
    ("name", "other", "told"),
    [
        ("repository.deleted", {}, "was deleted on GitHub"),
        ("installation.deleted", {}, "was uninstalled from octocat"),
        ("installation.suspend", {}, "is suspended for Codertocat"),
        ("installation_repositories.removed", {"repositories_removed": [{"id": REPOSITORY}]}, "may no longer read"),
    ],
)
async def test_a_repository_out_of_reach_is_said_in_the_project(
    world: FakeWorld, name: str, other: dict[str, Any], told: str
) -> None:
    project, elses = await connected(), await cast.project(github_repo_id=1, github_installation_id=1)
    await happened(world, name, **other)
    assert told in await trouble(project)
    [(verdict, sentence)] = await log_of(project)
    assert (verdict, sentence) == ("noted", await trouble(project))
    assert (await trouble(elses), await log_of(elses)) == ("", [])
    assert ("project", str(project.id)) in {(one.kind, one.payload["id"]) for one in world.live.said}


async def test_what_is_within_reach_again_is_well_again(world: FakeWorld) -> None:
    project = await connected()
    for bad, good in (
        ("installation.suspend", "installation.unsuspend"),
        ("installation_repositories.removed", "installation_repositories.added"),
    ):
        here = [{"id": REPOSITORY}]
        await happened(world, bad, repositories_removed=here)
        assert await trouble(project)
        await happened(world, good, repositories_added=here, repositories_removed=[])
        assert await trouble(project) == ""
    await happened(world, "repository.deleted")
    await told(world, hooks.push())
    assert await trouble(project) == "", "a push proves that we may see it"


async def test_installations_are_remembered_and_forgotten(world: FakeWorld) -> None:
    await told(world, recorded("github/installation.created"), event="installation")
    there = await GitHubInstallation.get()
    assert (there.id, there.account_login, there.account_type) == (957387, "Codertocat", "User")
    gone = recorded("github/installation.deleted")
    gone["installation"]["id"] = 957387
    await told(world, gone, event="installation")
    assert not await GitHubInstallation.exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("repository.privatized", "is private now"),
        ("repository.publicized", "is public now"),
        ("repository.default_branch", "The default branch is master now, no longer main."),
    ],
)
async def test_other_changes_are_noted(world: FakeWorld, name: str, told: str) -> None:
    project = await connected()
    await happened(world, name)
    [(verdict, sentence)] = await log_of(project)
    assert verdict == "noted"
    assert told in sentence
    assert await trouble(project) == ""


async def test_what_a_user_took_back_is_forgotten(world: FakeWorld) -> None:
    alice, bob = await cast.alice(), await cast.bob()
    for user, subject in ((alice, "1"), (bob, "2")):
        await Identity.create(
            user=user,
            provider="github",
            issuer="https://github.com",
            subject=subject,
            access_token="t",
            refresh_token="r",
        )
    await told(world, recorded("github/github_app_authorization.revoked"), event="github_app_authorization")
    gone, there = await Identity.get(user=alice), await Identity.get(user=bob)
    assert [gone.access_token, gone.refresh_token, there.access_token] == [None, None, "t"]


def test_every_kind_of_news_has_somebody_who_takes_it_in() -> None:
    assert set(changes.LEARNERS) | {payloads.Push, payloads.NotAPush, Look} == set(payloads.KINDS.values())


# Servers that must be asked


async def shop(world: FakeWorld, **facts: Any) -> Project:
    """A project on another Git server, whose first commit is deployed."""
    project = await cast.project(**facts)
    world.git.commit(project.repo_url, {"main.py": "1"})
    await push.deploy_branch(world, project, "main", by=None)
    return project


async def asked(project: Project, *facts: Look, source: str = "plain") -> None:
    """Its own webhook says that something was pushed."""
    for fact in facts:
        key = f"{project.id.hex}:{sha()}"
        kept = payloads.keep([fact])
        await Receipt.create(source=source, key=key, event="look", facts=kept, project_id=project.id)


async def test_a_plain_webhook_deploys_the_heads_that_are_new(world: FakeWorld) -> None:
    project = await shop(world)
    await asked(project, Look())
    await inbox.look(world)
    assert await log_of(project) == [("ignored", "No branch has a commit that isn't known already.")]
    new = world.git.commit(project.repo_url, {"main.py": "2"}, message="Two")
    await asked(project, Look(), Look("main"))
    await inbox.look(world)
    assert (await deployed(project))[-1] == new
    assert [verdict for verdict, _ in await log_of(project)] == ["ignored", "deployed", "ignored"]
    assert not await Receipt.filter(handled_at=None).exists()


async def test_a_plain_webhook_may_name_the_branch_and_the_commit(world: FakeWorld) -> None:
    project = await shop(world)
    await cast.environment(project, "staging", branch="next")
    one = world.git.commit(project.repo_url, {"main.py": "n"}, branch="next")
    two = world.git.commit(project.repo_url, {"main.py": "m"}, branch="next")
    for fact in (Look("next", one), Look("next"), Look("next", one)):
        await asked(project, fact)
        await inbox.look(world)
    assert (await deployed(project))[-1] == two
    assert (await log_of(project))[-1] == ("ignored", "A later commit of next is deployed already.")


async def test_what_a_server_refuses_is_read_in_the_log(world: FakeWorld) -> None:
    project = await shop(world)
    await asked(project, Look("nothing"))
    world.git.branches.pop((await cast.project()).repo_url, None)
    await inbox.look(world)
    assert await log_of(project) == [("failed", "There is no branch nothing.")]


async def test_the_same_question_many_times_is_asked_once(world: FakeWorld) -> None:
    project = await shop(world)
    times = 0
    real = world.git.heads

    async def asks(repository: Any) -> Any:
        nonlocal times
        times += 1
        return await real(repository)

    world.git.heads = asks  # type: ignore[method-assign]
    await asked(project, *[Look()] * 50)
    await inbox.look(world)
    assert times == 1
    assert not await Receipt.filter(handled_at=None).exists()


async def test_a_slow_server_keeps_only_its_own_waiting(world: FakeWorld) -> None:
    slow, quick = await shop(world), await shop(world)
    new = world.git.commit(quick.repo_url, {"main.py": "2"})
    real, hangs = world.git.heads, asyncio.Event()

    async def asks(repository: Any) -> Any:
        if repository.url == slow.repo_url:
            await hangs.wait()
        return await real(repository)

    world.git.heads = asks  # type: ignore[method-assign]
    await asked(slow, Look())
    await asked(quick, Look())
    looking = asyncio.create_task(inbox.look(world))
    await until(lambda: Deployment.exists(project=quick, commit_sha=new))
    late = world.git.commit(quick.repo_url, {"main.py": "3"})
    await asked(quick, Look())
    await until(lambda: Deployment.exists(project=quick, commit_sha=late))
    assert await Receipt.filter(project_id=slow.id, handled_at=None).exists()
    hangs.set()
    await looking
    assert not await Receipt.filter(handled_at=None).exists()


# Pushes nobody told us of


async def looked(world: FakeWorld) -> None:
    await heads.look_for_pushes(world)
    await inbox.look(world)


async def test_missed_pushes_are_found_by_comparing_heads(world: FakeWorld) -> None:
    project = await shop(world)
    unpolled = await shop(world, polled=False)
    await looked(world)
    assert len(await deployed(project)) == 1
    for one in (project, unpolled):
        world.git.commit(one.repo_url, {"main.py": "2"})
    await looked(world)
    await looked(world)
    first, second = await Deployment.filter(project=project).order_by("number")
    assert (first.state, second.state) == (State.skipped, State.queued)
    assert len(await deployed(unpolled)) == 1
    [delivery] = await Delivery.all()
    assert (delivery.source, delivery.verdict, delivery.deployment_id) == ("poll", "deployed", second.id)


async def test_what_was_pushed_and_not_wanted_is_not_found_again(world: FakeWorld) -> None:
    project = await shop(world)
    world.git.commit(project.repo_url, {"main.py": "2"}, message="Docs [skip deploy]")
    await looked(world)
    await looked(world)
    assert [verdict for verdict, _ in await log_of(project)] == ["ignored"]


async def test_a_branch_that_went_back_is_found_once_that_is_settled(world: FakeWorld) -> None:
    project = await shop(world)
    first = (await deployed(project))[0]
    second = world.git.commit(project.repo_url, {"main.py": "2"})
    await looked(world)
    world.git.branches[project.repo_url]["main"] = first
    await looked(world)
    assert (await deployed(project))[-1] == second, "a server that answers with what was is not believed at once"
    earlier = now() - branches.SETTLED
    await Deployment.all().update(created_at=earlier)
    await Delivery.all().update(created_at=earlier)
    await looked(world)
    assert (await deployed(project))[-1] == first


async def test_a_branch_that_went_back_and_nobody_told_us(world: FakeWorld) -> None:
    project = await shop(world)
    [first] = await deployed(project)
    second = world.git.commit(project.repo_url, {"main.py": "2"})
    await told_by_hook(world, project, hooks.push(before=first, after=second))
    world.git.branches[project.repo_url]["main"] = first
    earlier = now() - branches.SETTLED
    await Deployment.all().update(created_at=earlier)
    await Delivery.all().update(created_at=earlier)
    await looked(world)
    assert (await deployed(project))[-1] == first


async def told_by_hook(world: FakeWorld, project: Project, payload: dict[str, Any]) -> None:
    """By the project's own webhook."""
    facts = payloads.keep(payloads.github_hook("push", payload))
    key = f"{project.id.hex}:{sha()}"
    await Receipt.create(source="github", key=key, event="push", facts=facts, project_id=project.id)
    await work(world)


async def test_a_push_that_came_while_we_looked_is_not_replaced_by_what_we_saw(world: FakeWorld) -> None:
    project = await shop(world)
    seen = world.git.commit(project.repo_url, {"main.py": "2"})
    await heads.look_for_pushes(world)
    newer = world.git.commit(project.repo_url, {"main.py": "3"})
    await push.deploy_branch(world, project, "main", by=None)
    await inbox.look(world)
    assert (await deployed(project))[-1] == newer
    assert seen not in await deployed(project)


async def test_branches_from_before_an_environment_are_left_alone(world: FakeWorld) -> None:
    project = await shop(world)
    world.git.commit(project.repo_url, {"main.py": "old"}, branch="feature/old")
    await cast.environment(project, "preview", branch="feature/*")
    world.git.commit(project.repo_url, {"main.py": "new"}, branch="feature/new")
    await looked(world)
    assert len(await deployed(project)) == 1, "the first deployment of an environment is a person's choice"
    await push.deploy_branch(world, project, "feature/new", by=None)
    world.git.commit(project.repo_url, {"main.py": "newer"}, branch="feature/newer")
    await looked(world)
    await looked(world)
    branches = {one.branch for one in await Deployment.filter(project=project)}
    assert branches == {"main", "feature/new", "feature/newer"}
    assert [verdict for verdict, _ in await log_of(project)].count("ignored") == 1


async def test_a_connected_project_is_looked_at_now_and_then(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries get lost. Where none can arrive, each minute is one to look."""
    project = await connected()
    rounds: list[object] = []
    world.settings = replace(world.settings, hostname="push.example.com")

    async def ask(world: Any, projects: list[Project], gate: Any) -> None:
        rounds.extend(one.id for one in projects)
        projects.clear()

    monkeypatch.setattr(heads, "_ask_server", ask)
    start = now()
    for minute in range(heads.CONNECTED_EVERY):
        monkeypatch.setattr(heads, "now", lambda minute=minute: start.replace(minute=minute + 5, second=0))
        await heads.look_for_pushes(world)
    assert rounds == [project.id]
    world.settings = replace(world.settings, hostname="localhost")
    await heads.look_for_pushes(world)
    await heads.look_for_pushes(world)
    assert rounds == [project.id] * 3


async def test_a_server_that_does_not_answer_delays_no_other(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "PATIENCE", 0.2)
    slow = [await shop(world, repo_url=f"https://slow.example.com/{n}.git") for n in range(6)]
    quick = await shop(world, repo_url="https://quick.example.com/a.git")
    new = [world.git.commit(one.repo_url, {"main.py": "2"}) for one in (*slow, quick)][-1]
    real, calls = world.git.heads, 0

    async def asks(repository: Any) -> Any:
        nonlocal calls
        if "slow" in repository.url:
            calls += 1
            await asyncio.sleep(60)
        return await real(repository)

    world.git.heads = asks  # type: ignore[method-assign]
    await looked(world)
    assert (await deployed(quick))[-1] == new
    assert calls == heads.OF_ONE_SERVER, "the others of that server wait for the next minute"


async def test_a_server_that_refuses_is_the_next_rounds(world: FakeWorld) -> None:
    lost, there = await shop(world), await shop(world)
    new = world.git.commit(there.repo_url, {"main.py": "2"})
    del world.git.branches[lost.repo_url]
    await looked(world)
    assert (await deployed(there))[-1] == new
    assert await log_of(lost) == []


# Replays, and the end


async def test_a_replay_deploys_the_push_anew_and_is_no_news_for_the_branch(world: FakeWorld) -> None:
    project = await connected()
    one, two = sha(), sha()
    await told(world, hooks.push(after=one), hooks.push(before=one, after=two))
    first = await Delivery.filter(project=project).order_by("created_at").first()
    assert first
    again = await push.replay(world, project, first, by=await cast.alice())
    assert (again.commit_sha, again.state) == (one, State.queued)
    newest = await Delivery.filter(project=project).order_by("-created_at").first()
    assert newest
    assert (newest.source, newest.verdict, newest.deployment_id) == ("replay", "deployed", again.id)
    await told(world, hooks.push(before=two, after=sha()))
    assert (await log_of(project))[-1][0] == "deployed"


async def test_only_a_push_with_an_environment_is_replayed(world: FakeWorld) -> None:
    project = await connected()
    await told(world, hooks.push("other"), hooks.push("main") | {"deleted": True, "after": "0" * 40})
    branch, deletion = await Delivery.filter(project=project).order_by("created_at")
    with pytest.raises(Refused, match="No environment takes the branch other"):
        await push.replay(world, project, branch, by=None)
    with pytest.raises(Refused, match="Only a push"):
        await push.replay(world, project, deletion, by=None)


async def test_old_receipts_and_deliveries_are_forgotten(world: FakeWorld) -> None:
    project, other = await connected(), await connected(github_repo_id=1)
    await told(world, hooks.push())
    waiting = await received(hooks.push())
    await Receipt.filter(id__not=waiting.id).update(handled_at=now() - inbox.KEPT)
    await Receipt.filter(id=waiting.id).update(received_at=now() - 2 * inbox.KEPT)
    facts = {"source": "github", "event": "push", "verdict": "noted"}
    await Delivery.bulk_create([Delivery(project=project, **facts) for _ in range(inbox.MOST_DELIVERIES + 20)])
    await Delivery.bulk_create([Delivery(project=other, **facts) for _ in range(3)])
    old = await Delivery.filter(project=other).first()
    assert old
    await Delivery.filter(id=old.id).update(created_at=now() - inbox.DELIVERIES_KEPT)
    await inbox.forget_old()
    assert [one.id for one in await Receipt.all()] == [waiting.id]
    assert await Delivery.filter(project=project).count() == inbox.MOST_DELIVERIES
    assert await Delivery.filter(project=other).count() == 2


async def test_a_failing_look_is_said(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await shop(world)
    for error, told in (
        (Unavailable("GitHub doesn't answer now."), "GitHub doesn't answer now."),
        (DeployFailed("The repository is private."), "The repository is private."),
        (KeyError("ours"), "Something went wrong on our side."),
    ):

        async def look(*_: Any, error: Exception = error, **__: Any) -> int:
            raise error

        monkeypatch.setattr(heads, "look", look)
        await asked(project, Look())
        await inbox.look(world)
        assert told in (await log_of(project))[-1][1]
    assert not await Receipt.filter(handled_at=None).exists()


async def test_facts_are_small_json(world: FakeWorld) -> None:
    await connected()
    await told(world, hooks.push(message="x" * 100_000))
    [row] = await connections.get("default").execute_query_dict("SELECT length(facts::text) AS size FROM delivery")
    assert row["size"] < 12_000
    assert json.loads(json.dumps((await Delivery.get()).facts))
