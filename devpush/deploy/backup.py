"""Backups: the database, uploads, settings and keys of this installation, as one encrypted file at a place."""

import asyncio
import json
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from devpush import __version__
from devpush.deploy.sealed import seal
from devpush.errors import BadSettings, Refused, Unavailable
from devpush.models import Backup, Installation, User
from devpush.models.people import now
from devpush.ports import Dumps, Mail, Vault, World
from devpush.settings import ROOT, Settings, given

FORMAT = 1
MANIFEST, SETTINGS, DATABASE, ACCESS = "manifest.json", "settings.json", "database.sql.gz", "access.json"
LOGS = ("log_line", "log_block", "log_cursor", "metric")
"""Tables whose rows are left out unless asked for: large, and gone in a month anyway."""
OF_NOW = ("backup",)
"""Which backups there are is no part of one: after a restore the place itself tells."""
KEPT_SNAPSHOTS = 3
TRY_AGAIN = timedelta(hours=1)
DRILL_EVERY = timedelta(days=7)
ALARM_EVERY = timedelta(days=1)
LEFT_OVER = 86_400
"""Seconds after which nobody works in a folder any more."""
UNSEALED = (
    "Backups hold every secret of this server, so they are made only with a passphrase. Please set BACKUP_PASSPHRASE "
    "(openssl rand -hex 32), and keep it somewhere else as well: without it there is no way back."
)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """The first file of a backup: what it is."""

    name: str
    made_at: str
    installation: str
    version: str
    migration: str
    logs: bool
    rows: dict[str, int] = field(default_factory=dict)
    """Of each table, as it was dumped."""
    format: int = FORMAT

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Raises Refused for that of a version that knows more than we do."""
        said: dict[str, Any] = json.loads(text)
        if said.get("format") != FORMAT:
            raise Refused(
                f"This backup was made by version {said.get('version', '?')}, which writes them in another way. "
                f"This is version {__version__}: please update first (provision/update.sh), then restore."
            )
        return cls(**said)


# Making one


async def back_up(world: World, *, snapshot: bool = False, logs: bool = False) -> Backup:
    """Make one now, and let go of those that are no longer needed. A snapshot stays on this server: it is for the way
    back from an update. Raises Refused, and Unavailable with what is in the way (which its row tells as well)."""
    settings = world.settings
    passphrase = passphrase_for(settings, snapshot=snapshot)
    async with world.leases.hold("backup", ttl=30) as lease:
        if lease is None:
            raise Refused("A backup is being made just now. Please wait until it is done.")
        await Backup.filter(finished_at=None).update(error="It was cut off.", finished_at=now())
        place = snapshots(settings) if snapshot else place_of(settings)
        row = await Backup.create(place=place, name=name_for(world.installation), version=__version__)
        try:
            row.size = await pack(settings, world.dumps, world.vault, place, row.name, passphrase=passphrase, logs=logs)
        except (Unavailable, BadSettings) as trouble:
            row.error = str(trouble)
            raise Unavailable(f"No backup was made. {trouble}") from None
        finally:
            row.finished_at = now()
            row.error = row.error or ("" if row.size else "It was cut off.")
            await row.save()
        await _let_go(world, place, KEPT_SNAPSHOTS if snapshot else settings.backup_keep)
    log.info("backed up", extra={"backup": row.name, "bytes": row.size})
    return row


def place_of(settings: Settings) -> str:
    return settings.backup_place or str(settings.data_dir / "backups")


def snapshots(settings: Settings) -> str:
    return str(settings.data_dir / "snapshots")


def passphrase_for(settings: Settings, *, snapshot: bool) -> str:
    """A snapshot lies beside our keys anyway: without a passphrase, it is closed with one of them. Raises Refused."""
    if settings.backup_passphrase:
        return settings.backup_passphrase
    if snapshot:
        return settings.secret_key
    raise Refused(UNSEALED)


def name_for(installation: str) -> str:
    """Names sort by time; whose it is stands in front, for several installations may share a bucket."""
    at = now()
    return f"devpush-{installation}-{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03}Z.backup"


async def pack(
    settings: Settings, dumps: Dumps, vault: Vault, place: str, name: str, *, passphrase: str, logs: bool = False
) -> int:
    """Bring it to its place; its size. Raises Unavailable."""
    try:
        with workplace(settings) as folder:
            rows = await dumps.dump(folder / DATABASE, without=OF_NOW if logs else (*LOGS, *OF_NOW))
            manifest = Manifest(
                name=name,
                made_at=now().isoformat(timespec="seconds"),
                installation=str(await dumps.value("SELECT id FROM installation")),
                version=__version__,
                migration=str(await dumps.value("SELECT version FROM aerich ORDER BY id DESC LIMIT 1")),
                logs=logs,
                rows=dict(rows),
            )
            (folder / MANIFEST).write_text(json.dumps(asdict(manifest)))
            (folder / SETTINGS).write_text(json.dumps(given(settings)))
            await asyncio.to_thread(seal, folder / name, _files(settings, folder), passphrase)
            size = (await asyncio.to_thread((folder / name).stat)).st_size
            await vault.put(place, name, folder / name)
            return size
    except OSError as problem:
        raise Unavailable(f"{problem.filename or 'The disk'}: {problem.strerror}.") from None


def _files(settings: Settings, folder: Path) -> Iterator[tuple[str, Path]]:
    """The name of each in the backup, and where it is. The manifest is first."""
    yield from ((name, folder / name) for name in (MANIFEST, SETTINGS, DATABASE))
    yield ACCESS, ROOT / ACCESS
    for name, root in kept_folders(settings).items():
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield f"{name}/{path.relative_to(root)}", path


def kept_folders(settings: Settings) -> dict[str, Path]:
    """What people uploaded; and the bundled examples, which a `prepare` on another server makes with other commits."""
    return {"upload": settings.upload_dir, "examples": settings.data_dir / "examples"}


@contextmanager
def workplace(settings: Settings) -> Iterator[Path]:
    """A folder of our own, on the disk that has room for data; gone at the end, and so is what others left there."""
    root = settings.data_dir / "backing-up"
    folder = root / uuid4().hex[:8]
    folder.mkdir(parents=True, mode=0o700)
    for other in root.iterdir():  # kill -9 leaves them
        if other != folder and time.time() - other.stat().st_mtime > LEFT_OVER:
            shutil.rmtree(other, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# Which are kept


async def _let_go(world: World, place: str, keep: int) -> None:
    """Of ours, the newest are kept. What can't be removed now will be with the next one."""
    try:
        for name in await ours(world, place, world.installation):
            if keep > 0:
                keep -= 1
                continue
            await world.vault.remove(place, name)
            await Backup.filter(place=place, name=name).update(removed_at=now())
    except Unavailable as trouble:
        log.warning("old backups not removed: %s", trouble)


