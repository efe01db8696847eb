"""Custom domains: entered by anybody, served for whoever proves by DNS that the name is theirs, and looked after."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from devpush.deploy import proofs, traffic
from devpush.deploy.news import tell_domains
from devpush.deploy.proofs import Proof, Seen, Verdict
from devpush.errors import Refused, Unavailable
from devpush.models import Alias, Domain, DomainState, Environment, Project, User
from devpush.models.database import AWAY, fetch
from devpush.models.people import now
from devpush.models.project import PRODUCTION
from devpush.ports import World
from devpush.settings import Settings

MOST = 50
"""Domains of one project."""
GRACE = timedelta(hours=72)
"""For so long a domain is served although its record is gone."""
AT_A_TIME = 20
log = logging.getLogger(__name__)

DUE = """
    SELECT d.id FROM domain d JOIN project p ON p.id = d.project_id
    WHERE p.removing_at IS NULL AND (d.environment_id IS NOT NULL OR d.redirect_to <> '')
        AND (d.checked_at IS NULL OR d.checked_at < now() - CASE
            WHEN d.state = 'failing' THEN interval '5 minutes'
            WHEN d.state = 'verified' AND (d.certificate = 'valid' OR NOT $1) THEN interval '1 hour'
            ELSE least(greatest((d.checked_at - coalesce(d.verified_at, d.created_at)) / 4, interval '15 seconds'),
                interval '6 hours')
        END)
    ORDER BY d.checked_at NULLS FIRST LIMIT $2
"""
"""What is waited for is looked at every few seconds, and the longer it doesn't come the less often."""

HOLD = """
    UPDATE domain SET state = 'verified', held = hostname, reason = $2, checked_at = now(), failing_since = NULL,
        verified_at = CASE WHEN held IS NULL THEN now() ELSE verified_at END
    WHERE id = $1 AND (environment_id IS NOT NULL OR redirect_to <> '') RETURNING id
"""


@dataclass(frozen=True)
class Purpose:
    """What a domain is for: an environment to serve, or another address to redirect to."""

    environment: Environment | None = None
    redirect_to: str = ""
    redirect_status: int | None = None

    def facts(self) -> dict[str, Any]:
        return {
            "environment_id": self.environment.id if self.environment else None,
            "redirect_to": self.redirect_to,
            "redirect_status": self.redirect_status,
        }


# What people do


async def add(world: World, project: Project, hostname: str, purpose: Purpose, *, by: User | None) -> Domain:
    """Enter a domain. Nothing is routed yet; DNS is asked at once. Raises Refused."""
    if await Domain.filter(project_id=project.id).count() >= MOST:
        raise Refused(f"A project has at most {MOST} domains.", field="hostname")
    await _refuse_circle(project.id, hostname, purpose)
    production = await Environment.get(project_id=project.id, slug=PRODUCTION)
    await traffic.name_environment(project, production)  # what a CNAME leads to is this project's from now on
    try:
        facts = purpose.facts()
        domain = await Domain.create(project_id=project.id, hostname=hostname, created_by=by, **facts)
    except IntegrityError:
        raise Refused(f"{hostname} is one of this project's domains already.", field="hostname") from None
    await tell_domains(world, project.id)
    world.jobs.work_soon("domains")
    return domain


async def change(world: World, domain: Domain, purpose: Purpose) -> None:
    """Another purpose; the proof stays. A domain that had lost its environment begins anew. Raises Refused."""
    await _refuse_circle(domain.project_id, domain.hostname, purpose)
    await Domain.filter(id=domain.id).update(**purpose.facts())
    again = {"state": DomainState.pending, "reason": "", "checked_at": None, "created_at": now()}
    await Domain.filter(id=domain.id, state=DomainState.disabled).update(**again)
    await _follow(world, domain.project_id)
    world.jobs.work_soon("domains")


async def remove(world: World, domain: Domain) -> None:
    await domain.delete()
    await _follow(world, domain.project_id)


async def _refuse_circle(project_id: UUID, hostname: str, purpose: Purpose) -> None:
    """A redirect that comes back to where it began."""
    redirects = Domain.filter(project_id=project_id).exclude(redirect_to="")
    leads = {**dict(await redirects.values_list("hostname", "redirect_to")), hostname: purpose.redirect_to}
    passed, host = set[str](), hostname
    while host and host not in passed:
        passed.add(host)
        host = str(leads.get(host, "")).partition("://")[2]
    if host:
        raise Refused("This redirect would come back to where it began.", field="redirect_to")


# Looking


async def work(world: World) -> bool:
    """Look at all whose time has come."""
    due = await fetch(DUE, world.settings.url_scheme == "https", AT_A_TIME)
    domains = await Domain.filter(id__in=[row["id"] for row in due])
    await asyncio.gather(*(_check_in_turn(world, domain) for domain in domains))
    return len(due) == AT_A_TIME


async def _check_in_turn(world: World, domain: Domain) -> None:
    """Its owner says what its name servers answer: whatever that is, it keeps nobody else's domains waiting."""
    try:
        await check(world, domain)
    except (Unavailable, *AWAY):
        raise
    except Exception:
        log.exception("domain not looked at", extra={"host": domain.hostname})
        await Domain.filter(id=domain.id).update(checked_at=now())


