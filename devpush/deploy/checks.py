"""The doctor's questions, one a part of the installation: each asks what is, and findings.py says what that means."""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Self

from devpush import __version__
from devpush.deploy import backup, findings, github, plan, runners
from devpush.deploy.disk import full_in
from devpush.deploy.findings import PROBE_LABEL, Finding, Level, error, note, ok, warning
from devpush.deploy.plan import Names
from devpush.errors import DeployFailed, Unavailable
from devpush.models import Certificate, Domain, DomainState, GitHubInstallation
from devpush.models.database import AWAY, MIGRATIONS, fetch
from devpush.models.people import now
from devpush.ports import (
    Containers,
    ContainerSpec,
    Disk,
    Dns,
    Git,
    GitHub,
    GitHubRefused,
    Hook,
    Limits,
    Live,
    LogStore,
    Machine,
    Mailer,
    Proxy,
    Repository,
    SubnetTaken,
    TokenRefused,
    World,
)
from devpush.settings import Settings

LOCAL = ("localhost", ".localhost")
PRIVATE_PORTS = {
    2375: "Docker's API",
    2376: "Docker's API",
    3100: "Loki",
    5432: "PostgreSQL",
    6379: "Redis",
    8090: "Traefik's API",
}
METADATA = "169.254.169.254"
SSH = 22
INSIDE = """
import json, socket, sys
def reached(address, port):
    try:
        with socket.create_connection((address, port), timeout=1.5):
            return True
    except OSError:
        return False
print(json.dumps([name for name, address, port in json.loads(sys.argv[1]) if reached(address, port)]))
"""


@dataclass(frozen=True)
class Patient:
    """What is examined: an installation, or what of it could be reached. `missing` says of a part why it couldn't."""

    settings: Settings
    installation: str
    containers: Containers
    proxy: Proxy
    dns: Dns
    git: Git
    mailer: Mailer
    machine: Machine
    github: GitHub
    live: Live | None = None
    logs: LogStore | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World) -> Self:
        shared = {name: getattr(world, name) for name in cls.__dataclass_fields__ if name != "missing"}
        return cls(**shared)


Check = Callable[[Patient], Awaitable[list[Finding]]]


# What the process stands on -------------------------------------------------------------------------------------------


async def database(patient: Patient) -> list[Finding]:
    if why := patient.missing.get("database"):
        return [error("database", "The database can't be asked.", cause=why, fix=START)]
    try:
        [row] = await fetch(VERSIONS)
    except AWAY as trouble:
        return [error("database", "The database doesn't answer.", cause=_told(trouble), fix=START)]
    there = {file.name for file in (MIGRATIONS / "models").glob("[0-9]*.py")}
    return findings.postgres(row["server"], len(there.difference(row["applied"])))


VERSIONS = """
SELECT current_setting('server_version') AS server, array(SELECT version FROM aerich WHERE app = 'models') AS applied
"""
START = "See whether it runs: devpush status. It is reached by the POSTGRES_… settings, and Redis by REDIS_URL."


async def redis(patient: Patient) -> list[Finding]:
    if patient.live is None:
        return [error("redis", "Redis can't be asked.", cause=patient.missing.get("redis", ""), fix=START)]
    try:
        await patient.live.ping()
    except Unavailable as trouble:
        return [error("redis", "Redis doesn't answer.", cause=str(trouble), fix=START)]
    return [ok("redis", "Redis answers.")]


async def log_lines(patient: Patient) -> list[Finding]:
    if patient.logs is None:
        return []
    try:
        await patient.logs.cursors()
    except (Unavailable, *AWAY) as trouble:
        return [
            error(
                "logs",
                "Log lines can't be read or kept.",
                cause=_told(trouble),
                fix="See LOKI_URL, and Loki's own log.",
            )
        ]
    return [
        ok("logs", "Log lines are kept in Loki." if patient.settings.loki_url else "Log lines are kept in PostgreSQL.")
    ]


