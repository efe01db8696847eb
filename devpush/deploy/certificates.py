"""Certificates of our own hostnames: the dashboard's, and those of apps under DEPLOY_DOMAIN. Traefik gets and renews
them; we look at what visitors are shown, and send them to https once it is good."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from devpush.errors import Unavailable
from devpush.models import Certificate
from devpush.models.database import column, fetch
from devpush.models.people import now
from devpush.ports import World
from devpush.settings import OF_ONE_DEPLOYMENT, Settings

FORGOTTEN_AFTER = timedelta(days=2)
AT_A_TIME = 50
UNDER_ANY = "devpush"
"""A label that no project has: whoever asks for it sees the certificate that is good for all."""

DUE = f"""
    SELECT h.host FROM (
        SELECT unnest($1::text[]) AS host
        UNION
        SELECT label || '.' || $2::text FROM alias
        WHERE $3::bool AND deployment_id IS NOT NULL AND label !~ '{OF_ONE_DEPLOYMENT}'
    ) h LEFT JOIN certificate c ON c.host = h.host
    WHERE c.checked_at IS NULL OR c.checked_at < now() - CASE
        WHEN c.valid THEN interval '1 hour'
        ELSE least(greatest((c.checked_at - c.created_at) / 4, interval '5 seconds'), interval '10 minutes')
    END
    ORDER BY c.checked_at NULLS FIRST LIMIT $4
"""  # noqa: S608 - only our own words stand in it
"""What is waited for is looked at every few seconds, and the longer it doesn't come the less often."""


async def secured(settings: Settings, hosts: Iterable[str]) -> frozenset[str]:
    """Those of our hostnames whose visitors can be sent to https."""
    wanted = [host for host in hosts if settings.certified(host)]
    if not wanted:
        return frozenset()
    there = set(await column(Certificate.filter(host__in=[*wanted, settings.wildcard], valid=True), "host"))
    return frozenset(host for host in wanted if host in there or settings.wildcard in there)


# Looking


async def work(world: World) -> bool:
    """Look at all whose time has come."""
    settings = world.settings
    if settings.url_scheme != "https":
        return False
    whatever_runs = [settings.hostname, *filter(None, [settings.wildcard])]
    due = await fetch(DUE, whatever_runs, settings.deploy_domain, not settings.wildcard, AT_A_TIME)
    turned = await asyncio.gather(*(_look(world, row["host"]) for row in due))
    if any(turned):
        world.jobs.sweep_soon()
    return len(due) == AT_A_TIME


async def _look(world: World, host: str) -> bool:
    """Whether visitors are now to come another way than before."""
    row, _ = await Certificate.get_or_create(host=host)
    before, row.checked_at = row.valid, now()
    try:
        shown = await world.proxy.certificate(host.replace("*", UNDER_ANY))
    except Unavailable:  # that says nothing about the certificate
        await row.save(update_fields=["checked_at"])
        return False
    row.valid = shown.fits and shown.until > row.checked_at
    row.until = shown.until if row.valid else None
    await row.save(update_fields=["checked_at", "valid", "until"])
    return row.valid != before


async def forget_unused() -> None:
    """Of hostnames that nobody has any more."""
    await Certificate.filter(checked_at__lt=now() - FORGOTTEN_AFTER).delete()
