"""A production installation of one's own: compose.yml's containers under names, ports and a network that only it has.

stack = new_stack()                       # folder with compose.yml and .env; nothing runs yet
await stack.up()                          # the parts, then app-blue; ready
await stack.devpush("deploy", …)          # python devpush.py … in the serving container
await stack.clear()                       # everything away, whatever happened

async with own_stack() as stack: …        # all of that
"""

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Self

import aiohttp
from cryptography.fernet import Fernet

from devpush.adapters import hostnet
from devpush.adapters.docker import DockerContainers
from tests.conftest import ROOT
from tests.images import DOCKER_HOST, clear
from tests.life.platform import PATIENCE, Answer, Ended, base_image, own_port, until
from tests.production import standins

LABEL = "devpush.test-image"
KEPT = 4
"""Images of one tree."""
DASHBOARD, APPS = "dashboard.devpush.test", "apps.devpush.test"
COLOURS = ("blue", "green")
CA_IN_IMAGE = "/etc/devpush/ca-bundle.crt"
TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass
class Stack:
    """One installation. `folder` is a checkout, or a folder with what compose.yml needs of one."""

    folder: Path
    settings: dict[str, str]
    """What stands in .env."""
    installation: str = ""
    colour: str = "blue"
    """Which of the two serves, as far as this object knows."""

    @property
    def name(self) -> str:
        return self.settings["COMPOSE_PROJECT_NAME"]

    def port(self, setting: str) -> int:
        """WEB_PORT, SECURE_PORT, BLUE_PORT, GREEN_PORT or TRAEFIK_API_PORT."""
        return int(self.settings[setting])

    def container(self, service: str) -> str:
        return f"{self.name}-{service}"

    # Its life

    async def up(self, colour: str = "blue") -> Self:
        """The parts, healthy; then the app of that colour, ready."""
        self.write_settings()
        await self.parts()
        await self.start(colour)
        self.installation = await self.sql("SELECT id FROM installation")
        return self

    async def parts(self) -> None:
        """What the app stands on."""
        done = await self.compose("up", "-d", "--no-build")
        assert done.code == 0, done.err
        await until(self._parts_are_healthy, f"Parts of {self.name} are not healthy: {await self.states()}")

    async def start(self, colour: str) -> None:
        """One of the two processes, with its own image, until it is ready."""
        await asyncio.to_thread(self.give_image, colour)
        done = await self.compose("up", "-d", "--no-deps", "--no-build", f"app-{colour}")
        assert done.code == 0, done.err
        await self.ready(colour)
        self.colour = colour

    async def ready(self, colour: str) -> None:
        async def look() -> bool:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                return (await self.asked(colour, "/ready")).status == 200
            return False

        try:
            await until(look, f"{self.name}'s {colour} is not ready")
        except AssertionError as failure:
            raise AssertionError(f"{failure}:\n{await self.logs(f'app-{colour}')}") from None

    def give_image(self, colour: str, image: str | None = None) -> None:
        """This tree's, or another one."""
        _run("docker", "tag", image or tree_image(), f"{self.settings['APP_IMAGE']}:{colour}")

    async def down(self) -> None:
        """Its containers; what they keep stays."""
        done = await self.compose("down", "--remove-orphans", "--timeout", "10")
        assert done.code == 0, done.err

    async def clear(self) -> None:
        """Whatever it has on the engine and on the disk."""
        await self.compose("kill", *(f"app-{colour}" for colour in COLOURS))
        if self.installation:
            async with DockerContainers(DOCKER_HOST, self.installation) as containers:
                await clear(containers)
        await self.compose("down", "--volumes", "--remove-orphans", "--timeout", "3")
        for tag in await asyncio.to_thread(_tags, self.settings["APP_IMAGE"]):
            await command("docker", "image", "rm", tag)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    def write_settings(self) -> None:
        path = self.folder / ".env"
        path.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        path.chmod(0o600)
        (self.folder / "dns.env").touch(0o600)

    async def _parts_are_healthy(self) -> bool:
        states = await self.states()
        parts = {name: state for name, state in states.items() if not name.startswith("app-")}
        return bool(parts) and all(state in ("healthy", "exited 0") for state in parts.values())

    # Its containers

    async def compose(self, *argv: str) -> Ended:
        return await command(*compose_command(), *argv, cwd=self.folder, environment=self._environment())

    async def devpush(self, *argv: str, colour: str | None = None) -> Ended:
        """`python devpush.py …` in the serving container."""
        return await self.exec(f"app-{colour or self.colour}", "python", "devpush.py", *argv)

    async def exec(self, service: str, *argv: str) -> Ended:
        return await command("docker", "exec", self.container(service), *argv)

    async def sql(self, query: str) -> str:
        """What PostgreSQL says, a row a line, columns parted by |."""
        database = self.settings.get("POSTGRES_DB", "devpush")
        done = await self.exec("pgsql", "psql", "-U", "postgres", "-d", database, "-tAc", query)
        assert done.code == 0, done.err
        return done.out.strip()

    async def logs(self, service: str, lines: int = 40) -> str:
        done = await command("docker", "logs", "--tail", str(lines), self.container(service))
        return done.out + done.err

    async def states(self) -> dict[str, str]:
        """Each service's: healthy, starting, unhealthy, running, or exited and how."""
        return {name: _state(found) for name, found in (await self.inspected()).items()}

    async def inspected(self) -> dict[str, dict[str, Any]]:
        """What the engine knows of each service's container, stopped ones as well."""
        label = f"label=com.docker.compose.project={self.name}"
        ids = (await command("docker", "ps", "--all", "--quiet", "--filter", label)).out.split()
        if not ids:
            return {}
        found = json.loads((await command("docker", "inspect", *ids)).out)
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}

    # What it serves

    async def asked(self, colour: str, path: str) -> Answer:
        """What that process answers by itself."""
        return await _get(f"http://127.0.0.1:{self.port(f'{colour.upper()}_PORT')}{path}", DASHBOARD)

    async def dashboard(self, path: str = "/") -> Answer:
        """What a visitor of the dashboard gets."""
        return await self.get(self.settings["APP_HOSTNAME"], path)

    async def get(self, host: str, path: str = "/") -> Answer:
        """What Traefik answers at a host."""
        return await _get(f"http://127.0.0.1:{self.port('WEB_PORT')}{path}", host)

    async def example(self, name: str = "example") -> str:
        """The bundled Python example, deployed; its host."""
        prepared = await self.devpush("prepare", "python")
        assert prepared.code == 0, prepared.err
        done = await self.devpush("deploy", "/data/examples/python.git", "--project", name)
        assert done.code == 0, f"{done.out}\n{done.err}\n{await self.logs(f'app-{self.colour}')}"
        return done.last.partition("://")[2]

    def _environment(self) -> dict[str, str]:
        """Nothing of ours: compose would let it win over .env."""
        return {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}


