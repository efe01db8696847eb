"""What pages show is read right, and in time however many deployments there are."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tortoise import connections

from devpush.deploy import push
from devpush.errors import NotFound
from devpush.models import (
    Alias,
    AliasKind,
    Delivery,
    Deployment,
    DomainState,
    Environment,
    Project,
    Report,
    State,
    choices,
    database,
    reading,
    reading_moves,
)
from tests import cast
from tests.fakes import FakeWorld

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]
NOW = datetime.now(UTC)


def url(label: str) -> str:
    return f"http://{label}.localhost:8080"


async def alias(project: Project, label: str, kind: AliasKind, **facts: Any) -> Alias:
    return await Alias.create(project=project, label=label, kind=kind, **facts)


async def live(
    project: Project,
    current: Deployment,
    previous: Deployment | None = None,
    environment: Environment | None = None,
) -> None:
    """As traffic.point leaves it: the environment's, the branch's and the deployments' own names."""
    environment = environment or await cast.production(project)
    kind = AliasKind.production if environment.slug == "production" else AliasKind.environment
    label = project.slug if environment.slug == "production" else f"{project.slug}-env-{environment.slug}"
    await alias(project, label, kind, environment=environment, deployment=current, previous=previous)
    for deployment in filter(None, (current, previous)):
        own = f"{project.slug}-id-{deployment.short_id}"
        await alias(project, own, AliasKind.deployment, deployment=deployment)


async def test_a_list_tells_which_deployment_serves_and_which_did_before() -> None:
    project = await cast.project()
    old, previous, current, failed = [
        await cast.deployment(project, state=state) for state in [State.succeeded] * 3 + [State.failed]
    ]
    await live(project, current, previous)
    # a branch still leads to what was rolled back from
    await alias(project, f"{project.slug}-branch-main", AliasKind.branch, branch="main", deployment=previous)

    rows = await reading.latest_deployments(project_id=project.id, url=url)

    assert [row.id for row in rows] == [failed.id, current.id, previous.id, old.id]
    assert [row.role for row in rows] == [None, "current", "previous", None]
    assert [row.url for row in rows] == [
        None,
        f"http://{project.slug}-id-{current.short_id}.localhost:8080",
        f"http://{project.slug}-id-{previous.short_id}.localhost:8080",
        None,
    ]
    assert (rows[0].environment_name, rows[0].short_id) == ("Production", failed.id.hex[:7])
    assert rows == await reading.latest_deployments(team_id=(await cast.team_of(await cast.alice())).id, url=url)


async def test_the_newest_ten_of_a_team_come_from_all_its_projects() -> None:
    first, second = await cast.project(), await cast.project()
    theirs = await cast.project(await cast.carol())
    made = [await cast.deployment(project) for project in [first, second, theirs] * 4]
    team = await cast.team_of(await cast.alice())
    rows = await reading.latest_deployments(team_id=team.id, url=url, limit=5)
    ours = [deployment.id for deployment in reversed(made) if deployment.project.id != theirs.id]
    assert [row.id for row in rows] == ours[:5]


async def test_environment_cards_begin_with_production() -> None:
    project = await cast.project()
    preview = await cast.environment(project, "preview", branch="feature/*", color="violet")
    current = await cast.deployment(project, state=State.succeeded, health="crashed", health_note="It exited.")
    latest = await cast.deployment(project, state=State.building)
    await live(project, current)

    production, other = await reading.environment_cards(project.id, url=url)

    assert (production.slug, production.url) == ("production", f"http://{project.slug}.localhost:8080")
    assert production.hostname == f"{project.slug}.localhost"
    assert production.current
    assert production.latest
    assert (production.current.id, production.latest.id) == (current.id, latest.id)
    assert production.previous is None
    assert (production.health, production.health_note) == ("crashed", "It exited.")
    assert (other.id, other.color, other.branch) == (preview.id, "violet", "feature/*")
    assert (other.current, other.latest, other.url, other.health) == (None, None, "", "none")