async def docker(patient: Patient) -> list[Finding]:
    try:
        about = await patient.containers.about()
    except (Unavailable, DeployFailed) as trouble:
        fix = f"See: systemctl status docker. We reach it at DOCKER_HOST, {patient.settings.docker_host}"
        return [error("docker", "Docker can't be asked.", cause=str(trouble), fix=fix)]
    settings = patient.settings
    return findings.docker(about, production=settings.production, runtime=settings.container_runtime)


async def networks(patient: Patient) -> list[Finding]:
    try:
        return findings.networks(await patient.containers.taken_subnets())
    except Unavailable:
        return []  # said by `docker`


async def traefik(patient: Patient) -> list[Finding]:
    fix = "See whether it runs: devpush status, devpush logs traefik"
    try:
        await patient.proxy.ping()
        answer = await patient.machine.get(f"{entry(patient.settings)}/health", host=patient.settings.hostname)
    except Unavailable as trouble:
        return [error("traefik", "Traefik doesn't answer: no site can be reached.", cause=str(trouble), fix=fix)]
    if answer.status not in (200, 301, 308):  # to https
        return [
            error(
                "traefik",
                f"Traefik doesn't lead to the dashboard: it answers {answer.status}.",
                cause="Its file for the platform is missing, isn't read, or names a process that is gone.",
                fix="Start the platform anew (devpush update --here): it writes the file again. If that doesn't help, "
                "Traefik's log says which file it can't read: devpush logs traefik",
            )
        ]
    return [ok("traefik", "Traefik answers, and leads to the dashboard.")]


def entry(settings: Settings) -> str:
    """Where Traefik takes requests, seen from here."""
    if settings.traefik_config_dir is not None:
        return settings.traefik_url
    here = "127.0.0.1" if settings.bind in ("0.0.0.0", "::") else settings.bind
    return f"http://{here}:{settings.http_port}"


async def ports(patient: Patient) -> list[Finding]:
    """Asked from the server itself, where its own firewall isn't in between."""
    settings = patient.settings
    if not settings.production or ip_address(settings.server_ip).is_loopback:
        return []
    asked = PRIVATE_PORTS | {settings.port: "The dashboard's process"}
    there = {port: word for port, word in asked.items() if await patient.machine.listens(settings.server_ip, port)}
    return [findings.exposed(there, settings.server_ip)]


async def firewall(patient: Patient) -> list[Finding]:
    """Asked from inside of a network like those of apps, in a container like theirs."""
    image = await runners.prepared(patient.settings, patient.containers, "python")
    if image is None:
        return [
            note(
                "firewall",
                "What apps reach wasn't tried.",
                fix="First, the image of Python apps: python devpush.py prepare python",
            )
        ]
    own = f"{Names(patient.installation).prefix}-doctor"
    free = plan.free_subnets(await patient.containers.taken_subnets())
    if not free:
        return []  # said by `networks`
    try:
        await patient.containers.network(own, free[-1], labels={plan.KIND: "doctor"})
        return findings.reached_from_inside(await _look_from_inside(patient, own, image, free[-1]))
    except (SubnetTaken, DeployFailed) as trouble:
        return [note("firewall", f"What apps reach couldn't be tried: {trouble}")]
    finally:
        await patient.containers.remove(own)
        await patient.containers.remove_network(own)


async def _look_from_inside(patient: Patient, own: str, image: str, subnet: str) -> list[str]:
    gateway = str(IPv4Network(subnet)[1])
    targets = [("the metadata address", METADATA, 80), (f"port {SSH} of this server", gateway, SSH)]
    targets.append((f"port {patient.settings.port} of this server", gateway, patient.settings.port))
    spec = ContainerSpec(
        name=own,
        image=image,
        labels={plan.KIND: "doctor"},
        limits=Limits(memory_mb=64, cpu_quota=50_000, pids=32),
        network=own,
        command=plan.IDLE,
    )
    said: list[str] = []
    await patient.containers.create(spec)
    await patient.containers.start(own)
    command = ["python3", "-c", INSIDE, json.dumps(targets)]
    exit = await patient.containers.run(own, command, environment={}, on_output=lambda _, line: said.append(line))
    if exit.code:
        raise DeployFailed(f"its look ended with code {exit.code}.")
    reached: list[str] = json.loads(said[-1])
    return reached


