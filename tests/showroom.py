"""An installation in which every page has something to show: for tests that ask each of them the same question."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from quart import Quart
from werkzeug.routing import Rule

from devpush.deploy import payloads, push
from devpush.models import (
    Alias,
    AliasKind,
    Delivery,
    Deployment,
    Environment,
    Invitation,
    Member,
    Project,
    Role,
    Session,
    SignInLink,
    State,
    Team,
    User,
    Variable,
    metric,
)
from devpush.models.domain import Domain, DomainState
from devpush.models.metric import Measured
from devpush.models.people import hash_token
from devpush.ports import NewLine, Request
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import dashboard

REPOSITORY = "https://git.example.com/ada/engine.git"
MESSAGES = (
    "Fix totals when a coupon is removed",
    "Try the new image pipeline with a much longer first line than anybody should ever write in a commit message",
    "Bump dependencies",
    "Say \x1b[31m<b>hello</b>\x1b[0m \u202egnp.exe",
)
REASON = "The build command failed with code 1: npm run build. Its last lines say why."


@dataclass
class Showroom:
    """Alice's project, among others, and what stands for each variable part of a URL."""

    app: Quart
    world: FakeWorld
    alice: User
    project: Project
    names: dict[str, str]
    deployments: dict[str, Deployment]
    """One in each state."""

    def pages(self) -> Iterator[tuple[str, str]]:
        """Every address that can be asked for: its endpoint and its path."""
        for rule in sorted(self.app.url_map.iter_rules(), key=lambda rule: rule.rule):
            if "GET" in (rule.methods or ()):
                yield rule.endpoint, self.path(rule)

    def path(self, rule: Rule) -> str:
        names = {name: self.names[name] for name in rule.arguments}
        if rule.endpoint == "deployments.promote":
            names["deployment_id"] = str(self.deployments["staged"].id)  # production's can't be promoted
        return str(self.app.url_map.bind("").build(rule.endpoint, names, method="GET"))

    async def fill(self, count: int) -> None:
        """As many more of everything that a page lists."""
        for number in range(count):
            await self._fill_project(number)
            await self._fill_team(number)
        await self.say(self.deployments["succeeded"], count)
        await self.measure(self.deployments["succeeded"], count)

    async def _fill_project(self, number: int) -> None:
        states = list(State)
        environment = await cast.environment(self.project, f"stage-{uuid4().hex[:6]}", branch=f"stage-{number}/*")
        for state, where in (
            (states[number % len(states)], await cast.production(self.project)),
            (State.succeeded, environment),
        ):
            await cast.deployment(self.project, environment=where, **facts(state, number))
        await cast.deployment(await cast.project(self.alice), **facts(State.succeeded, number))
        await Variable.create(
            project=self.project, environment=environment, key=f"KEY_{uuid4().hex[:6]}", value="secret"
        )
        await domain(self.project, number)
        await delivery(self.project, number)

    async def _fill_team(self, number: int) -> None:
        team = await cast.team_of(self.alice)
        name = f"eve-{uuid4().hex[:6]}"
        eve = await User.with_email(f"{name}@example.com")
        await Member.create(team=team, user=eve, role=Role.member)
        await invitation(team, f"{name}-2@example.com", self.alice)
        other = await Team.found(eve, f"Team of {name}")
        await invitation(other, self.alice.email, eve)
        await Member.create(team=await Team.found(eve, f"Also {name}"), user=self.alice, role=Role.member)
        await Session.begin(self.alice, ip="127.0.0.1", user_agent=f"Mozilla/5.0 (X11; Linux) Firefox/{number}.0")

    async def say(self, deployment: Deployment, count: int) -> None:
        """Lines of its build, of the app and of requests."""
        project, id, now = str(self.project.id), str(deployment.id), datetime.now(UTC)
        for number in range(count):
            colour = f"\x1b[3{number % 8}mstep\x1b[0m {number}: installed <b>flask</b>, with a rather long line to show"
            lines = [
                NewLine(project, id, now, "build", "out", colour),
                NewLine(project, id, now, "run", "err", f"Error: {number} has no total", level="error"),
                NewLine(project, id, now, "request", "out", f"GET /items/{number}", request=Request(200, 12.5)),
            ]
            await self.world.logs.append(lines)

    async def measure(self, deployment: Deployment, count: int) -> None:
        """What its app used and answered lately."""
        now = datetime.now(UTC)
        durations = tuple(number % 3 for number in range(len(metric.BOUNDS) + 1))
        used = {"samples": 1, "cpu_ms": 1_500, "memory": 90_000_000, "received": 20_000, "sent": 400_000}
        facts: dict[str, Any] = {**used, "requests": sum(durations), "refused": 2, "failed": 1, "durations": durations}
        times = [now - timedelta(seconds=metric.FINEST * number) for number in range(2, 10 * count + 2)]
        await metric.keep(Measured(self.project.id, deployment.id, at, **facts) for at in times)