async def ours(world: World, place: str, installation: str) -> list[str]:
    """The names of an installation's backups at a place, newest first."""
    found = await world.vault.list(place)
    mine = [each.name for each in found if each.name.startswith(f"devpush-{installation}-")]
    return sorted((name for name in mine if name.endswith(".backup")), reverse=True)


# By the clock


async def back_up_if_due(world: World) -> None:
    """Every so many hours; after one that failed, an hour later."""
    settings = world.settings
    if not settings.backup_every or not settings.backup_passphrase:
        return
    last, tried = await last_good(settings), await _scheduled(settings).order_by("-started_at").first()
    if last and now() - last.started_at < timedelta(hours=settings.backup_every):
        return
    if tried and tried.finished_at and now() - tried.started_at < TRY_AGAIN:
        return
    try:
        await back_up(world)
    except (Refused, Unavailable) as trouble:
        log.error("%s", trouble)


async def last_good(settings: Settings) -> Backup | None:
    """The newest one that is there."""
    made = _scheduled(settings).filter(error="", removed_at=None, finished_at__isnull=False)
    return await made.order_by("-started_at").first()


def _scheduled(settings: Settings) -> QuerySet[Backup]:
    """Not snapshots, which are on this very disk, and not what went to an earlier place."""
    return Backup.filter(place=place_of(settings))


async def trouble(settings: Settings) -> str:
    """What is wrong with the backups, as a sentence for the operator; "" if nothing is."""
    if not settings.backup_every:
        return ""
    if not settings.backup_passphrase:
        return "No backups are made: BACKUP_PASSPHRASE isn't set."
    every, last = timedelta(hours=settings.backup_every), await last_good(settings)
    since = last.started_at if last else (await Installation.this()).created_at
    if now() - since > 2 * every:
        tried = await _scheduled(settings).exclude(error="").order_by("-started_at").first()
        why = f" The last try failed: {tried.error}" if tried and tried.started_at > since else ""
        what = f"The last backup is of {last.started_at:%-d %B, %H:%M} UTC" if last else "There is no backup yet"
        return f"{what}, but one is due every {settings.backup_every} hours.{why}"
    if last and last.drill_error:
        return f"The last backup could not be restored in a drill: {last.drill_error}"
    return ""


async def alarm(world: World) -> None:
    """Tell the operators by mail, at most once a day, as long as something is wrong."""
    if not world.settings.backup_passphrase:
        return
    what = await trouble(world.settings)
    if not what:
        await Installation.exclude(alarmed_at=None).update(alarmed_at=None)
        return
    not_lately = Q(alarmed_at=None) | Q(alarmed_at__lt=now() - ALARM_EVERY)
    if not await Installation.filter(not_lately).update(alarmed_at=now()):
        return
    log.error("%s", what)
    for operator in await User.filter(is_operator=True, removing_at=None):
        try:
            await world.mailer.send(_mail(world.settings, operator.email, what))
        except Unavailable as away:
            log.error("mail not sent", extra={"to": "operator", "reason": str(away)})


def _mail(settings: Settings, to: str, what: str) -> Mail:
    where = f"{settings.dashboard_url}/operator"
    command = "devpush doctor" if settings.production else "python devpush.py doctor"
    text = f"{what}\n\nLook at {where}, or run on the server: {command}\n"
    html = f'<p>{escape(what)}</p><p>Look at <a href="{escape(where)}">{escape(where)}</a>, or run on the server: '
    return Mail(to, f"{settings.app_name}: backups need you", text, f"{html}<code>{command}</code></p>")