# How it is reached ----------------------------------------------------------------------------------------------------


async def dns(patient: Patient) -> list[Finding]:
    settings = patient.settings
    if _local(settings.hostname) and _local(settings.deploy_domain):
        return [note("dns", "This installation is for this computer only: it has no name to be found by.")]
    if ip_address(settings.server_ip).is_loopback:
        return [
            error("dns", "SERVER_IP isn't set.", cause=f"It is {settings.server_ip}.", fix="Set the public address.")
        ]
    found: list[Finding] = []
    for host in (settings.hostname, f"{PROBE_LABEL}.{settings.deploy_domain}"):
        if _local(host):
            continue
        try:
            found += findings.name(host, await patient.dns.records(host), settings.server_ip)
        except Unavailable as trouble:
            found.append(error("dns", f"{host} can't be looked up.", cause=str(trouble), fix="See /etc/resolv.conf."))
    return found


def _local(host: str) -> bool:
    return host == LOCAL[0] or host.endswith(LOCAL[1])


async def certificates(patient: Patient) -> list[Finding]:
    settings = patient.settings
    if settings.url_scheme != "https" or "database" in patient.missing:
        return []
    each = [findings.certificate(row, now()) for row in await Certificate.all().order_by("host")]
    found = [one for one in each if one.level != Level.ok]
    if good := len(each) - len(found):
        found.append(ok("certificates", f"{good} name{'s have' if good != 1 else ' has'} a good certificate."))
    troubled = await Domain.filter(certificate="failed", state__in=(DomainState.verified, DomainState.failing))
    found += [
        warning(
            "certificates",
            f"{domain.hostname} has no certificate.",
            cause=domain.certificate_note,
            fix="Its project's settings say what its DNS record must be.",
        )
        for domain in troubled
    ]
    if settings.le_staging:
        found.append(
            warning(
                "certificates",
                "Browsers don't trust the certificates.",
                cause="They come from Let's Encrypt's staging.",
                fix="Once all works: LE_STAGING=false in .env, then: devpush update --parts",
            )
        )
    return found


async def mail(patient: Patient) -> list[Finding]:
    settings = patient.settings
    if not settings.mail_configured:
        return [
            note(
                "mail",
                "No mail can be sent: people sign in with GitHub or Google, or by the operator's link.",
                fix="Set SMTP_HOST (or RESEND_API_KEY) and EMAIL_SENDER_ADDRESS.",
            )
        ]
    try:
        await patient.mailer.check()
    except Unavailable as trouble:
        fix = (
            "See RESEND_API_KEY."
            if settings.resend_api_key
            else "See SMTP_HOST, SMTP_PORT, SMTP_USERNAME, SMTP_PASSWORD."
        )
        return [error("mail", "No mail goes out: nobody can sign in by it.", cause=str(trouble), fix=fix)]
    if not settings.email_sender_address:
        what = f"Mail comes from devpush@{settings.hostname}, which few mail servers take."
        return [warning("mail", what, cause="EMAIL_SENDER_ADDRESS isn't set.", fix="Set an address that is yours.")]
    return [ok("mail", "The mail server takes our mail." if settings.smtp_host else "Resend takes our mail.")]


