"""What a person at the server's terminal sees of backups: making one, listing, restoring, the drill, another key."""

import argparse
import getpass
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from cryptography.fernet import Fernet

from devpush.adapters.docker import DockerContainers
from devpush.adapters.dump import PgDumps
from devpush.adapters.vault import Places
from devpush.deploy import audit, backup, restore, rotate
from devpush.errors import BadSettings, Refused, Unavailable
from devpush.jobs import call
from devpush.local import Endpoints
from devpush.models import Backup
from devpush.ports import World
from devpush.serve import open_database, open_world, running_services, services
from devpush.settings import Settings


async def make(settings: Settings, *, snapshot: bool, logs: bool) -> None:
    async with _world(settings) as world:
        began = time.monotonic()
        made = await backup.back_up(world, snapshot=snapshot, logs=logs)
        print(f"Backed up in {time.monotonic() - began:.1f} s: {made.place}/{made.name} ({_size(made.size or 0)})")


async def show(settings: Settings, place: str) -> None:
    """What is at the place; and what is known of each, where the database is there to ask."""
    async with Places(settings) as vault:
        place = place or backup.place_of(settings)
        found = [stored for stored in await vault.list(place) if stored.name.endswith(".backup")]
        known = await _known(settings)
        for stored in found:
            row = known.get(stored.name)
            print(f"{stored.name}  {stored.at:%Y-%m-%d %H:%M} UTC  {_size(stored.size):>9}  {_drilled(row)}".rstrip())
        print(f"{len(found)} backup{'s' * (len(found) != 1)} in {place}.")


async def _known(settings: Settings) -> dict[str, Backup]:
    with suppress(BadSettings, Unavailable, OSError):
        async with open_database(settings, running_services(settings)):
            return {row.name: row for row in await Backup.filter(removed_at=None)}
    return {}


def _drilled(row: Backup | None) -> str:
    if not row or not row.drilled_at:
        return ""
    return f"drill {row.drilled_at:%Y-%m-%d}: {row.drill_error or 'restores'}"


async def bring_back(settings: Settings, arguments: argparse.Namespace) -> None:
    """Restore, then say what is left to do."""
    passphrase = _passphrase(settings, arguments.passphrase_from)
    began = time.monotonic()
    async with services(settings) as endpoints, Places(settings) as vault:
        done = await restore.restore(
            settings,
            _dumps(endpoints),
            vault,
            arguments.name,
            place=arguments.place,
            passphrase=passphrase,
            replace=arguments.replace,
            to=Path(arguments.to) if arguments.to else None,
        )
    if done.before and done.before != done.manifest.installation:
        await _clear_engine(settings, done.before)
    _tell(settings, done, time.monotonic() - began)


def _tell(settings: Settings, done: restore.Restored, seconds: float) -> None:
    manifest = done.manifest
    projects = manifest.rows.get("project", 0)
    print(f"Restored {manifest.name} of {manifest.made_at} in {seconds:.1f} s: {projects} projects.")
    if done.migrations:
        print(f"It was made by version {manifest.version}, so its database was migrated: {', '.join(done.migrations)}.")
    if done.snapshot:
        print(f"What was here before is in {backup.snapshots(settings)}/{done.snapshot}.")
    print("What is left to do:")
    if done.differing:
        print(f"  - Settings are different here: {', '.join(done.differing)}.")
        print(f"    Take theirs from {done.settings_file} into .env, at the least SECRET_KEY and ENCRYPTION_KEY.")
    if done.access_file:
        print(f"  - Put {done.access_file} beside devpush.py: until then every e-mail address may sign in.")
    print("  - Start the platform. It makes again what is missing; apps without an image are built from Git.")
    print("  - Point the DNS records at this server, if it is another one.")


async def _clear_engine(settings: Settings, installation: str) -> None:
    """What ran here before belongs to nobody now, and Docker would start it again after every reboot."""
    try:
        async with DockerContainers(settings.docker_host, installation) as containers:
            for container in await containers.list():
                await containers.remove(container.name)
            for name, _ in await containers.networks():
                await containers.remove_network(name)
    except Unavailable as trouble:
        print(f"Containers of installation {installation} were not removed: {trouble}", file=sys.stderr)


async def drill(settings: Settings) -> None:
    async with _world(settings) as world:
        began = time.monotonic()
        manifest = await restore.drill(world)
        rows = sum(manifest.rows.values())
        took = f"{rows:,} rows in {time.monotonic() - began:.1f} s"
        print(f"{manifest.name} restores: {took}, and its keys open its secrets.")


async def rotate_key(settings: Settings, *, new: bool) -> None:
    if new:
        print(Fernet.generate_key().decode())
        print("Put it in front of ENCRYPTION_KEY (new,old), start the platform anew, run rotate-key.", file=sys.stderr)
        print("In containers the platform starts anew by: devpush update --here", file=sys.stderr)
        return
    async with open_database(settings, running_services(settings)):
        moved = 0
        async for column, rows in rotate.rotate(settings.encryption_keys):
            moved += rows
            if rows:
                print(f"{column}: {rows} stored under the first key.")
        await audit.record(audit.COMMAND_LINE, "keys.rotated", rows=moved)
    others = len(settings.encryption_keys) - 1
    which = "The other one" if others == 1 else f"The other {others}"
    print(f"Every secret is under the first key of ENCRYPTION_KEY now; {moved} were not.")
    if others:
        print(f"{which} may go, if the platform was started anew with this list before. Then start it anew again.")


# What they stand on


@asynccontextmanager
async def _world(settings: Settings) -> AsyncIterator[World]:
    """Beside the running process; or alone, on services of our own started for the moment."""
    try:
        found = running_services(settings)
    except BadSettings:
        async with services(settings) as started, open_world(settings, started, call.Caller) as world:
            yield world
        return
    async with open_world(settings, found, call.Caller) as world:
        yield world


def _dumps(endpoints: Endpoints) -> PgDumps:
    return PgDumps(str(endpoints.postgres_dsn), endpoints.postgres_admin_dsn)


def _passphrase(settings: Settings, source: str) -> str:
    """From a file, from stdin ("-"), from the settings; else whoever sits at the terminal is asked."""
    if source == "-":
        return sys.stdin.readline().rstrip("\n")
    if source:
        try:
            return Path(source).read_text().strip()
        except OSError as problem:
            raise Refused(f"{source} can't be read: {problem.strerror}.") from None
    if not settings.backup_passphrase and sys.stdin.isatty():
        return getpass.getpass("Passphrase of the backup: ")
    return settings.backup_passphrase


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
