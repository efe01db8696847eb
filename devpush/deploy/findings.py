"""What the facts about an installation mean, each in words: what is, why, and what to do. Decides, touches nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network

from devpush.deploy.plan import POOL, SUBNET_BITS, free_subnets
from devpush.models import Backup, Certificate
from devpush.ports import About, Disk, Hook, NameRecords
from devpush.settings import Settings

OLDEST_API = (1, 41)
OLDEST_POSTGRES = 14
OLDEST_GIT = (2, 37)
FEW_NETWORKS = 64
GB = 1_000_000_000
LITTLE, TOO_LITTLE = (0.15, 10 * GB), (0.05, 2 * GB)
"""Of a disk: less than this share of it, and than so many bytes."""
FULL_SOON = timedelta(days=14)
"""A disk that is full by then is a matter for this week."""
OFF, FAR_OFF = timedelta(seconds=10), timedelta(seconds=60)
"""By which a clock is wrong. GitHub takes no token of an App whose clock is further off."""
RENEWED_BEFORE = timedelta(days=21)
"""Traefik renews 30 days before the end."""
DRILL_EVERY = timedelta(days=14)
SHORTEST_SECRET = 32
LIMITS = ("memory limit", "swap limit", "pids limit", "cpu cfs")
"""Docker's words for what it can't hold an app to."""


class Level(StrEnum):
    """How bad it is; from the worst."""

    error = "error"
    warning = "warning"
    note = "note"
    ok = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found."""

    part: str
    level: Level
    what: str
    cause: str = ""
    fix: str = ""


def error(part: str, what: str, *, cause: str = "", fix: str = "") -> Finding:
    return Finding(part, Level.error, what, cause, fix)


def warning(part: str, what: str, *, cause: str = "", fix: str = "") -> Finding:
    return Finding(part, Level.warning, what, cause, fix)


def note(part: str, what: str, *, fix: str = "") -> Finding:
    return Finding(part, Level.note, what, "", fix)


def ok(part: str, what: str) -> Finding:
    return Finding(part, Level.ok, what)


# Docker and its networks ----------------------------------------------------------------------------------------------


def docker(about: About, *, production: bool, runtime: str = "") -> list[Finding]:
    """`runtime` is the one that containers shall run in (CONTAINER_RUNTIME)."""
    found = []
    if runtime and runtime not in about.runtimes:
        found.append(
            error(
                "docker",
                f"No app can be started: Docker has no runtime {runtime} (CONTAINER_RUNTIME).",
                cause=f"It has {', '.join(about.runtimes)}.",
                fix='Install it and name it under "runtimes" in /etc/docker/daemon.json; then: systemctl reload docker',
            )
        )
    elif runtime and runtime != about.default_runtime:
        found.append(
            note(
                "docker",
                f"Projects with a Dockerfile of their own can't be built: Docker builds in {about.default_runtime}, "
                f'and apps run in {runtime}. To allow them: "default-runtime": "{runtime}" in /etc/docker/daemon.json.',
            )
        )
    if _numbers(about.api) < OLDEST_API:
        found.append(
            error(
                "docker",
                f"Docker {about.version} is too old.",
                cause=f"Its API is {about.api}; we need {'.'.join(map(str, OLDEST_API))}.",
                fix="Install a newer Docker Engine.",
            )
        )
    if production and not about.live_restore:
        found.append(
            warning(
                "docker",
                "An update of Docker stops every app for its time.",
                cause="live-restore is off.",
                fix='Write "live-restore": true into /etc/docker/daemon.json, then: systemctl reload docker',
            )
        )
    missing = [line.removeprefix("WARNING: ") for line in about.warnings if _limits_less(line)]
    if missing:
        found.append(
            warning(
                "docker",
                "Docker can't hold apps to all of their limits.",
                cause=f"{'. '.join(missing)}.",
                fix="On Debian with the older cgroups, boot the kernel with: cgroup_enable=memory swapaccount=1",
            )
        )
    return found or [ok("docker", f"Docker {about.version} answers (API {about.api}, cgroups v{about.cgroups}).")]


def _limits_less(line: str) -> bool:
    return any(f"no {limit}" in line.lower() for limit in LIMITS)


