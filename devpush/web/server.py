"""The operator's pages of the server itself: its health, its disk, its backups and its certificates."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from quart import Blueprint, Response, current_app

from devpush import __version__
from devpush.deploy import backup, doctor, findings, images
from devpush.deploy import disk as usage
from devpush.deploy.checks import Patient
from devpush.deploy.findings import Level
from devpush.errors import Refused, Unavailable
from devpush.models import Backup, Certificate, Domain, DomainState
from devpush.models.database import TROUBLE
from devpush.models.people import now
from devpush.ports import World
from devpush.web.activity import did
from devpush.web.auth import operator
from devpush.web.forms import answer, flash, is_htmx, redirect_to, world

bp = Blueprint("server", __name__)

SOON = 1.0
"""Seconds that a page waits for a backup that may be quick."""
log = logging.getLogger(__name__)
SHOWN = 30
"""Backups, projects by size, and domains without a certificate."""


# Health


@bp.get("/operator")
@operator
async def health() -> Response:
    """Nothing is asked yet: some parts take seconds to answer, so they are looked at beside the page."""
    return answer("operator/health.html", findings=None, **_about())


@bp.get("/operator/findings")
@operator
async def look() -> Response:
    return await _examined(inside=False)


@bp.post("/operator/findings")
@operator
async def look_closely() -> Response:
    """Also from inside of an app's network, in a container that is made for it."""
    return await _examined(inside=True)


async def _examined(*, inside: bool) -> Response:
    found = await doctor.examine(Patient.of(world()), inside=inside)
    facts: dict[str, Any] = {
        "findings": [one for one in found if one.level != Level.ok],
        "well": [one for one in found if one.level == Level.ok],
        "worst": doctor.worst(found),
        "summary": doctor.summary(found),
        "titles": doctor.TITLES,
        "inside": inside,
    }
    if is_htmx():
        return answer("operator/_findings.html", **facts)
    return answer("operator/health.html", **facts, **_about())


def _about() -> dict[str, Any]:
    settings = world().settings
    return {
        "tab": "health",
        "facts": (
            ("Version", __version__),
            ("Dashboard", settings.dashboard_url.partition("://")[2]),
            ("Sites", f"*.{settings.deploy_domain}"),
            ("Address", settings.server_ip),
            ("Data", str(settings.data_dir)),
            ("Installation", world().installation),
        ),
    }


# Disk


@bp.get("/operator/disk")
@operator
async def disk() -> Response:
    """As it was last measured; only what is free, and what a sweep would free, is asked for now."""
    settings, rows, left = world().settings, await usage.uses(world().settings), await usage.full_in()
    over = [one.caches - one.budget for one in rows if one.caches > one.budget]
    return answer(
        "operator/disk.html",
        tab="disk",
        uses=rows[:SHOWN],
        others=len(rows[SHOWN:]),
        others_take=sum(one.total for one in rows[SHOWN:]),
        looked_at=max((one.looked_at for one in rows), default=None),
        too_large=len(over),
        too_large_take=sum(over),
        full=findings.full(left),
        soon=left is not None and left < findings.FULL_SOON,
        kept_images=settings.kept_images,
        budget=settings.build_cache_mb * usage.MB,
        reserve=settings.disk_reserve_mb * usage.MB,
        size=findings.size,
        **await _needless(),
        **await _shares(rows),
    )


@bp.post("/operator/disk")
@operator
async def look_at_disk() -> Response:
    try:
        await usage.measure(world())
        flash("success", "Measured.")
    except Unavailable as trouble:
        flash("error", str(trouble))
    return redirect_to("server.disk")


async def _needless() -> dict[str, Any]:
    try:
        found, sizes = await images.needless(world()), await world().containers.image_sizes({})
    except Unavailable as trouble:
        return {"trouble": str(trouble)}
    return {"needless": len(found), "needless_take": sum(sizes.get(one.name, 0) for one in found)}


async def _shares(rows: Sequence[usage.Use]) -> dict[str, Any]:
    """The disk as a bar of a thousand parts: what is ours, of each kind, and what else there is."""
    try:
        space = await usage.engines_disk(world().settings, world().containers, world().machine)
    except Unavailable:
        space = await world().machine.disk(world().settings.data_dir)
    if space is None:
        return {"space": None}
    ours = {word: sum(getattr(one, kind) for one in rows) for kind, word in KINDS.items()}
    # Runners' images, the system, the database, logs and backups; and whatever else somebody keeps there.
    taken = ours | {"Everything else": max(space.size - space.free - sum(ours.values()), 0)}
    parts, x = [], 0.0
    for kind, (word, count) in zip([*KINDS, "rest"], taken.items(), strict=True):
        width = round(min(1000 * count / max(space.size, 1), 1000 - x), 1)
        parts.append({"kind": kind, "word": word, "size": count, "x": round(x, 1), "width": width})
        x += width
    return {"space": space, "parts": parts}


KINDS = {"images": "Images", "caches": "Build caches", "containers": "Containers", "source": "Source"}


# Backups


@bp.get("/operator/backups")
@operator
async def backups() -> Response:
    settings = world().settings
    rows = await Backup.all().order_by("-started_at").limit(SHOWN)
    last, trouble = await backup.last_good(settings), await backup.trouble(settings)
    every = timedelta(hours=settings.backup_every)
    found = findings.backups(trouble, last, settings, now())
    return answer(
        "operator/backups.html",
        tab="backups",
        backups=rows,
        last=last,
        next_at=last.started_at + every if last and last.started_at + every > now() else None,
        drilled=next((one for one in rows if one.drilled_at), None),
        every=settings.backup_every,
        keep=settings.backup_keep,
        place=backup.place_of(settings),
        able=bool(settings.backup_passphrase),
        running=bool(rows) and rows[0].finished_at is None,
        size=findings.size,
        findings=[one for one in found if one.level != Level.ok],
    )


@bp.post("/operator/backups")
@operator
async def back_up() -> Response:
    """It may take minutes: the page that follows tells how it goes, or the row of it."""
    backup.passphrase_for(world().settings, snapshot=False)
    await did("backup.made")
    making = asyncio.create_task(_make(world()))
    current_app.background_tasks.add(making)
    making.add_done_callback(current_app.background_tasks.discard)
    done, _ = await asyncio.wait({making}, timeout=SOON)
    if not done:
        flash("info", "A backup is being made.")
    elif refusal := making.result():
        flash("error", refusal)
    else:
        flash("success", "Backed up.")
    return redirect_to("server.backups")


async def _make(world: World) -> str:
    """Why not; "" once it is made."""
    try:
        await backup.back_up(world)
    except (Refused, *TROUBLE) as trouble:
        log.warning("no backup", extra={"reason": str(trouble)})
        return str(trouble)
    return ""


# Certificates


@bp.get("/operator/certificates")
@operator
async def certificates() -> Response:
    settings = world().settings
    rows = await Certificate.all().order_by("valid", "until", "host").limit(SHOWN)
    served = Domain.filter(state__in=(DomainState.verified, DomainState.failing))
    return answer(
        "operator/certificates.html",
        tab="certificates",
        certificates=[(row, findings.certificate(row, now())) for row in rows],
        domains=await served.exclude(certificate="valid").order_by("hostname").limit(SHOWN).prefetch_related("project"),
        good=await served.filter(certificate="valid").count(),
        secure=settings.url_scheme == "https",
        staging=settings.le_staging,
        wildcard=settings.wildcard,
        provider=settings.dns_provider,
        email=settings.le_email,
    )
