"""Open pages hear of what changes: at once, in the page's own fragments, and only as long as they may."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from quart import Quart

from devpush.adapters.redis import RedisLive
from devpush.deploy import membership, teardown
from devpush.deploy.news import tell
from devpush.models import Alias, AliasKind, Deployment, Member, Project, Role, Session, State
from devpush.ports import Happening, LogLine, NewLine
from devpush.web import auth, session, streams
from tests import cast
from tests.fakes import FakeWorld
from tests.patience import PATIENCE, until
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]


@pytest.fixture
async def app(world: FakeWorld, redis_url: str) -> AsyncIterator[Quart]:
    async with RedisLive(redis_url, "5712ea35") as live:
        world.live = live  # type: ignore[assignment]  # the real one
        yield dashboard(world)


@dataclass
class Event:
    name: str
    data: str
    id: str


class Stream:
    """An open stream, as a browser reads it: an ASGI client that sees each piece, and the end."""

    def __init__(self, visitor: Visitor, path: str, headers: dict[str, str]) -> None:
        self.visitor, self.path = visitor, path
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        sent = {"Host": visitor.host, "Accept": "text/event-stream", "Cookie": cookie} | headers
        self.sent = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
        self.status, self.headers, self.raw, self.ended = 0, dict[str, str](), "", False
        self.seen: list[Event] = []
        self.comments = 0
        self.pieces: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closing = asyncio.Event()
        self.asked = False

    async def next(self, within: float = PATIENCE) -> Event:
        """The next event; comments and the like are passed over."""
        async with asyncio.timeout(within):
            while True:
                while "\n\n" in self.raw:
                    block, _, self.raw = self.raw.partition("\n\n")
                    self.comments += block.startswith(":")
                    if event := _parse(block):
                        self.seen.append(event)
                        return event
                await self.read()

    async def until(self, text: str) -> Event:
        async with asyncio.timeout(PATIENCE):
            while text not in (event := await self.next()).data:
                pass
            return event

    async def named(self, name: str, within: float = PATIENCE) -> Event:
        async with asyncio.timeout(within):
            while (event := await self.next(within)).name != name:
                pass
            return event

    async def silence(self, seconds: float = 0.4) -> None:
        """Nothing comes for a while."""
        with pytest.raises(TimeoutError):
            await self.next(seconds)

    async def end(self) -> str:
        """What came last, before the server closed it."""
        async with asyncio.timeout(PATIENCE):
            while not self.ended:
                await self.read()
        return self.raw

    async def read(self) -> None:
        assert not self.ended, f"the stream is over: {self.raw}"
        piece = await self.pieces.get()
        if piece["type"] == "http.response.start":
            self.status = piece["status"]
            self.headers = {name.decode().title(): value.decode() for name, value in piece["headers"]}
        else:
            self.raw += piece.get("body", b"").decode()
            self.ended = not piece.get("more_body", False)

    async def receive(self) -> dict[str, Any]:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.closing.wait()
        return {"type": "http.disconnect"}

    @property
    def scope(self) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": self.sent,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
            "extensions": {},
        }


def _parse(block: str) -> Event | None:
    fields: dict[str, list[str]] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(": ")
        fields.setdefault(name, []).append(value)
    if "data" not in fields:
        return None
    return Event(fields["event"][0], "\n".join(fields["data"]), fields.get("id", [""])[0])


@asynccontextmanager
async def opened(visitor: Visitor, path: str, **headers: str) -> AsyncIterator[Stream]:
    stream = Stream(visitor, path, {name.replace("_", "-"): value for name, value in headers.items()})
    answering = asyncio.create_task(visitor.app(stream.scope, stream.receive, stream.pieces.put))  # type: ignore[arg-type]
    try:
        await stream.read()
        yield stream
    finally:
        stream.closing.set()
        await asyncio.wait_for(answering, PATIENCE)


async def alice(app: Quart) -> Visitor:
    return await Visitor(app).signed_in(await cast.alice())


async def write(world: FakeWorld, deployment: Deployment, *texts: str, level: str | None = None) -> list[LogLine]:
    """As the shipper does: kept first, then told."""
    project = str(deployment.project.id)
    new = [NewLine(project, str(deployment.id), datetime.now(UTC), "run", "out", text, level) for text in texts]
    kept = await world.logs.append(new)
    await publish_lines(world, project, kept)
    return kept


async def publish_lines(world: FakeWorld, project: str, kept: list[LogLine]) -> None:
    deployment = kept[0].deployment
    lines = [
        {
            "id": line.id,
            "at": line.at.isoformat(),
            "source": line.source,
            "stream": line.stream,
            "level": line.level,
            "text": line.text,
        }
        for line in kept
    ]
    payload = {"lines": lines, "deployment": deployment}
    topics = (f"log:{deployment}", f"log:project:{project}")
    await world.live.publish([Happening(topic, "lines", payload) for topic in topics])


def texts(event: Event) -> list[str]:
    return re.findall(r"<span>([^<]*)</span></", event.data)


def fragments(events: list[Event]) -> list[str]:
    return [found[1] for event in events if (found := re.search(r'id="([^"]+)"', event.data))]


async def on_a_project(app: Quart) -> tuple[Visitor, Project, Deployment]:
    project = await cast.project()
    return await alice(app), project, await cast.deployment(project, state=State.building)


# Fragments


async def test_a_project_page_hears_of_states_and_of_new_deployments(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    old, *_ = [await cast.deployment(project, state=State.succeeded) for _ in range(11)]
    production = await cast.production(project)
    async with opened(visitor, f"/projects/{project.slug}/stream") as stream:
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert (stream.headers["Cache-Control"], stream.headers["X-Accel-Buffering"]) == ("no-cache", "no")
        first = [await stream.next(), await stream.next()]
        assert fragments(first) == [f"environment-{production.id}", "deployment-list"]
        await stream.silence(0.2)

        newest = await Deployment.filter(project=project).order_by("-number").first()
        assert newest
        await Deployment.filter(id=newest.id).update(state=State.failed, reason="It broke.")
        await tell(world, await Deployment.get(id=newest.id).select_related("project"))
        changed = [await stream.next(), await stream.next()]
        assert sorted(fragments(changed)) == [f"deployment-{newest.id}", f"environment-{production.id}"]
        assert 'data-state="failed"' in changed[0].data + changed[1].data

        await tell(world, old)  # a longer page may show it
        assert fragments([await stream.next()]) == [f"deployment-{old.id}"]

        new = await cast.deployment(project)
        await tell(world, new)
        event = await stream.until("deployment-list")
        assert f'id="deployment-{new.id}"' in event.data
        assert deployment.id.hex not in event.data


async def test_a_team_page_hears_of_all_its_projects(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    theirs = await cast.deployment(await cast.project(await cast.carol()))
    async with opened(visitor, "/teams/alice/stream") as stream:
        assert fragments([await stream.next(), await stream.next()]) == [f"project-{project.id}", "deployment-list"]
        await tell(world, theirs)
        await stream.silence(0.3)
        await deployment.move(State.starting)
        await tell(world, deployment)
        changed = fragments([await stream.next(), await stream.next()])
        assert sorted(changed) == sorted([f"project-{project.id}", f"deployment-{deployment.id}"])


async def test_a_deployment_page_hears_of_its_steps_and_of_who_takes_its_place(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    async with opened(visitor, f"/projects/{project.slug}/deployments/{deployment.id}/stream") as stream:
        assert fragments([await stream.next(), await stream.next()]) == ["deployment-header", "deployment-timeline"]
        await deployment.move(State.starting)
        await tell(world, deployment)
        assert 'data-state="starting"' in (await stream.next()).data
        await stream.next()
        alias = await Alias.create(
            label=project.slug,
            kind=AliasKind.production,
            project=project,
            environment=await cast.production(project),
            deployment=deployment,
        )
        await tell(world, deployment)
        assert "Current" in (await stream.until("deployment-header")).data
        newer = await cast.deployment(project, state=State.succeeded)
        alias.deployment, alias.previous = newer, deployment
        await alias.save()
        await tell(world, newer)
        assert "Previous" in (await stream.until("deployment-header")).data


async def test_many_happenings_are_one_drawing(app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor, project, deployment = await on_a_project(app)
    live: Any = world.live
    async with opened(visitor, f"/projects/{project.slug}/stream") as stream:
        await stream.until("deployment-list")
        drawn, together = len(stream.seen), streams.TOGETHER
        assert together >= 0.1
        monkeypatch.setattr(streams, "TOGETHER", 3600.0)  # however long it takes to tell them, it is one moment
        for number in range(60):
            await Deployment.filter(id=deployment.id).update(commit_message=f"Number {number}.")
            await tell(world, deployment)
        await until(lambda: live.heard.get(live.name) == live.told)
        monkeypatch.setattr(streams, "TOGETHER", together)
        await tell(world, deployment)
        await stream.until("Number 59.")
        assert len(stream.seen) - drawn < 20


# Lines


async def test_lines_kept_meanwhile_come_first_then_live_ones_and_none_twice(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    other = await cast.deployment(project)
    await write(world, deployment, "one", "two", "three")
    path = f"/projects/{project.slug}/deployments/{deployment.id}/stream"
    async with opened(visitor, f"{path}?after=1") as stream:
        event = await stream.until("three")
        assert (event.name, event.id, texts(event)) == ("lines", "3", ["two", "three"])
        await write(world, other, "not of this one")
        [line] = await write(world, deployment, "four")
        await publish_lines(world, str(project.id), [line])
        await write(world, deployment, "five")
        event = await stream.next()
        found = texts(event) + (texts(await stream.next()) if "five" not in event.data else [])
        assert found == ["four", "five"]
    async with opened(visitor, f"{path}?after=1", Last_Event_ID="5") as stream:
        await stream.until("deployment-timeline")
        event = await stream.next()
        assert (texts(event), event.id) == (["five"], "6")


async def test_a_line_written_while_the_stream_opens_is_neither_lost_nor_sent_twice(
    app: Quart, world: FakeWorld
) -> None:
    visitor, project, deployment = await on_a_project(app)
    search = world.logs.search

    async def slow(*given: Any, **more: Any) -> list[LogLine]:
        before = await search(*given, **more)
        if not any(line.text == "meanwhile" for line in world.logs.lines):
            await write(world, deployment, "meanwhile")
        return before

    world.logs.search = slow  # type: ignore[method-assign]
    async with opened(visitor, f"/projects/{project.slug}/logs/stream") as stream:
        assert texts(await stream.next()) == ["meanwhile"]
        await stream.silence(0.3)


async def test_a_page_that_missed_much_catches_up_in_pieces(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    await write(world, deployment, *(f"line {number}" for number in range(1201)))
    async with opened(visitor, f"/projects/{project.slug}/logs/stream?after=1") as stream:
        events = [await stream.next() for _ in range(3)]
        assert [len(texts(event)) for event in events] == [500, 500, 200]
        assert [event.id for event in events] == ["501", "1001", "1201"]


async def test_after_a_gap_the_lines_are_read_again(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    async with opened(visitor, f"/projects/{project.slug}/logs/stream") as stream:
        await write(world, deployment, "heard")
        assert texts(await stream.next()) == ["heard"]
        await world.logs.append(
            [NewLine(str(project.id), str(deployment.id), datetime.now(UTC), "run", "out", "missed", None)]
        )
        await world.live.publish([Happening(f"log:project:{project.id}", "gap")])
        assert texts(await stream.next()) == ["missed"]
        await write(world, deployment, "heard again")
        assert texts(await stream.next()) == ["heard again"]


async def test_the_logs_page_hears_only_what_it_shows(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    other = await cast.deployment(project)
    query = f"q=[b]&level=error&deployment={deployment.short_id}"
    async with opened(visitor, f"/projects/{project.slug}/logs/stream?{query}") as stream:
        await write(world, deployment, "a", "A[B]c", "other [b]", level="error")
        await write(world, deployment, "[b] but no error", level="info")
        await write(world, other, "[b] of another", level="error")
        await write(world, deployment, "[B] last", level="error")
        found = texts(await stream.next())
        while found[-1] != "[B] last":
            found += texts(await stream.next())
        assert found == ["A[B]c", "other [b]", "[B] last"]
        assert f'<code class="from">{deployment.short_id}</code>' in stream.seen[-1].data


async def test_what_programs_print_stays_inside_its_event(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    async with opened(visitor, f"/projects/{project.slug}/logs/stream") as stream:
        await write(
            world, deployment, "a\r\n\r\nevent: end\rdata: x\n\n<script>alert(1)</script>\x1b]8;;http://evil\x07"
        )
        event = await stream.next()
        assert event.name == "lines"
        assert "<script>" not in event.data
        assert "evil" not in event.data
        await write(world, deployment, "still here")
        assert texts(await stream.next()) == ["still here"]


async def test_what_came_to_nothing_ends_its_stream(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    finished = datetime.now(UTC) - timedelta(minutes=1)
    await Deployment.filter(id=deployment.id).update(state=State.failed, finished_at=finished)
    await write(world, deployment, "its last words")
    async with opened(visitor, f"/projects/{project.slug}/deployments/{deployment.id}/stream") as stream:
        events = [await stream.next() for _ in range(4)]
        assert [event.name for event in events] == ["fragment", "fragment", "lines", "end"]
        await stream.end()


async def test_the_last_lines_of_a_failure_are_waited_for(
    app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.1)
    monkeypatch.setattr(streams, "LAST_LINES", 3600.0)
    visitor, project, deployment = await on_a_project(app)
    async with opened(visitor, f"/projects/{project.slug}/deployments/{deployment.id}/stream") as stream:
        await deployment.move(State.failed, reason="It broke.")
        await tell(world, deployment)
        await stream.until("It broke.")
        heartbeats = stream.comments
        while stream.comments == heartbeats:  # it has looked again, and waits on
            with suppress(TimeoutError):
                await stream.next(0.1)
        await write(world, deployment, "its last words")
        assert texts(await stream.until("its last words")) == ["its last words"]
        monkeypatch.setattr(streams, "LAST_LINES", 0.0)
        assert (await stream.next()).name == "end"


async def test_a_line_waits_for_nothing_but_the_lines_of_the_same_moment(
    app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is sent before the next one is written: neither drawings nor heartbeats nor looking again carry it."""
    assert streams.LINES_WAIT <= 0.05
    for name in ("TOGETHER", "HEARTBEAT", "ASK_AGAIN"):
        monkeypatch.setattr(streams, name, 3600.0)
    visitor, project, deployment = await on_a_project(app)
    async with opened(visitor, f"/projects/{project.slug}/deployments/{deployment.id}/stream") as stream:
        await stream.until("deployment-timeline")
        for number in range(20):
            await write(world, deployment, f"line {number}")
            assert texts(await stream.next()) == [f"line {number}"]