def networks(taken: Sequence[str]) -> list[Finding]:
    """`taken` is every subnet that the engine and the host's routes know."""
    free = len(free_subnets(taken))
    foreign = [net for net in map(IPv4Network, taken) if net.overlaps(POOL) and 0 < net.prefixlen < SUBNET_BITS]
    if free >= FEW_NETWORKS:
        return [ok("networks", f"{free} networks are free for projects.")]
    widest = min(foreign, key=lambda net: net.prefixlen, default=None)
    cause = f"This server reaches {widest} elsewhere, and our networks are of {POOL}." if widest else ""
    fix = "Give that route or network fewer addresses, so that ours are left out of it." if widest else ""
    fix = fix or "Remove projects that nobody needs."
    if not free:
        return [error("networks", "No new project can be deployed: no network is left.", cause=cause, fix=fix)]
    return [warning("networks", f"Only {free} networks are left for new projects.", cause=cause, fix=fix)]


def reached_from_inside(reached: Sequence[str]) -> list[Finding]:
    """What an app's network reached that it shouldn't."""
    if not reached:
        return [ok("firewall", "Apps reach neither the metadata address nor this server's ports.")]
    return [
        error(
            "firewall",
            f"Apps reach {' and '.join(reached)}.",
            cause="The firewall's rules for apps' networks are not there.",
            fix="As root, in the installation's folder: provision/firewall.sh --last",
        )
    ]


# Names and certificates -----------------------------------------------------------------------------------------------


def name(host: str, records: NameRecords, server_ip: str) -> list[Finding]:
    """Where DNS leads, for a hostname that should lead to us."""
    there = set(records.addresses)
    shown = "*" + host[host.index(".") :] if host.startswith(PROBE_LABEL) else host
    record = f"Set a record of the type {'AAAA' if ':' in server_ip else 'A'}: {shown} → {server_ip}"
    if not there:
        return [error("dns", f"{shown} leads nowhere.", cause="DNS has no address for it.", fix=record)]
    if server_ip not in there:
        return [
            error(
                "dns", f"{shown} leads to {', '.join(sorted(there))}, not to this server.", cause=ELSEWHERE, fix=record
            )
        ]
    if others := sorted(there - {server_ip}):
        return [
            warning(
                "dns",
                f"{shown} leads here, and to {', '.join(others)} as well.",
                cause="Some visitors reach another address than SERVER_IP.",
                fix="Remove the record of an address that isn't this server's.",
            )
        ]
    return [ok("dns", f"{shown} leads here.")]


PROBE_LABEL = "devpush-doctor"
"""Stands for whatever is asked under DEPLOY_DOMAIN."""
ELSEWHERE = "The record is old, SERVER_IP is wrong, or a proxy (like Cloudflare's) stands before it."


def certificate(row: Certificate, now: datetime) -> Finding:
    if not row.valid or row.until is None:
        waited = now - row.created_at > timedelta(minutes=10)
        level = Level.error if waited else Level.note
        return Finding(
            "certificates",
            level,
            f"{row.host} has no certificate yet.",
            *((BY_DNS if row.host.startswith("*.") else BY_HTTP) if waited else ()),
        )
    if row.until < now:
        return error("certificates", f"The certificate of {row.host} ended on {row.until:%-d %B}.", fix=RENEW)
    if row.until - now < RENEWED_BEFORE:
        return warning(
            "certificates",
            f"The certificate of {row.host} ends on {row.until:%-d %B} and wasn't renewed.",
            cause="It should have been, 30 days before its end.",
            fix=RENEW,
        )
    return ok("certificates", f"{row.host} has a certificate until {row.until:%-d %B %Y}.")


BY_HTTP = (
    "Let's Encrypt couldn't see that the name leads here.",
    "Set its DNS record, let port 80 in, then see Traefik's log: devpush logs traefik",
)
BY_DNS = (
    "Traefik couldn't prove by a DNS record that the domain is yours.",
    "Look at DNS_PROVIDER and at the credentials in dns.env, then see Traefik's log: devpush logs traefik",
)
RENEW = "Traefik's log says why it isn't renewed: devpush logs traefik"


# Mail and GitHub ------------------------------------------------------------------------------------------------------


