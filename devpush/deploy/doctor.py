"""An examination of the whole installation: every part is asked side by side, with a deadline; nothing is changed."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from devpush.deploy import checks
from devpush.deploy.checks import Check, Patient
from devpush.deploy.findings import Finding, Level, error

WITHIN = 12.0
"""Seconds that a check may take: longer than any answer that it waits for."""
log = logging.getLogger(__name__)

CHECKS: Mapping[str, Check] = {
    "database": checks.database,
    "redis": checks.redis,
    "logs": checks.log_lines,
    "docker": checks.docker,
    "networks": checks.networks,
    "traefik": checks.traefik,
    "ports": checks.ports,
    "firewall": checks.firewall,
    "dns": checks.dns,
    "certificates": checks.certificates,
    "mail": checks.mail,
    "github": checks.github_app,
    "disk": checks.disk,
    "clock": checks.clock,
    "git": checks.programs,
    "version": checks.release,
    "secrets": checks.secrets,
    "backups": checks.backups,
}
"""In the order in which they are told."""
FROM_INSIDE = frozenset({"firewall"})
"""Those that run a container of their own: only for who asks for it, never for a mere look at a page."""
TITLES = {
    "database": "PostgreSQL", "redis": "Redis", "logs": "Logs", "docker": "Docker", "networks": "Networks",
    "traefik": "Traefik", "ports": "Open ports", "firewall": "Firewall", "dns": "DNS", "certificates": "Certificates",
    "mail": "Mail", "github": "GitHub", "disk": "Disk", "clock": "Clock", "git": "Git", "version": "Version",
    "secrets": "Secrets", "backups": "Backups",
}  # fmt: skip


async def examine(patient: Patient, *, inside: bool, within: float = WITHIN) -> list[Finding]:
    """Everything that was found, the worst first. `inside`: also what can only be seen from an app's network."""
    asked = {name: check for name, check in CHECKS.items() if inside or name not in FROM_INSIDE}
    found = await asyncio.gather(*(_ask(name, check, patient, within) for name, check in asked.items()))
    return sorted((one for several in found for one in several), key=lambda one: list(Level).index(one.level))


def worst(findings: Sequence[Finding]) -> Level:
    return min((one.level for one in findings), key=list(Level).index, default=Level.ok)


def summary(findings: Sequence[Finding]) -> str:
    """How it stands, in a sentence."""
    wrong, doubtful = (sum(one.level == level for one in findings) for level in (Level.error, Level.warning))
    told = [f"{count} {word}{'s' if count != 1 else ''}" for count, word in ((wrong, "error"), (doubtful, "warning"))]
    told = [words for words, count in zip(told, (wrong, doubtful), strict=True) if count]
    return f"{' and '.join(told)}." if told else "All is well."


async def _ask(name: str, check: Check, patient: Patient, within: float) -> list[Finding]:
    """Not with asyncio.timeout: what doesn't end when it is told to must not keep the others' answers back."""
    asking = asyncio.ensure_future(check(patient))
    done, _ = await asyncio.wait({asking}, timeout=within)
    if not done:
        asking.cancel()
        why = f"No answer within {within:g} seconds."
        return [error(name, f"{TITLES[name]} can't be examined.", cause=why, fix="See the part itself, and the log.")]
    if trouble := asking.exception():
        log.info("check broke", extra={"check": name}, exc_info=trouble)
        why = str(trouble) or type(trouble).__name__
        return [error(name, f"{TITLES[name]} can't be examined.", cause=why, fix="See the part itself, and the log.")]
    return asking.result()
