"""A deployment from queued to succeeded: one coroutine, read from top to bottom, that can be cut off anywhere."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from devpush.deploy import environment, images, plan, traffic
from devpush.deploy.build import TAIL, Builder
from devpush.deploy.network import have_address, have_network
from devpush.deploy.news import tell
from devpush.deploy.plan import Names
from devpush.deploy.rollback import STILL_RUNS_EVERY
from devpush.deploy.shipper import BuildLog
from devpush.errors import DeployFailed, MovedMeanwhile
from devpush.models import Alias, Deployment, State
from devpush.models.database import column
from devpush.ports import AddressTaken, Container, Exit, ImageMissing, World

MAX_ATTEMPTS = 40
READY_TWICE = 2
FIRST_LOOK, LONGEST_LOOK = 0.01, 0.5
"""Seconds between two looks at a starting app: often at first, then less and less."""
LATER = 1.06
"""So much longer is each pause than the one before: an app is seen within a twentieth of the time that it took."""

Step = tuple[State, dict[str, Any]]
log = logging.getLogger(__name__)


class Rollout:
    """Works on a deployment that was taken (Deployment.take), until it is finished or somebody else has it."""

    def __init__(self, world: World, deployment: Deployment) -> None:
        self.world, self.deployment = world, deployment
        self.names = Names(world.installation)
        self.log = BuildLog(world, deployment)

    async def run(self) -> None:
        """The straight path. What isn't a DeployFailed leaves the state as it is: whoever takes it up next goes on."""
        steps: dict[State, Callable[[], Awaitable[Step]]] = {
            State.queued: self.begin,
            State.building: self.build,
            State.starting: self.start,
            State.routing: self.route,
        }
        async with self.log:
            with suppress(MovedMeanwhile):  # cancelled, or taken over: nothing left to do here
                try:
                    await self._within_limits()
                    async with asyncio.timeout(self.world.settings.job_timeout):
                        while step := steps.get(self.deployment.state):
                            state, facts = await step()
                            await self.move(state, **facts)
                except DeployFailed as failure:
                    await self.fail(str(failure))
                except TimeoutError:
                    await self.fail(self._took_too_long())
        self.world.jobs.sweep_soon()

    async def move(self, to: State, **facts: Any) -> None:
        await self.deployment.move(to, **facts)
        await tell(self.world, self.deployment)

    async def fail(self, reason: str) -> None:
        [stopped] = await column(Deployment.filter(id=self.deployment.id), "health_note")
        reason = stopped or reason  # the guard said why before it stopped it
        self.log.system(reason.partition("\n")[0])  # the last lines that may follow are in the log already
        await self.move(State.failed, reason=reason)

    # The steps

    async def begin(self) -> Step:
        """Nothing to decide: a push that was overtaken was skipped when the newer one came (push.queue)."""
        return State.building, {}

    async def build(self) -> Step:
        source = self.deployment.source
        if source is not None and (self.deployment.image or self.deployment.trigger == "promotion"):
            self.log.system(f"The image of deployment {source.short_id} is taken as it is: nothing to build.")
            return State.starting, {
                "image": source.image,
                "build_key": source.build_key,
                "image_reused": True,
            }
        if warning := await images.make_room(self.world, self.deployment.project):
            self.log.system(warning)
        built = await Builder(self.world, self.deployment, self.log).build()
        return State.starting, {"image": built.image, "build_key": built.key, "image_reused": built.reused}

    async def start(self) -> Step:
        await have_network(self.world, self.deployment.project)
        variables = await environment.running(self.world.settings, self.deployment)
        try:
            await self._predeploy(variables)
            await self._start_app(variables)
        except ImageMissing:
            raise DeployFailed("The image of this deployment is no longer there. Redeploy to build it again.") from None
        await self._ready()
        return State.routing, {"health": "ok"}

    async def route(self) -> Step:
        aliases = await traffic.names_for(self.deployment)
        moved = await traffic.point(self.deployment, aliases, self.deployment.number)
        await traffic.follow(self.world, self.deployment.project.id)
        serving = [alias for alias in moved if alias.kind in traffic.SERVING]
        if not serving:
            self._was_not_taken_back(aliases)
            self.log.system("A newer deployment already serves: this one is kept, but takes no traffic.")
            return State.succeeded, {}
        try:
            await traffic.go_live(self.world, self.deployment, serving[0])
        except DeployFailed:
            await traffic.point_back(self.deployment)
            await traffic.follow(self.world, self.deployment.project.id)
            raise
        for alias in serving:
            self.log.system(f"Live at {self.world.settings.app_url(traffic.hostname(self.world.settings, alias))}")
        return State.succeeded, {}

    def _was_not_taken_back(self, aliases: Sequence[Alias]) -> None:
        """That a name is another's although nobody has moved it since: then we moved it, never saw it answer, moved it
        back, and were cut off before that was written down. Raises DeployFailed."""
        for alias in aliases:
            if alias.kind in traffic.SERVING and alias.act == self.deployment.number:
                raise traffic.unseen(traffic.hostname(self.world.settings, alias))

    # Starting

    @property
    def _app(self) -> str:
        return self.names.container(self.deployment, "app")

    async def _predeploy(self, variables: dict[str, str]) -> None:
        command = self.deployment.config["pre_deploy"]
        if not command:
            return
        self.log.system(f"$ {command}")
        spec = plan.predeploy(self.names, self.deployment, variables)
        await self.world.containers.create(spec)
        await self.world.containers.start(spec.name)
        async for line in self.world.containers.logs(spec.name, follow=True):
            self.log.write(line.stream, line.text)
        exit = await self.world.containers.wait(spec.name)
        if exit.code != 0:
            raise plan.command_failed("pre-deploy", command, exit, spec.limits.memory_mb, self.log.tail(TAIL))

    async def _start_app(self, variables: dict[str, str]) -> None:
        """Make and start the container; an address that an unknown container has taken meanwhile is given up."""
        start = plan.one_line(self.deployment.config["start"]) or "as its image says"
        self.log.system(f"Starting the app: {start}")
        for _ in range(5):
            await have_address(self.deployment)
            try:
                await self.world.containers.create(plan.app(self.names, self.deployment, variables))
                await self.world.containers.start(self._app)
            except AddressTaken:
                await self.deployment.note(address=None)
                continue
            self.world.shipping.attach(self._app)
            return
        raise DeployFailed("No address on the project's network could be had. Redeploy to try again.")

    async def _ready(self) -> None:
        """Until the app has answered twice below 500. Raises DeployFailed: it exited, or time is up."""
        timeout = self.world.settings.deployment_timeout
        deadline = time.monotonic() + timeout
        path = self.deployment.config["health_path"]
        good, pause, status, next_look = 0, FIRST_LOOK, None, 0.0
        while good < READY_TWICE:
            answer = await self.world.probe.status(str(self.deployment.address), path)
            status = answer or status
            if answer is not None and answer < 500:
                good += 1
                continue
            good = 0
            if (now := time.monotonic()) >= next_look:
                next_look = now + STILL_RUNS_EVERY
                await self._still_runs()
            if now > deadline:
                raise plan.never_answered(status, await self._listening(), path, timeout)
            await asyncio.sleep(pause)
            pause = min(pause * LATER, LONGEST_LOOK)
        self.log.system("The app answers.")

    async def _still_runs(self) -> None:
        container = await self.world.containers.inspect(self._app)
        if container and container.state in ("created", "running", "restarting"):
            return
        exit = Exit(container.exit_code or 0, container.oom_killed) if container else Exit(0)
        raise plan.app_ended(container, exit, self.deployment.config, await self._last_lines(container))

    async def _last_lines(self, container: Container | None) -> list[str]:
        if not container:
            return []
        lines: list[str] = []
        async for line in self.world.containers.logs(container.name):
            lines = [*lines[-TAIL + 1 :], line.text]
        return [self.log.masked(line) for line in lines]

    async def _listening(self) -> list[tuple[str, int]]:
        """What the app listens on, seen from inside its own container."""
        found: list[str] = []
        await self.world.containers.run(
            self._app,
            ("cat", "/proc/net/tcp", "/proc/net/tcp6"),
            environment={},
            on_output=lambda _, line: found.append(line),
        )
        return plan.listening_sockets("\n".join(found))

    # Limits

    async def _within_limits(self) -> None:
        if self.deployment.attempts >= MAX_ATTEMPTS:
            raise DeployFailed(
                f"The deployment was interrupted {MAX_ATTEMPTS} times by failures of the server's own services "
                "(Docker, PostgreSQL, Redis or Traefik). Redeploy once they are well; `GET /ready` tells."
            )

    def _took_too_long(self) -> str:
        minutes = self.world.settings.job_timeout
        return (
            f"The deployment took longer than {minutes} seconds and was stopped while {self.deployment.state}. "
            "Make the build quicker, or ask the operator to raise JOB_TIMEOUT."
        )