def hook(hook: Hook, wanted: str, *, reachable: bool, lacking: Sequence[str]) -> list[Finding]:
    """What GitHub says of our App; `wanted` is where its webhooks should go, `lacking` which
    permissions it has less of than it needs."""
    found = []
    if lacking:
        found.append(
            warning(
                "github",
                f"The GitHub App lacks a permission: {', '.join(lacking)}.",
                cause="It was made by hand, or before this version asked for it.",
                fix="Add it in the App's settings on GitHub, and accept it where the App is installed.",
            )
        )
    if reachable and hook.url.rstrip("/") != wanted:
        told = f"go to {hook.url}" if hook.url else "are off"
        found.append(
            warning(
                "github",
                f"GitHub's webhooks {told}, not to this server: pushes are noticed a minute or two late.",
                cause="The App was made under another address.",
                fix=f"In the App's settings on GitHub, set the webhook to {wanted}",
            )
        )
    elif reachable and hook.answers and (failing := _failing(hook.answers)):
        at, status = failing[0]
        told = f"the last one was answered with {status}" if status else "the last one got no answer"
        found.append(
            error(
                "github",
                f"GitHub's webhooks don't arrive: {told} on {at:%-d %B, %H:%M} UTC.",
                cause=WHY.get(status, "Something between GitHub and this server answered for it."),
                fix="See “Recent deliveries” in the App's settings on GitHub, and redeliver one.",
            )
        )
    return found or [
        ok("github", "GitHub knows our App, and its webhooks arrive." if hook.url else "GitHub knows our App.")
    ]


WHY = {
    0: "GitHub can't reach this server: its name, its port or its certificate.",
    401: "The webhook's secret here isn't the one that GitHub has.",
    404: "The webhook's address isn't this server's.",
}