async def github_app(patient: Patient) -> list[Finding]:
    settings = patient.settings
    if "database" in patient.missing and not settings.github_app_id:
        return []
    app = await github.app_of(settings)
    if app is None:
        return [note("github", "There is no GitHub App yet.", fix="Make one under Server → Sign-in and GitHub.")]
    try:
        hook = await patient.github.hook(app)
    except TokenRefused:
        fix = "See GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, or forget the App and make it anew."
        return [error("github", "GitHub doesn't know our App.", cause=github.BAD_KEY, fix=fix)]
    except (GitHubRefused, Unavailable) as trouble:
        return [error("github", "GitHub can't be asked.", cause=str(trouble), fix="See https://www.githubstatus.com")]
    wanted = f"{settings.dashboard_url}/api/github/webhook"
    found = findings.hook(hook, wanted, reachable=github.reaches_us(settings), lacking=_lacking(hook))
    return found + await _suspended(patient)


def _lacking(hook: Hook) -> list[str]:
    wanted = github.PERMISSIONS.items()
    return [word for name, (word, level, _) in wanted if hook.permissions.get(name) not in (level, "write")]


async def _suspended(patient: Patient) -> list[Finding]:
    if "database" in patient.missing:
        return []
    rows = await GitHubInstallation.filter(suspended_at__isnull=False).order_by("account_login")
    fix = "Unsuspend it there: Settings → Applications."
    return [warning("github", f"The GitHub App is suspended at {row.account_login}.", fix=fix) for row in rows]


# The machine ----------------------------------------------------------------------------------------------------------


async def disk(patient: Patient) -> list[Finding]:
    """Each filesystem once."""
    folders = {"for the platform (DATA_DIR)": patient.settings.data_dir, "for pictures": patient.settings.upload_dir}
    with suppress(Unavailable, DeployFailed):
        folders["for Docker"] = Path((await patient.containers.about()).root)
    disks = {what: await patient.machine.disk(folder) for what, folder in folders.items()}
    once = {disk.id: (what, disk) for what, disk in reversed(disks.items()) if disk}
    filling = disks.get("for Docker") or disks["for the platform (DATA_DIR)"]
    left = await _full_in(patient, filling) if filling else None
    found = [
        findings.disk(what, disk, left if filling and disk.id == filling.id else None)
        for what, disk in reversed(once.values())
    ]
    if any(one.level != Level.ok for one in found):  # to count them takes Docker a while
        with suppress(Unavailable, DeployFailed):
            found.append(note("disk", f"Docker's images take {findings.size(await patient.containers.space())}."))
    return found


async def _full_in(patient: Patient, disk: Disk) -> timedelta | None:
    """Looked ahead only once it is half full: before that there is time, however it fills."""
    if "database" in patient.missing or disk.free > disk.size / 2:
        return None
    with suppress(*AWAY):  # it is told of by its own check
        return await full_in()
    return None


async def clock(patient: Patient) -> list[Finding]:
    """Beside GitHub's, which is asked anyway; the time that the answer took is no more than seconds."""
    try:
        answer = await patient.machine.get(patient.settings.github_api_url)
    except Unavailable:
        return [note("clock", "Whether the clock is right wasn't seen: GitHub doesn't answer.")]
    return [findings.clock(datetime.now(UTC) - answer.date)] if answer.date else []


async def programs(patient: Patient) -> list[Finding]:
    return [findings.git(await patient.machine.program("git"))]


async def release(patient: Patient) -> list[Finding]:
    source = patient.settings.source_url
    if not source:
        return []
    try:
        return [findings.release(__version__, await patient.git.tags(Repository(source)))]
    except (DeployFailed, Unavailable) as trouble:
        return [note("version", f"Whether there is a newer version wasn't seen: {trouble}", fix="See SOURCE_URL.")]


async def secrets(patient: Patient) -> list[Finding]:
    return findings.secrets(patient.settings)


async def backups(patient: Patient) -> list[Finding]:
    if "database" in patient.missing:
        return []
    settings = patient.settings
    trouble, last = await backup.trouble(settings), await backup.last_good(settings)
    return findings.backups(trouble, last, settings, now())


def _told(trouble: Exception) -> str:
    return str(trouble) or type(trouble).__name__