async def check(world: World, domain: Domain) -> None:
    """Ask DNS, and have state, routes and open pages follow."""
    before = await _shown(domain)
    try:
        await _move(world, domain, await _verdict(world, domain))
    except Unavailable as trouble:  # nobody answers: that says nothing about the domain
        facts: dict[str, Any] = {"reason": str(trouble)} if domain.state == DomainState.pending else {}
        await Domain.filter(id=domain.id).update(checked_at=now(), **facts)
    await _look_at_certificate(world, domain)
    if await _shown(domain) != before:
        await _follow(world, domain.project_id)


async def _shown(domain: Domain) -> list[Any]:
    return await Domain.filter(id=domain.id).values_list("state", "reason", "held", "certificate", "certificate_until")


async def _follow(world: World, project_id: UUID) -> None:
    await traffic.follow(world, project_id)
    await tell_domains(world, project_id)


async def _verdict(world: World, domain: Domain) -> Verdict:
    settings = world.settings
    found, texts = await asyncio.gather(
        world.dns.records(domain.hostname), world.dns.texts(proofs.proof_name(domain.hostname))
    )
    seen = Seen(found, await _names_project(settings, domain.project_id, found.aliases), texts)
    return proofs.judge(domain, await target(settings, domain.project_id), proofs.own_addresses(settings), seen)


async def target(settings: Settings, project_id: UUID) -> str:
    """The hostname that a CNAME of this project's domains leads to."""
    alias = await Alias.get(project_id=project_id, kind="production")
    return traffic.hostname(settings, alias)


async def _names_project(settings: Settings, project_id: UUID, names: Sequence[str]) -> bool:
    below = f".{settings.deploy_domain}"
    labels = [name.removesuffix(below) for name in names if name.endswith(below)]
    return bool(labels) and await Alias.exists(project_id=project_id, label__in=labels)


async def _move(world: World, domain: Domain, verdict: Verdict) -> None:
    if verdict.proof == Proof.none:
        await _not_proved(domain, verdict.sentence)
    elif verdict.proof == Proof.address and not domain.held and await _others_claim(domain):
        await _not_proved(
            domain,
            f"Another team has entered {domain.hostname} as well, so its address alone doesn't say whose it is. Please "
            "set the TXT record.",
        )
    elif not await _hold(domain, verdict):
        await _contest(world, domain, verdict)


async def _not_proved(domain: Domain, sentence: str) -> None:
    """What was proved before is served for a time of grace."""
    facts: dict[str, Any] = {"reason": sentence}
    if domain.state == DomainState.verified:
        facts |= {"state": DomainState.failing, "failing_since": now()}
    elif domain.state == DomainState.failing and domain.failing_since and domain.failing_since < now() - GRACE:
        reason = f"{sentence} After three days like that it is no longer served."
        facts |= {"state": DomainState.disabled, "held": None, "reason": reason, "certificate": ""}
    await Domain.filter(id=domain.id, state=domain.state).update(checked_at=now(), **facts)


async def _others_claim(domain: Domain) -> bool:
    """Whether other teams say that it is theirs: then an address, which leads to all of us alike, proves nothing."""
    project = await Project.get(id=domain.project_id)
    others = Domain.filter(hostname=domain.hostname, project__removing_at=None)
    return await others.exclude(project__team_id=project.team_id).exists()


async def _hold(domain: Domain, verdict: Verdict) -> bool:
    """Take the name, unless somebody has it: then False."""
    try:
        async with in_transaction():
            await fetch(HOLD, domain.id, verdict.sentence)
    except IntegrityError:
        return False
    return True


async def _contest(world: World, domain: Domain, verdict: Verdict) -> None:
    """Somebody else has the name. Whoever DNS names more surely gets it, and who has it keeps it if neither is."""
    holder = await Domain.get_or_none(held=domain.hostname)
    if holder is None or holder.id == domain.id:
        return  # gone in this moment: the next look takes it
    routed = holder.state in traffic.ROUTED
    if routed and (await _verdict(world, holder)).proof >= verdict.proof:
        named = verdict.proof == Proof.named
        advice = "Remove the record that says so." if named else "If it is yours, set the TXT record."
        await _not_proved(domain, f"{domain.hostname} is served for another project on this server. {advice}")
        return
    if await _take(domain, verdict, holder):
        log.warning("domain moved", extra={"host": domain.hostname, "to_project": str(domain.project_id)})
        await _follow(world, holder.project_id)


async def _take(domain: Domain, verdict: Verdict, holder: Domain) -> bool:
    """The name goes from one to the other, or stays because it went elsewhere meanwhile."""
    lost = "Another project on this server has proved by DNS that this name is theirs."
    with suppress(IntegrityError):
        async with in_transaction():
            theirs = Domain.filter(id=holder.id, held=domain.hostname)
            await theirs.update(state=DomainState.disabled, held=None, reason=lost, certificate="", checked_at=now())
            await fetch(HOLD, domain.id, verdict.sentence)
        return True
    return False


# Certificates


async def _look_at_certificate(world: World, domain: Domain) -> None:
    current = await Domain.get_or_none(id=domain.id)
    if world.settings.url_scheme != "https" or not current or current.state not in traffic.ROUTED:
        return
    try:
        shown = await world.proxy.certificate(current.hostname)
    except Unavailable:
        return
    await Domain.filter(id=current.id).update(**proofs.certificate(current, shown, now()))