def _failing(answers: Sequence[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    """The newest ones, if they all fail; a single one may have met a restart."""
    latest = list(answers[:3])
    return latest if all(not 200 <= status < 300 for _, status in latest) else []


# The machine ----------------------------------------------------------------------------------------------------------


def disk(what: str, disk: Disk, left: timedelta | None = None) -> Finding:
    """`left`: in which it fills up, where that is known."""
    room = f"{size(disk.free)} of {size(disk.size)} are free {what}"
    fix = "See what could go (devpush sweep --dry-run), keep fewer images (KEPT_IMAGES), or get a larger disk."
    if disk.files and disk.free_files / disk.files < TOO_LITTLE[0]:
        return error(
            "disk", f"Hardly any file can be made any more {what}.", cause="The disk is out of inodes.", fix=fix
        )
    if _below(disk, TOO_LITTLE):
        return error("disk", f"The disk is full: {room}.", cause="Builds and the database need room.", fix=fix)
    if _below(disk, LITTLE) or (left is not None and left < FULL_SOON):
        return warning("disk", f"The disk fills up: {room}.", cause=full(left), fix=fix)
    return ok("disk", f"{room}. {full(left)}".rstrip())


def full(left: timedelta | None) -> str:
    """When a disk is full, in words; "" for nothing to tell."""
    if left is None:
        return ""
    days = round(left / timedelta(days=1))
    when = f"in about {days} day{'s' if days > 1 else ''}" if days else "within a day"
    return f"Full {when} at this rate."


def _below(disk: Disk, bounds: tuple[float, int]) -> bool:
    """A small share of a large disk is plenty, and a small disk is never far from full."""
    share, least = bounds
    return disk.free < min(share * disk.size, least)


def size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def clock(ahead: timedelta) -> Finding:
    wrong = abs(ahead)
    if wrong < OFF:
        return ok("clock", "This server's clock is right.")
    told = f"This server's clock is {wrong.total_seconds():.0f} seconds {'fast' if ahead > timedelta() else 'slow'}."
    fix = "Let it be set over the network: timedatectl set-ntp true"
    if wrong < FAR_OFF:
        return warning("clock", told, fix=fix)
    return error("clock", told, cause="GitHub and sign-in refuse what is signed at a wrong time.", fix=fix)


def exposed(ports: Mapping[int, str], address: str) -> Finding:
    """What listens on the server's public address."""
    if not ports:
        return ok("ports", f"Nothing of ours but the sites themselves listens on {address}.")
    listed = ", ".join(f"{word} ({port})" for port, word in ports.items())
    return warning(
        "ports",
        f"{listed} may be reached from elsewhere.",
        cause=f"It listens on {address}, not on 127.0.0.1 alone.",
        fix="Let it listen on 127.0.0.1, or close the port in the firewall.",
    )


# Versions and secrets -------------------------------------------------------------------------------------------------


def postgres(version: str, pending: int) -> list[Finding]:
    if pending:
        return [
            error(
                "database",
                f"The database lacks {pending} migration{'s' if pending != 1 else ''} of this version.",
                cause="It was not brought up to date.",
                fix="python devpush.py migrate, or in production: devpush update",
            )
        ]
    if _numbers(version)[:1] < (OLDEST_POSTGRES,):
        return [warning("database", f"PostgreSQL {version} gets no more fixes.", fix="Update it, after a backup.")]
    return [ok("database", f"PostgreSQL {version} answers, with this version's schema.")]


def git(version: str) -> Finding:
    """`version` as `git --version` says it."""
    numbers = _numbers(version)
    if not numbers:
        return error(
            "git", "There is no git on this server.", cause="No repository can be read without.", fix="Install git."
        )
    if numbers[:2] < OLDEST_GIT:
        least = ".".join(map(str, OLDEST_GIT))
        return warning("git", f"{version} is too old.", fix=f"Install git {least} or newer.")
    return ok("git", f"{version} is here.")


def release(ours: str, tags: Sequence[str]) -> Finding:
    newest = newest_release(tags)
    if _numbers(newest) > _numbers(ours):
        return note("version", f"Version {newest} is out; this is {ours}.", fix="devpush update")
    return ok("version", f"This is the newest version, {ours}.")


def newest_release(tags: Sequence[str]) -> str:
    """Of tags like v0.4.0; those of previews don't count."""
    released = [tag.removeprefix("v") for tag in tags if re.fullmatch(r"v?\d+(\.\d+)+", tag)]
    return max(released, key=_numbers, default="")


def _numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def secrets(settings: Settings) -> list[Finding]:
    """In production the process refuses to start with most of these."""
    found = []
    if not settings.production and settings.hostname != "localhost":
        found.append(
            warning(
                "secrets",
                f"{settings.hostname} runs with the settings of a development machine.",
                cause="ENV isn't production: weak secrets and http are let through.",
                fix="Set ENV=production, and what is then asked for.",
            )
        )
    if len(settings.secret_key) < SHORTEST_SECRET:
        found.append(error("secrets", "SECRET_KEY is too short.", cause=GUESSED, fix="Set: openssl rand -hex 32"))
    short = [word for word, value in _kept_secrets(settings).items() if value and len(value) < 12]
    if short:
        found.append(warning("secrets", f"Too short: {', '.join(short)}.", cause=GUESSED, fix="Set longer ones."))
    if len(settings.encryption_keys) > 1:
        found.append(
            note(
                "secrets",
                f"There are {len(settings.encryption_keys)} keys in ENCRYPTION_KEY.",
                fix="devpush rotate-key tells whether the older ones may go.",
            )
        )
    return found or [ok("secrets", "Every secret is long enough.")]


GUESSED = "It can be guessed."


def _kept_secrets(settings: Settings) -> dict[str, str]:
    return {
        "POSTGRES_PASSWORD": settings.postgres_password,
        "GITHUB_APP_WEBHOOK_SECRET": settings.github_app_webhook_secret,
        "METRICS_TOKEN": settings.metrics_token,
    }


# Backups --------------------------------------------------------------------------------------------------------------


def backups(trouble: str, last: Backup | None, settings: Settings, now: datetime) -> list[Finding]:
    """`trouble` is what deploy/backup.py says is wrong, `last` the newest that is there."""
    if trouble:
        level = Level.error if settings.production else Level.note
        return [Finding("backups", level, trouble, "", BY_HAND if settings.backup_passphrase else UNSEALED)]
    found = []
    if not settings.backup_every:
        found.append(
            warning("backups", "No backup is made by itself.", cause="BACKUP_EVERY is 0.", fix="BACKUP_EVERY=24")
        )
    if last and now - (last.drilled_at or last.started_at) > DRILL_EVERY:
        found.append(warning("backups", "No backup was tried out lately.", fix="devpush drill"))
    if settings.production and not settings.backup_place.startswith("s3://"):
        found.append(
            note(
                "backups",
                "Backups lie on this server: if its disk is lost, so are they.",
                fix="Set BACKUP_PLACE to s3://bucket/prefix, or to a folder of another machine.",
            )
        )
    told = f"The last backup is of {last.started_at:%-d %B, %H:%M} UTC." if last else "The first backup is due soon."
    return [*found, ok("backups", told)]


BY_HAND = "Try it by hand, it says why: devpush backup"
UNSEALED = "Set BACKUP_PASSPHRASE, and keep it somewhere else as well: openssl rand -hex 32"