async def test_a_rollback_takes_branch_and_domains_along_and_a_promotion_what_is_productions() -> None:
    project = await cast.project()
    staging = await cast.environment(project, "staging", branch="next")
    ran: dict[str, Any] = {"state": State.succeeded, "image": "sha256:1"}
    previous, current = [await cast.deployment(project, **ran) for _ in range(2)]
    staged = await cast.deployment(project, environment=staging, branch="next", **ran)
    await live(project, current, previous)
    await live(project, staged, environment=staging)
    for branch, to in (("main", current), ("next", staged)):
        await alias(project, f"{project.slug}-{branch}", AliasKind.branch, branch=branch, deployment=to)
    await cast.domain(project, "shop.example.com", held="shop.example.com", state=DomainState.verified)
    await cast.domain(project, "pending.example.com")

    move = await reading_moves.rollback(project.id, previous.id, url=url)
    assert move.can.roll_back
    assert (move.environment_name, move.deployment.id) == ("Production", previous.id)
    assert move.current
    assert move.current.id == current.id
    own = f"{project.slug}.localhost"
    assert move.hostnames == [own, f"{project.slug}-main.localhost", "shop.example.com"]
    assert not (await reading_moves.rollback(project.id, current.id, url=url)).can.roll_back

    move = await reading_moves.promotion(project.id, staged.id, url=url)
    assert move.can.promote
    assert move.current
    assert (move.environment_name, move.current.id) == ("Production", current.id)
    assert move.hostnames == [own, "shop.example.com"]
    assert not (await reading_moves.promotion(project.id, previous.id, url=url)).can.promote

    await Deployment.filter(id=previous.id).update(environment_id=None)
    assert not (await reading_moves.rollback(project.id, previous.id, url=url)).can.roll_back
    with pytest.raises(NotFound):
        await reading_moves.rollback((await cast.project()).id, staged.id, url=url)


async def test_the_project_that_was_deployed_last_comes_first(world: FakeWorld) -> None:
    first, _ = await cast.project(), await cast.project()
    world.git.commit(first.repo_url, {"main.py": "app = 1"})
    await push.deploy_branch(world, first, "main", by=None)
    cards = await reading.project_cards(first.team.id, url=url)
    assert cards[0].id == first.id
    assert cards[0].latest
    assert cards[0].updated_at == cards[0].latest.created_at


async def test_project_cards_are_found_by_any_text_and_the_busiest_comes_first() -> None:
    team = await cast.team_of(await cast.alice())
    idle, busy = await cast.project(name="100% idle"), await cast.project(name="Busy_one")
    gone = await cast.project(name="Gone", removing_at=NOW)
    await cast.deployment(busy)
    cards = await reading.project_cards(team.id, url=url)
    assert [card.id for card in cards] == [busy.id, idle.id]
    assert cards[0].latest
    assert cards[0].production is None
    assert cards[0].repo == busy.repo_url.removeprefix("https://").removesuffix(".git")
    for q, found in {
        "0% I": [idle.id],
        "y_o": [busy.id],
        "%": [idle.id],
        "\\": [],
        "'": [],
        "Gone": [],
    }.items():
        assert [card.id for card in await reading.project_cards(team.id, q, url=url)] == found
    assert await reading.project_card(gone.id, url=url) is None
    assert len(await reading.project_cards(team.id, url=url, limit=1)) == 1


async def test_the_deployments_page_filters_and_turns() -> None:
    project = await cast.project()
    preview = await cast.environment(project, "preview", branch="*")
    for number in range(27):
        await cast.deployment(project, state=State.succeeded if number % 2 else State.failed)
    one = await cast.deployment(project, environment=preview, branch="feature/x'; --", state=State.cancelled)
    long_ago = await cast.deployment(project)
    await Deployment.filter(id=long_ago.id).update(created_at=datetime(2020, 2, 29, 23, 59, tzinfo=UTC))

    async def found(number: int = 1, **filters: str) -> reading.Page[reading.DeploymentRow]:
        return await reading.deployments_page(project.id, filters, number, url=url)

    page = await found()
    assert (len(page.items), page.number, page.pages, page.total) == (25, 1, 2, 29)
    assert [row.number for row in page.items] == sorted((row.number for row in page.items), reverse=True)
    assert len((await found(2)).items) == 4
    assert (await found(99)).number == 2
    assert (await found(-1)).number == 1
    assert [row.id for row in (await found(environment="preview")).items] == [one.id]
    assert [row.id for row in (await found(branch="feature/x'; --")).items] == [one.id]
    assert (await found(status="succeeded")).total == 13
    assert (await found(status="'; DROP TABLE")).total == 29
    assert (await found(environment="nowhere")).items == []
    day = datetime(2020, 2, 29, tzinfo=UTC)
    page = await reading.deployments_page(project.id, {}, 1, since=day, until=day + timedelta(days=1), url=url)
    assert [row.id for row in page.items] == [long_ago.id]


