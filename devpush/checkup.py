"""`devpush.py doctor`: an examination at the server's terminal, also of a platform that is down."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from redis.exceptions import RedisError

from devpush.adapters.dns import NameServers
from devpush.adapters.docker import DockerContainers
from devpush.adapters.git import GitMirrors
from devpush.adapters.git_address import Addresses
from devpush.adapters.github import GitHubApi
from devpush.adapters.machine import OwnMachine
from devpush.adapters.mail import mailer
from devpush.adapters.traefik import TraefikProxy
from devpush.deploy import checks, doctor
from devpush.deploy.checks import Patient
from devpush.deploy.findings import Finding, Level
from devpush.errors import BadSettings, Unavailable
from devpush.jobs import call
from devpush.models.database import AWAY
from devpush.serve import open_world, running_services
from devpush.settings import Settings

OPEN_WITHIN = 10.0
NOBODY = "00000000"
"""The id of an installation that can't be asked for its own."""
SIGNS = {Level.error: "✗", Level.warning: "!", Level.note: "·", Level.ok: "✓"}


async def examine(settings: Settings, *, as_json: bool) -> int:
    """Print what was found; 1 if anything is broken."""
    async with patient(settings) as found:
        findings = await doctor.examine(found, inside=True)
    print(_json(findings) if as_json else "\n".join(_told(findings)))
    return int(doctor.worst(findings) == Level.error)


@asynccontextmanager
async def patient(settings: Settings) -> AsyncIterator[Patient]:
    """The installation as its process opens it, or what can be asked while its database, or all of it, is away."""
    async with AsyncExitStack() as stack:
        try:
            endpoints = running_services(settings)
            async with asyncio.timeout(OPEN_WITHIN):
                found = Patient.of(await stack.enter_async_context(open_world(settings, endpoints, call.Caller)))
        except (BadSettings, Unavailable, RedisError, TimeoutError, *AWAY) as trouble:
            why = str(trouble) or f"No answer within {OPEN_WITHIN:g} seconds."
            found = await stack.enter_async_context(_without_database(settings, why))
        yield found


@asynccontextmanager
async def _without_database(settings: Settings, why: str) -> AsyncIterator[Patient]:
    config_dir = Path(settings.traefik_config_dir or settings.data_dir)
    async with DockerContainers(settings.docker_host, NOBODY) as containers, GitHubApi(settings) as github:
        yield Patient(
            settings=settings,
            installation=NOBODY,
            containers=containers,
            proxy=TraefikProxy(
                config_dir, staging=config_dir.parent / "staging", entrypoint=checks.entry(settings), api_ping=None
            ),
            dns=NameServers(allowed=settings.allow_private_addresses),
            git=GitMirrors(settings.data_dir, addresses=Addresses(settings.allow_private_addresses)),
            mailer=mailer(settings),
            machine=OwnMachine(),
            github=github,
            missing={"database": why, "redis": "It wasn't asked, as the database comes first."},
        )


def _json(findings: Sequence[Finding]) -> str:
    return json.dumps({"worst": doctor.worst(findings), "findings": [asdict(one) for one in findings]}, indent=2)


def _told(findings: Sequence[Finding]) -> list[str]:
    lines = []
    for one in findings:
        lines.append(f"{SIGNS[one.level]} {doctor.TITLES[one.part]}: {one.what}")
        lines += [f"    Why: {one.cause}"] if one.cause else []
        lines += [f"    Do:  {one.fix}"] if one.fix else []
    return [*lines, "", doctor.summary(findings)]
