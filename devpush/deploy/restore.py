"""Backups read back: into an empty database, or for a drill into one that is thrown away again."""

import asyncio
import contextvars
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from devpush.deploy import backup
from devpush.deploy.backup import ACCESS, DATABASE, MANIFEST, SETTINGS, Manifest
from devpush.deploy.sealed import unseal
from devpush.errors import Refused, Unavailable
from devpush.models import Backup, database
from devpush.models.people import now
from devpush.ports import Dumps, Vault, World
from devpush.settings import ROOT, Settings, given, keep_keys

LATEST = "latest"
KEYS = ("SECRET_KEY", "ENCRYPTION_KEY")


@dataclass(frozen=True)
class Opened:
    """A backup that was read to its end, and is whole."""

    folder: Path
    manifest: Manifest
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Restored:
    """What came back, and what is left to do."""

    manifest: Manifest
    migrations: list[str]
    settings_file: Path
    differing: list[str]
    """Settings that have another value here than in the backup."""
    access_file: Path | None
    """Where access.json was put because it could not be put in its place; it counts only there."""
    before: str
    """The installation's id that this database had before; "" if it was empty."""
    snapshot: str
    """The name of the snapshot that was made of it."""


async def restore(
    settings: Settings,
    dumps: Dumps,
    vault: Vault,
    wanted: str = LATEST,
    *,
    place: str = "",
    passphrase: str = "",
    replace: bool = False,
    to: Path | None = None,
) -> Restored:
    """Bring a backup back: by its name, the newest one, or a file. Raises Refused and Unavailable; until all of the
    backup was read and found good, and all of the database was loaded, nothing is changed."""
    here = await _may_begin(dumps, replace)
    async with opened(settings, vault, wanted, place=place, passphrase=passphrase) as found:
        before = str(await dumps.value("SELECT id FROM installation")) if "installation" in here else ""
        snapshot = await _snapshot(settings, dumps, vault, before) if here else ""
        await dumps.load(found.folder / DATABASE, replace=bool(here))
        migrations = await _migrate(dumps.dsn)
        await asyncio.to_thread(_put_back, found.folder, backup.kept_folders(settings))
        folder = to or settings.data_dir / "restored"
        settings_file, access_file = await asyncio.to_thread(_hand_over, settings, found, folder)
        differing = _differing(settings, found.settings)
        return Restored(found.manifest, migrations, settings_file, differing, access_file, before, snapshot)


async def _may_begin(dumps: Dumps, replace: bool) -> Mapping[str, int]:
    """The tables that are there. Raises Refused."""
    if others := await dumps.visitors():
        raise Refused(
            f"The platform is running ({others} connections to its database). Please stop it first: a restore changes "
            "everything under it."
        )
    here = await dumps.tables()
    if here and not replace:
        raise Refused(
            f"The database isn't empty ({here.get('project', 0)} projects, {here.get('user', 0)} users). "
            "With --replace, a snapshot of it is made, and then the backup takes its place."
        )
    return here


async def _snapshot(settings: Settings, dumps: Dumps, vault: Vault, installation: str) -> str:
    """Of what is there; its name."""
    name = backup.name_for(installation or "unknown")
    passphrase = backup.passphrase_for(settings, snapshot=True)
    await backup.pack(settings, dumps, vault, backup.snapshots(settings), name, passphrase=passphrase)
    return name


async def _migrate(dsn: str) -> list[str]:
    """In a context of its own: Tortoise's is the process's own database."""
    return await asyncio.create_task(database.migrate(dsn), context=contextvars.Context())


# Opening one


@asynccontextmanager
async def opened(
    settings: Settings, vault: Vault, wanted: str, *, place: str = "", passphrase: str = "", installation: str = ""
) -> AsyncIterator[Opened]:
    """Fetched, decrypted, proved to be whole, and one that this version can read. Raises Refused, Unavailable."""
    with backup.workplace(settings) as work:
        file, folder = await _fetch(settings, vault, wanted, place, work, installation), work / "open"
        await asyncio.to_thread(unseal, file, folder, passphrase or _passphrase(settings, place))
        manifest = Manifest.read(await asyncio.to_thread((folder / MANIFEST).read_bytes))
        if not (database.MIGRATIONS / "models" / manifest.migration).exists():
            raise Refused(
                f"This backup was made by the newer version {manifest.version}. "
                "Please update first (provision/update.sh), then restore."
            )
        yield Opened(folder, manifest, json.loads((folder / SETTINGS).read_bytes()))


def _passphrase(settings: Settings, place: str) -> str:
    return backup.passphrase_for(settings, snapshot=place == backup.snapshots(settings))