async def test_filters_offer_what_there_is() -> None:
    project, other = await cast.project(), await cast.project()
    assert (await choices.choices(project.id)).branches == []
    await cast.environment(project, "preview", branch="*")
    for branch in ("main", "next", "main", "a\u202eb"):
        last = await cast.deployment(project, branch=branch, commit_message=f"On {branch}\n\nmore")
    await cast.deployment(other, branch="theirs")
    found = await choices.choices(project.id)
    assert [environment.slug for environment in found.environments] == ["production", "preview"]
    assert found.branches == ["ab", "main", "next"]
    assert found.deployments[0] == choices.DeploymentName(last.short_id, "On ab")
    assert len(found.deployments) == 4


async def test_a_deployment_is_found_in_its_project_only() -> None:
    project, other = await cast.project(), await cast.project()
    deployment = await cast.deployment(project)
    for text in (str(deployment.id), deployment.id.hex, deployment.short_id, deployment.short_id.upper()):
        assert await reading.find_deployment(project.id, text) == deployment.id
    for text in ("", "123", deployment.id.hex[:6], "zzzzzzz", "'; --", deployment.id.hex + "0", "٣٣٣٣٣٣٣"):
        assert await reading.find_deployment(project.id, text) is None
    assert await reading.find_deployment(other.id, deployment.short_id) is None
    with pytest.raises(NotFound):
        await reading.deployment_page(other.id, deployment.id, url=url)


async def test_a_deployments_page_has_its_addresses_and_what_can_be_done() -> None:
    project = await cast.project(repo_url="https://github.com/ada/engine.git")
    alice = await cast.alice()
    previous = await cast.deployment(project, state=State.succeeded, image="sha256:1", commit_message="x" * 2000)
    current = await cast.deployment(project, state=State.succeeded, image="sha256:2", created_by=alice)
    await live(project, current, previous)
    await alias(project, f"{project.slug}-branch-main", AliasKind.branch, branch="main", deployment=current)

    page = await reading.deployment_page(project.id, current.id, url=url)

    assert [(hostname.kind, hostname.live) for hostname in page.hostnames] == [
        ("production", True),
        ("branch", True),
        ("id", True),
    ]
    assert page.hostnames[0].hostname == f"{project.slug}.localhost"
    assert page.repo_url == "github.com/ada/engine"
    assert page.commit_url == f"https://github.com/ada/engine/commit/{current.commit_sha}"
    assert page.created_by_name == "alice"
    assert page.environment_url == f"http://{project.slug}.localhost:8080"
    assert page.can == reading.Can(cancel=False, redeploy=True, roll_back=False, promote=False)

    page = await reading.deployment_page(project.id, previous.id, url=url)
    assert [(hostname.kind, hostname.live) for hostname in page.hostnames] == [("id", False)]
    assert page.can == reading.Can(cancel=False, redeploy=True, roll_back=True, promote=False)
    assert len(page.commit_message) == 2000
    assert (page.role, page.url) == ("previous", None)


@pytest.mark.parametrize(
    ("state", "begun", "states"),
    [
        (State.queued, 1, "running waiting waiting waiting"),
        (State.building, 2, "done running waiting waiting"),
        (State.routing, 4, "done done done running"),
        (State.succeeded, 4, "done done done done"),
        (State.failed, 2, "done failed skipped skipped"),
        (State.failed, 1, "failed skipped skipped skipped"),
        (State.cancelled, 3, "done done cancelled skipped"),
        (State.skipped, 1, "skipped skipped skipped skipped"),
    ],
)
async def test_steps_tell_where_it_stands_or_ended(state: State, begun: int, states: str) -> None:
    project = await cast.project()
    times = [NOW + timedelta(seconds=second) for second in range(5)]
    names = ["building_at", "starting_at", "routing_at"][: begun - 1]
    finished = {} if state in (State.queued, State.building, State.routing) else {"finished_at": times[4]}
    facts: dict[str, Any] = dict(zip(names, times[1:], strict=False)) | finished
    deployment = await cast.deployment(project, state=state, image_reused=True, **facts)
    steps = (await reading.deployment_page(project.id, deployment.id, url=url)).steps
    assert " ".join(step.state for step in steps) == states
    assert [step.name for step in steps] == ["queued", "building", "starting", "routing"]
    assert all(step.finished_at for step in steps if step.state in ("done", "failed", "cancelled"))
    assert bool(steps[1].note) == (begun > 1)