async def test_who_looks_at_the_same_log_shares_one_reader_and_one_drawing(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    bob = await Visitor(app).signed_in(await cast.bob())
    path, live = f"/projects/{project.slug}/logs/stream", world.live
    async with (
        opened(visitor, path) as one,
        opened(bob, path) as two,
        opened(bob, f"{path}?level=error") as three,
    ):
        for text, level in (("for all", "error"), ("for two", None), ("for all again", "error")):
            await write(world, deployment, text, level=level)
            for stream in (one, two, *([three] if level else [])):
                assert texts(await stream.next()) == [text]
        assert {len(listening) for listening in live.subscribers.values()} == {1}  # type: ignore[attr-defined]
        drawn = app.extensions["drawings"].drawn.values()
        assert sorted(len(drawing.lines) for drawing in drawn) == [0, 1, 1, 1, 1, 1], "twice each, for two searches"


async def test_who_saw_some_of_the_lines_gets_only_the_others(app: Quart, world: FakeWorld) -> None:
    visitor, project, deployment = await on_a_project(app)
    kept = await write(world, deployment, "one", "two", "three")
    path = f"/projects/{project.slug}/deployments/{deployment.id}/stream"
    async with opened(visitor, f"{path}?after=2") as late, opened(visitor, f"{path}?after=3") as up_to_date:
        assert texts(await late.until("three")) == ["three"]
        await up_to_date.until("deployment-timeline")
        more = await world.logs.append([NewLine(str(project.id), str(deployment.id), kept[0].at, "run", "out", "four")])
        await publish_lines(world, str(project.id), [*kept, *more])
        for stream in (late, up_to_date):
            event = await stream.named("lines")
            assert (texts(event), event.id) == (["four"], "4")


# How long


@pytest.mark.parametrize("how", ["signed out", "session row deleted", "taken off the team", "project removed"])
async def test_a_stream_ends_within_five_seconds_of_the_right_to_see_it(
    app: Quart, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A32."""
    assert auth.ASK_AGAIN <= 4, "with time for the question itself"
    if how == "signed out":  # is told, and needn't be asked
        monkeypatch.setattr(streams, "ASK_AGAIN", 3600.0)
    elif how != "taken off the team":  # one waits as long as people do
        monkeypatch.setattr(streams, "ASK_AGAIN", 0.5)
    monkeypatch.setattr(streams, "HEARTBEAT", 3600.0)
    project = await cast.project()
    bob = await cast.bob()
    visitor = await Visitor(app).signed_in(bob)
    async with opened(visitor, f"/projects/{project.slug}/stream") as stream:
        await stream.until("deployment-list")
        if how == "signed out":
            async with app.app_context():
                await session.end(user=bob)
        elif how == "session row deleted":
            await Session.filter(user=bob).delete()
        elif how == "taken off the team":
            await Member.filter(user=bob, team=project.team).delete()
        else:
            await Project.filter(id=project.id).update(removing_at=datetime.now(UTC))
        assert "retry: 500" not in await stream.end()


@pytest.mark.parametrize(
    "where", ["/teams/alice/stream", "/teams/alice/settings/stream", "/projects/{}/stream", "/stream"]
)
async def test_who_becomes_something_else_gets_the_page_anew(
    app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A32: at once; nobody needs to ask first."""
    monkeypatch.setattr(streams, "ASK_AGAIN", 3600.0)
    project, bob, owner = await cast.project(), await cast.bob(), await cast.alice()
    team = await cast.team_of(owner)
    async with opened(await Visitor(app).signed_in(bob), where.format(project.slug)) as stream:
        await heard_by(world, f"user:{bob.id}")
        await membership.change_role(world, team, bob.id, Role.admin, by=owner)
        await stream.named("reload")


async def test_what_one_becomes_elsewhere_changes_nothing_here(app: Quart, world: FakeWorld) -> None:
    bob, owner = await cast.bob(), await cast.alice()
    other = await membership.found(world, bob, "Another team")
    async with opened(await Visitor(app).signed_in(owner), "/teams/alice/settings/stream") as stream:
        await heard_by(world, f"user:{owner.id}")
        invited = await membership.invite(world, other, owner.email, Role.member, by=bob)
        await stream.until("1 invitation")
        await membership.accept(world, owner, invited.invitation.id)
        await stream.until("No invitation")
        await stream.silence()
        assert {event.name for event in stream.seen} == {"fragment"}, "the bell"


@pytest.mark.parametrize("where", ["/teams/alice/stream", "/teams/alice/settings/stream", "/projects/{}/stream"])
@pytest.mark.parametrize("how", ["taken off the team", "left", "team deleted"])
async def test_who_is_no_longer_in_the_team_is_sent_home_at_once(
    app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch, where: str, how: str
) -> None:
    """A32."""
    monkeypatch.setattr(streams, "ASK_AGAIN", 3600.0)
    project, bob, owner = await cast.project(), await cast.bob(), await cast.alice()
    team = await cast.team_of(owner)
    async with opened(await Visitor(app).signed_in(bob), where.format(project.slug)) as stream:
        await heard_by(world, f"user:{bob.id}")
        if how == "taken off the team":
            await membership.remove_member(world, team, bob.id, by=owner)
        elif how == "left":
            await membership.leave(world, team, bob)
        else:
            await teardown.remove_team(world, team)
        assert "no longer yours to see" in (await stream.named("leave")).data
        await stream.end()


@pytest.mark.parametrize("where", ["/projects/{}/stream", "/projects/{}/logs/stream", "/stream"])
async def test_a_deleted_account_has_no_open_pages(
    app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A32."""
    monkeypatch.setattr(streams, "ASK_AGAIN", 3600.0)
    project, bob = await cast.project(), await cast.bob()
    async with opened(await Visitor(app).signed_in(bob), where.format(project.slug)) as stream:
        await heard_by(world, f"user:{bob.id}")
        await teardown.remove_user(world, bob)
        assert (await stream.named("reload")).data == "now"
        await stream.end()


async def test_a_right_that_went_without_a_word_is_missed_within_five_seconds(app: Quart) -> None:
    """A32: whatever was lost on the way, the stream asks by itself."""
    bob = await cast.bob()
    async with opened(await Visitor(app).signed_in(bob), "/teams/alice/settings/stream") as stream:
        await Member.filter(user=bob, team__slug="alice").delete()
        assert (await stream.named("leave", within=auth.ASK_AGAIN + PATIENCE)).data


async def test_the_bell_rings_on_every_open_page(app: Quart, world: FakeWorld) -> None:
    visitor, project, _ = await on_a_project(app)
    carol = await cast.carol()
    team = await cast.team_of(carol)
    for path in ("/stream", f"/projects/{project.slug}/stream"):
        async with opened(visitor, path) as stream:
            await heard_by(world, f"user:{(await cast.alice()).id}")
            invited = await membership.invite(world, team, "alice@example.com", Role.member, by=carol)
            assert "1 invitation" in (await stream.until('id="bell"')).data
            await membership.revoke(world, team, invited.invitation.id, by=carol)
            assert "No invitation" in (await stream.until('id="bell"')).data


async def test_a_teams_settings_hear_who_comes_and_goes(app: Quart, world: FakeWorld) -> None:
    owner, bob = await cast.alice(), await cast.bob()
    team = await cast.team_of(owner)
    async with opened(await Visitor(app).signed_in(owner), "/teams/alice/settings/stream") as stream:
        await heard_by(world, f"team:{team.id}")
        await membership.invite(world, team, "eve@example.com", Role.member, by=owner)
        await stream.named("refresh")
        await membership.remove_member(world, team, bob.id, by=owner)
        await stream.named("refresh")
        assert {event.name for event in stream.seen} == {"refresh"}


async def heard_by(world: FakeWorld, topic: str) -> None:
    """Until a stream listens."""
    live: Any = world.live
    await until(lambda: topic in live.subscribers)


async def test_at_shutdown_browsers_are_told_to_come_back_soon(app: Quart) -> None:
    visitor, project, deployment = await on_a_project(app)
    app.extensions["stopping"] = asyncio.Event()
    async with (
        opened(visitor, f"/projects/{project.slug}/stream") as one,
        opened(visitor, f"/projects/{project.slug}/deployments/{deployment.id}/stream") as two,
    ):
        await one.until("deployment-list")
        app.extensions["stopping"].set()
        assert (await one.end()).endswith("retry: 500\n\n")
        assert (await two.end()).endswith("retry: 500\n\n")


async def test_a_silent_stream_is_kept_alive(app: Quart, monkeypatch: pytest.MonkeyPatch) -> None:
    assert streams.HEARTBEAT <= 15
    monkeypatch.setattr(streams, "HEARTBEAT", 0.1)
    visitor, project, _ = await on_a_project(app)
    async with opened(visitor, f"/projects/{project.slug}/logs/stream") as stream:
        async with asyncio.timeout(PATIENCE):
            while stream.comments < 3:
                await stream.silence(0.1)


async def test_nobody_listens_any_more_when_the_page_is_closed(app: Quart, world: FakeWorld) -> None:
    visitor, project, _ = await on_a_project(app)
    live: Any = world.live
    tasks = len(asyncio.all_tasks())
    async with opened(visitor, f"/projects/{project.slug}/stream") as stream:
        await stream.until("deployment-list")
        assert live.subscribers
    await until(lambda: not live.subscribers and len(asyncio.all_tasks()) <= tasks)


@pytest.mark.parametrize("path", ["/teams/alice/stream", "/projects/{}/stream", "/projects/{}/logs/stream"])
async def test_strangers_hear_nothing(app: Quart, path: str) -> None:
    project = await cast.project()
    carol = await Visitor(app).signed_in(await cast.carol())
    path = path.format(project.slug)
    assert (await carol.get(path)).status == 404
    assert (await Visitor(app).get(path, headers={"Accept": "text/event-stream"})).status == 401