def facts(state: State, number: int) -> dict[str, Any]:
    """What a deployment in that state has."""
    begun = datetime.now(UTC)
    after = [begun + timedelta(seconds=seconds) for seconds in (1, 20, 25, 30)]
    reached = {State.queued: 0, State.building: 1, State.starting: 2, State.routing: 3, State.skipped: 0}.get(state, 3)
    over = state in (State.succeeded, State.failed, State.cancelled, State.skipped)
    return {
        "state": state,
        "commit_message": MESSAGES[number % len(MESSAGES)],
        "commit_author": "Ada Lovelace",
        "branch": "main" if number % 2 else "feature/images-with-a-rather-long-branch-name",
        "reason": REASON if state == State.failed else "",
        "image": "sha256:1" if state == State.succeeded else "",
        "finished_at": after[3] if over else None,
        **{f"{step}_at": after[at] for at, step in enumerate(("building", "starting", "routing")) if at < reached},
    }


async def showroom(world: FakeWorld) -> Showroom:
    alice = await User.with_email("alice@example.com", operator=True)
    project = await cast.project(alice, name="Shop", slug="shop", repo_url=REPOSITORY)
    world.git.commit(REPOSITORY, {"requirements.txt": "flask\n", "main.py": "app = 1"}, message="First")
    deployments = {state.value: await cast.deployment(project, **facts(state, at)) for at, state in enumerate(State)}
    staging = await cast.environment(project, "staging", branch="feature/*", color="amber")
    earlier = await cast.deployment(project, **facts(State.succeeded, 3))
    deployments["staged"] = await cast.deployment(project, environment=staging, **facts(State.succeeded, 2))
    await lead(project, AliasKind.production, deployments["succeeded"], earlier)
    await lead(project, AliasKind.environment, deployments["staged"], None)
    await cast.github_app()
    team = await cast.team_of(alice)
    names = {
        "team_slug": team.slug,
        "project_slug": project.slug,
        "deployment_id": str(earlier.id),
        "environment_id": str(staging.id),
        "domain_id": str((await domain(project, 0)).id),
        "delivery_id": str((await delivery(project, 0)).id),
        "other_id": str(deployments["succeeded"].id),
        "hook_id": str(project.hook_id),
        "variable_id": str((await Variable.create(project=project, key="TOKEN", value="a value")).id),
        "user_id": str((await cast.bob()).id),
        "invitation_id": str((await invitation(team, "eve@example.com", alice)).id),
        "session_id": str(uuid4()),
        "token": await SignInLink.make("eve@example.com"),
        "hostname": "shop.localhost",
        "provider": "github",
        "kind": "team",
        "export": "csv",
        "whose_id": str(team.id),
        "version": "0123456789abcdef",
        "name": "theme.js",
    }
    made = Showroom(dashboard(world), world, alice, project, names, deployments)
    for deployment in (deployments["succeeded"], deployments["failed"]):
        await made.say(deployment, 3)
    return made


async def lead(project: Project, kind: AliasKind, to: Deployment, previous: Deployment | None) -> None:
    """A hostname to this deployment."""
    environment = await Environment.get(id=to.environment_id)
    label = project.slug if kind == AliasKind.production else f"{project.slug}-env-{environment.slug}"
    await Alias.create(
        label=label, kind=kind, project=project, environment=environment, deployment=to, previous=previous
    )


async def domain(project: Project, number: int) -> Domain:
    states: Sequence[tuple[DomainState, str]] = (
        (DomainState.verified, ""),
        (DomainState.pending, "No record of it was found."),
        (DomainState.failing, "It leads to 192.0.2.7, not to this server's 203.0.113.5."),
        (DomainState.disabled, "Its environment was deleted."),
    )
    state, reason = states[number % len(states)]
    environment = await cast.production(project)
    name = f"shop-{uuid4().hex[:6]}.example.com"
    return await Domain.create(project=project, environment=environment, hostname=name, state=state, reason=reason)


async def delivery(project: Project, number: int) -> Delivery:
    verdict = push.Verdict("ignored", "No environment takes this branch.")
    await push.record(project, payloads.Push(f"branch-{number}", cast.COMMIT), verdict, source="github")
    found = await Delivery.filter(project=project).order_by("-created_at").first()
    assert found
    return found


async def invitation(team: Team, email: str, by: User) -> Invitation:
    made = Invitation(team_id=team.id, email=email, invited_by_id=by.id, token_hash=hash_token(str(uuid4())))
    made.expires_at = datetime.now(UTC) + timedelta(days=30)
    await made.save()
    return made