async def test_a_deployments_page_tells_how_it_began_and_what_github_knows() -> None:
    project = await cast.project(repo_url="https://github.acme.org/ada/engine.git", github_repo_id=1)
    pushed = await cast.deployment(project, state=State.succeeded, branch="fix/a b")
    await Delivery.create(project=project, source="github", event="push", verdict="deployed", deployment=pushed)
    page = await reading.deployment_page(project.id, pushed.id, url=url)
    assert (page.delivery_source, page.source_id, page.told) == ("github", None, None)
    assert page.commit_url == f"https://github.acme.org/ada/engine/commit/{pushed.commit_sha}"
    assert page.branch_url == "https://github.acme.org/ada/engine/tree/fix/a%20b"

    report = await Report.create(deployment=pushed, github_id=5, reported="in_progress", next_at=NOW)
    for reported, given_up, knows in [
        ("in_progress", "", False),
        ("live", "", True),
        ("inactive", "", True),
        ("live", "GitHub was not told.", False),
    ]:
        await report.update_from_dict({"reported": reported, "given_up": given_up}).save()
        page = await reading.deployment_page(project.id, pushed.id, url=url)
        assert page.told == reading.Told("https://github.acme.org/ada/engine/deployments", given_up, knows)

    again = await cast.deployment(project, trigger="redeploy", source=pushed)
    page = await reading.deployment_page(project.id, again.id, url=url)
    assert (page.delivery_source, page.source_id) == ("", pushed.id)
    await Project.filter(id=project.id).update(github_repo_id=None)
    assert (await reading.deployment_page(project.id, pushed.id, url=url)).told is None


async def test_an_environment_card_tells_of_the_repository_and_its_trouble() -> None:
    project = await cast.project(
        repo_url="https://x:secret@github.com/ada/engine.git", github_repo_id=1, repo_trouble="It is gone."
    )
    [card] = await reading.environment_cards(project.id, url=url)
    assert (card.repo, card.repo_page) == ("github.com/ada/engine", "https://github.com/ada/engine")
    assert (card.repo_trouble, card.connected) == ("It is gone.", True)
    [card] = await reading.environment_cards((await cast.project()).id, url=url)
    assert (card.repo_page, card.repo_trouble, card.connected) == (None, "", False)


async def test_a_deployment_outlives_its_environment_and_its_maker() -> None:
    project = await cast.project()
    deployment = await cast.deployment(project)
    await Deployment.filter(id=deployment.id).update(environment_id=None)
    page = await reading.deployment_page(project.id, deployment.id, url=url)
    assert (page.environment_name, page.created_by_name, page.environment_url) == (
        "Removed environment",
        None,
        None,
    )


def test_a_repositorys_name_holds_no_credential_and_no_path_of_the_server() -> None:
    assert reading.repository_name("https://ada:secret@git.example.com/a/b.git") == "git.example.com/a/b"
    assert reading.repository_name("/var/lib/devpush/examples/python.git", local=True) == "python"


@pytest.mark.slow
async def test_lists_read_little_of_a_hundred_thousand_deployments(read: "Read") -> None:
    """What a page takes is counted, by PostgreSQL's own account of it: a time would tell of the machine."""
    project = await cast.project()
    everything = 100_000
    await fill(project, everything)
    for filters, most in (
        ({}, reading.MOST_COUNTED),
        ({"environment": "production"}, reading.MOST_COUNTED),
        ({"status": "failed"}, reading.MOST_COUNTED),
        ({"branch": "branch-7"}, reading.MOST_COUNTED),
    ):
        for number in (1, 400):
            async with read.at_most(queries=2, rows=2 * most + 200):
                page = await reading.deployments_page(project.id, filters, number, url=url)
            assert len(page.items) == 25
            assert page.total <= reading.MOST_COUNTED
    async with read.at_most(queries=1, rows=100):
        assert (await choices.choices(project.id)).branches == ["branch-7", "main"]
    async with read.at_most(queries=2, rows=20):
        await reading.environment_cards(project.id, url=url)
    async with read.at_most(queries=1, rows=20):
        await reading.latest_deployments(project_id=project.id, url=url)
    async with read.at_most(queries=1, rows=20):
        await reading.latest_deployments(team_id=project.team.id, url=url)
    async with read.at_most(queries=2, rows=20):
        await reading.project_cards(project.team.id, url=url)