@asynccontextmanager
async def own_stack(**settings: str) -> AsyncIterator[Stack]:
    """One that runs, and leaves nothing behind."""
    stack = await asyncio.to_thread(lambda: new_stack(**settings))
    try:
        yield await stack.up()
    finally:
        await stack.clear()


def new_stack(**settings: str) -> Stack:
    """One that was not started yet: compose.yml with all that it mounts, and an .env."""
    standins.ensure()
    folder = Path(tempfile.mkdtemp(prefix="devpush-stack-"))
    folder.chmod(0o755)
    shutil.copy(ROOT / "compose.yml", folder)
    for path in mounted():
        shutil.copytree(ROOT / path, folder / path)
    return Stack(folder, own_settings() | settings)


def own_settings() -> dict[str, str]:
    """An .env for an installation beside others: by http, small, with names, ports and a network of its own."""
    name = f"devpush-test-{secrets.token_hex(4)}"
    return {
        "COMPOSE_PROJECT_NAME": name,
        "APP_IMAGE": name,
        "APP_HOSTNAME": DASHBOARD,
        "DEPLOY_DOMAIN": APPS,
        "SERVER_IP": "127.0.0.1",
        "URL_SCHEME": "http",
        "SECRET_KEY": secrets.token_hex(32),
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "REDIS_PASSWORD": secrets.token_hex(24),
        **{
            name: str(own_port()) for name in ("WEB_PORT", "SECURE_PORT", "BLUE_PORT", "GREEN_PORT", "TRAEFIK_API_PORT")
        },
        "INNER": free_inner(),
        "BASE_IMAGE": base_image(),
        **({"RUNNER_CA_BUNDLE": CA_IN_IMAGE} if ca_bundle() else {}),
        "DEFAULT_MEMORY_MB": "256",
        "DEPLOYMENT_TIMEOUT": "30",
        "LOG_LEVEL": "INFO",
    }