async def _fetch(settings: Settings, vault: Vault, wanted: str, place: str, work: Path, installation: str) -> Path:
    """The file: the one named, or a copy of what is at the place."""
    if "/" in wanted:
        if not await asyncio.to_thread(Path(wanted).is_file):
            raise Refused(f"There is no file {wanted}.")
        return Path(wanted)
    place = place or backup.place_of(settings)
    prefix = f"devpush-{installation}"
    names = [each.name for each in await vault.list(place) if each.name.startswith(prefix)]
    names = [name for name in names if name.endswith(".backup")]
    if not names:
        raise Refused(f"There is no backup in {place}.")
    if wanted == LATEST:
        if not installation and len({name.split("-")[1] for name in names}) > 1:
            raise Refused(f"There are backups of several installations in {place}. Please name one: devpush.py backups")
        wanted = max(names)
    if wanted not in names:
        raise Refused(f"There is no backup {wanted} in {place}. The newest one is {max(names)}.")
    await vault.get(place, wanted, work / "fetched")
    return work / "fetched"


# What isn't in the database


def _put_back(folder: Path, targets: Mapping[str, Path]) -> None:
    for name, target in targets.items():
        source = folder / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)


def _hand_over(settings: Settings, found: Opened, to: Path) -> tuple[Path, Path | None]:
    """The settings as a file, since they come from the environment; the keys, where that has none; access.json."""
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [f"{name}={_quoted(value)}" for name, value in sorted(found.settings.items())]
    head = f"# Settings of {found.manifest.name}. Take what you need into .env, then delete this file.\n"
    _write(to / "settings.env", head + "\n".join(lines) + "\n")
    if not settings.production and "," not in found.settings["ENCRYPTION_KEY"]:
        keep_keys(settings.data_dir, *(found.settings[name] for name in KEYS))
    access = found.folder / ACCESS
    if not access.exists():
        return to / "settings.env", None
    try:
        (ROOT / ACCESS).write_bytes(access.read_bytes())
    except OSError:
        _write(to / ACCESS, access.read_text())
        return to / "settings.env", to / ACCESS
    return to / "settings.env", None


def _quoted(value: str) -> str:
    """As Compose reads it: one line, nothing in it means anything."""
    plain = value.replace("\n", "\\n")
    return f"'{plain}'" if "'" not in plain else '"' + plain.replace('"', '\\"').replace("$", "$$") + '"'


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def _differing(settings: Settings, theirs: Mapping[str, str]) -> list[str]:
    here = given(settings)
    return [name for name in theirs if here.get(name, "") != theirs[name]]


# The drill


async def drill(world: World) -> Manifest:
    """Prove that the newest backup restores: into an empty database, row for row, with keys that open its secrets.
    Its row tells how it went. Raises Refused and Unavailable."""
    settings = world.settings
    row = await backup.last_good(settings)
    name = row.name if row else LATEST
    try:
        async with opened(settings, world.vault, name, installation=world.installation) as found:
            async with world.dumps.scratch() as scratch:
                await scratch.load(found.folder / DATABASE)
                _same_rows(found.manifest.rows, await scratch.tables())
                _keys_fit(found.settings["ENCRYPTION_KEY"], await scratch.value("SELECT key_check FROM installation"))
                await _migrate(scratch.dsn)
            manifest = found.manifest
    except (Refused, Unavailable) as failure:
        await _note(name, str(failure))
        raise
    await _note(name, "")
    return manifest


def _same_rows(wanted: Mapping[str, int], found: Mapping[str, int]) -> None:
    short = [table for table, rows in wanted.items() if found.get(table) != rows]
    if short:
        raise Refused(f"What was restored differs from what was backed up, in: {', '.join(short)}.")


def _keys_fit(keys: str, token: object) -> None:
    try:
        MultiFernet([Fernet(key) for key in keys.split(",")]).decrypt(bytes(token))  # type: ignore[call-overload]
    except (InvalidToken, TypeError):
        raise Refused("The keys in the backup don't open the secrets in it.") from None


async def _note(name: str, error: str) -> None:
    await Backup.filter(name=name).update(drilled_at=now(), drill_error=error)


async def drill_if_due(world: World) -> None:
    """Once a week; the day after one that failed."""
    settings = world.settings
    last = await backup.last_good(settings) if settings.backup_every and settings.backup_passphrase else None
    if not last:
        return
    before = await Backup.exclude(drilled_at=None).order_by("-drilled_at").first()
    pause = backup.ALARM_EVERY if before and before.drill_error else backup.DRILL_EVERY
    if before and before.drilled_at and now() - before.drilled_at < pause:
        return
    try:
        await drill(world)
    except (Refused, Unavailable) as failure:
        backup.log.error("drill failed: %s", failure)