@pytest.mark.slow
async def test_a_team_of_a_thousand_projects_is_read_like_one_of_ten(read: "Read") -> None:
    team = (await cast.project()).team
    await fill_team(team.id, 1_000)
    for relation, of_cards, of_latest in (("project", 20, 30), ("deployment", 20, 150)):
        read.relation = relation
        for offset in (0, 12):
            async with read.at_most(queries=2, rows=of_cards + offset):
                assert len(await reading.project_cards(team.id, url=url, limit=6, offset=offset)) == 6
        async with read.at_most(queries=1, rows=of_latest):
            assert len(await reading.latest_deployments(team_id=team.id, url=url)) == 10


class Read:
    """Adds up the deployments that PostgreSQL reads, found or passed over, for each query that `reading` asks."""

    def __init__(self, fetch: Callable[..., Awaitable[list[dict[str, Any]]]]) -> None:
        self.fetch = fetch
        self.queries, self.rows = 0, 0
        self.relation = "deployment"

    async def __call__(self, sql: str, *values: object) -> list[dict[str, Any]]:
        [plan] = await self.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
        self.queries += 1
        self.rows += _rows_of(json.loads(plan["QUERY PLAN"])[0]["Plan"], self.relation)
        return await self.fetch(sql, *values)

    @asynccontextmanager
    async def at_most(self, *, queries: int, rows: int) -> AsyncIterator[None]:
        self.queries, self.rows = 0, 0
        yield
        assert 0 < self.queries <= queries
        assert 0 < self.rows <= rows


def _rows_of(plan: dict[str, Any], relation: str) -> int:
    below = sum(_rows_of(each, relation) for each in plan.get("Plans", ()))
    if plan.get("Relation Name") != relation:
        return below
    passed_over = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    return below + int(plan["Actual Loops"] * (plan["Actual Rows"] + passed_over))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    read = Read(database.fetch)
    monkeypatch.setattr(reading, "fetch", read)
    monkeypatch.setattr(choices, "fetch", read)
    return read


async def fill_team(team_id: UUID, count: int) -> None:
    """Many projects at once, like the first, with a deployment each."""
    database = connections.get("default")
    [like] = await database.execute_query_dict("SELECT * FROM project WHERE team_id = $1", [team_id])
    own = {"id": "gen_random_uuid()", "slug": "'many-' || n", "hook_id": "gen_random_uuid()"}
    own["active_at"] = "now() - n * interval '1 minute'"
    columns = ", ".join(f'"{name}"' for name in like)
    values = ", ".join(own.get(name, f'"{name}"') for name in like)
    await database.execute_query(
        f"INSERT INTO project ({columns}) SELECT {values} FROM project, generate_series(1, {count}) n"
    )
    await database.execute_query(
        """INSERT INTO deployment (id, number, trigger, branch, commit_sha, commit_message, commit_author, config,
            variables, state, reason, attempts, image_reused, health, health_note, created_at, project_id)
        SELECT gen_random_uuid(), nextval('act'), 'push', 'main', repeat('c0ffee01', 5), 'Change', 'Alice', '{}', 'x',
            'succeeded', '', 0, false, '', '', now(), id FROM project"""
    )
    await database.execute_query("ANALYZE project, deployment")


async def fill(project: Project, count: int) -> None:
    """Many deployments at once; every 50th of another branch and failed."""
    environment = await cast.production(project)
    await connections.get("default").execute_query(
        """INSERT INTO deployment (id, number, trigger, branch, commit_sha, commit_message, commit_author, config,
            variables, state, reason, attempts, image_reused, health, health_note, created_at, finished_at, project_id,
            environment_id)
        SELECT gen_random_uuid(), nextval('act'), 'push', CASE WHEN n % 50 = 0 THEN 'branch-7' ELSE 'main' END,
            repeat('c0ffee01', 5), 'Change ' || n, 'Alice', '{}', 'x',
            CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END, '', 0, false, '', '',
            now() - interval '1 minute' * ($3::int - n), now(), $1, $2 FROM generate_series(1, $3::int) n""",
        [project.id, environment.id, count],
    )
    await connections.get("default").execute_query("ANALYZE deployment")