def free_inner() -> str:
    """The first three numbers of a /24 that no network of this machine has."""
    taken = [IPv4Network(subnet) for subnet in hostnet.routed_subnets()]
    while True:
        inner = f"10.203.{secrets.choice(range(1, 255))}"
        if not any(IPv4Network(f"{inner}.0/24").overlaps(other) for other in taken):
            return inner


def mounted() -> list[str]:
    """The folders of the checkout that compose.yml mounts into containers."""
    words = (ROOT / "compose.yml").read_text().split()
    return sorted({word.partition(":")[0].removeprefix("./") for word in words if word.startswith("./")})


@cache
def compose_command() -> tuple[str, ...]:
    """Compose v2 or the older program, whichever is there."""
    v2 = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    return ("docker", "compose") if v2 else ("docker-compose",)


# The image


@cache
def tree_image() -> str:
    """The platform's image of this tree as it is; built unless it is there."""
    standins.ensure()
    return build_image(ROOT)


def build_image(tree: Path, *, dockerfile: Path = ROOT / "Dockerfile") -> str:
    """Of any tree, named by its content. The newest few of a tree are kept."""
    with tempfile.TemporaryDirectory(prefix="devpush-image-") as folder:
        context = Path(folder)
        shutil.copy(dockerfile, context / "Dockerfile")
        for name in ("requirements.lock", "devpush.py", "devpush", "templates", "runners"):
            _copy(tree / name, context / name)
        _copy(ROOT / "provision" / "image", context / "provision" / "image")
        if bundle := ca_bundle():
            shutil.copy(bundle, context / "ca-bundle.crt")
        name = f"devpush-test-image:{_content(context)}"
        if standins.label_of(name) is None:
            standins.build(context, name, {"BASE_IMAGE": standins.base_for_builds()}, label=f"{LABEL}={tree}")
            _forget_older(tree)
    return name


def _forget_older(tree: Path) -> None:
    """Another run may be at work with one of the newest; those that a container uses stay anyway."""
    listed = ("docker", "image", "ls", "--filter", f"label={LABEL}={tree}", "--format", "{{.Repository}}:{{.Tag}}")
    ours = [name for name in _run(*listed).split() if name.startswith("devpush-test-image:")]  # the newest first
    for name in ours[KEPT:]:
        subprocess.run(["docker", "image", "rm", name], capture_output=True, check=False)


def ca_bundle() -> Path | None:
    """The network's private CA, where provision/lib.sh found one."""
    found = os.environ.get("RUNNER_CA_BUNDLE")
    return Path(found) if found else None


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    else:
        shutil.copy(source, target)


def _content(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = hashlib.sha256(base_image().encode())
    for path in files:
        found.update(f"{path.relative_to(folder)}\0{path.stat().st_mode & 0o777:o}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


# Commands and questions


async def command(*argv: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> Ended:
    """How it ended; it is given twice our usual patience."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(2 * PATIENCE):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


def _run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def _tags(repository: str) -> list[str]:
    return _run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository).split()


def _state(found: Mapping[str, Any]) -> str:
    state = found["State"]
    if state["Status"] == "exited":
        return f"exited {state['ExitCode']}"
    health = state.get("Health")
    return str(health["Status"] if health else state["Status"])


async def _get(url: str, host: str) -> Answer:
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as client,
        client.get(url, headers={"Host": host}, allow_redirects=False) as answer,
    ):
        return Answer(answer.status, await answer.text(), answer.headers.get("X-Devpush-Deployment", ""))
