"""An installation as an operator has one: a checkout with an origin, made and updated by the scripts of provision/."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp

from tests.conftest import ROOT
from tests.life.platform import PATIENCE, base_image
from tests.production import standins
from tests.production.stack import Stack, ca_bundle, command, own_settings

PASSED_ON = ("PATH", "HOME", "DOCKER_HOST", "TMPDIR", "SSL_CERT_FILE", "http_proxy", "https_proxy", "no_proxy")
LEFT_OUT = ("tests/", "docs/")
AUTHOR = ("-c", "user.name=Alice", "-c", "user.email=alice@example.com")


@dataclass
class Script:
    """A script of ours that runs. What it says can be waited for."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    code: int = -1

    @property
    def said(self) -> str:
        return "".join(self.lines)

    async def until_said(self, text: str) -> None:
        """Read on until a line with this text. Fails if the script ends without it."""
        async with asyncio.timeout(2 * PATIENCE):
            while line := await self._line():
                if text in line:
                    return
        raise AssertionError(f"It never said {text!r}:\n{self.said}")

    async def ended(self) -> Self:
        async with asyncio.timeout(2 * PATIENCE):
            while await self._line():
                pass
            self.code = await self.process.wait()
        return self

    def interrupt(self, number: signal.Signals) -> None:
        """As a terminal does it: the script and all it has started."""
        os.killpg(self.process.pid, number)

    async def _line(self) -> str:
        assert self.process.stdout
        line = (await self.process.stdout.readline()).decode()
        self.lines.append(line)
        return line


@dataclass
class Installation:
    """`stack` is what runs; `origin` the repository that new versions come from."""

    stack: Stack
    origin: Path

    @property
    def folder(self) -> Path:
        return self.stack.folder

    def publish(self, version: str, **files: Callable[[str], str]) -> None:
        """A new version with its tag. `files`: how the text of each changes."""
        says = self.origin / "devpush" / "__init__.py"
        says.write_text(re.sub('__version__ = "[^"]+"', f'__version__ = "{version}"', says.read_text()))
        for name, change in files.items():
            path = self.origin / FILES[name]
            path.write_text(change(path.read_text() if path.exists() else ""))
        git(self.origin, "add", "--all")
        git(self.origin, "commit", "--quiet", "--message", f"Version {version}")
        git(self.origin, "tag", f"v{version}")

    def take_back(self) -> None:
        """The next version is made from the installed one, and not from a broken one."""
        git(self.origin, "reset", "--quiet", "--hard", git(self.folder, "rev-parse", "HEAD"))

    async def begin(self, script: str, *arguments: str, **environment: str) -> Script:
        process = await asyncio.create_subprocess_exec(
            *("bash", str(self.folder / "provision" / script), *arguments),
            env=self.environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return Script(process)

    async def run(self, script: str, *arguments: str, **environment: str) -> Script:
        return await (await self.begin(script, *arguments, **environment)).ended()

    async def update(self, *arguments: str, **environment: str) -> Script:
        return await self.run("update.sh", *arguments, **environment)

    def environment(self) -> dict[str, str]:
        """Of whoever calls our scripts; nothing of it may win over .env."""
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return passed | ({"RUNNER_CA_BUNDLE": str(ca_bundle())} if ca_bundle() else {}) | {"BIN": str(self.folder)}

    async def front(self) -> str:
        """The colour that has the dashboard."""
        front = await self.stack.sql("SELECT front FROM installation")
        ports = {f"http://127.0.0.1:{self.stack.port(f'{name.upper()}_PORT')}": name for name in ("blue", "green")}
        return ports[front]

    async def facts(self) -> dict[str, object]:
        """All that an update which fails must leave as it was."""
        found = await self.stack.inspected()
        name = self.stack.settings["APP_IMAGE"]
        images = (await command("docker", "image", "ls", "--no-trunc", "--format", "{{.Tag}} {{.ID}}", name)).out
        return {
            "containers": {name: each["Id"] for name, each in found.items() if name != "folders"},
            "restart": {name: each["HostConfig"]["RestartPolicy"]["Name"] for name, each in found.items()},
            "colours": sorted(line for line in images.splitlines() if line.startswith(("blue", "green"))),
            "front": await self.front(),
            "tree": git(self.folder, "rev-parse", "HEAD") + git(self.folder, "status", "--porcelain"),
            "settings": (self.folder / ".env").read_text(),
        }


FILES = {
    "serve": "devpush/serve.py",
    "migration": "devpush/migrations/models/99_20990101000000_broken.py",
}


@asynccontextmanager
async def installation(*, script: bool, **settings: str) -> AsyncIterator[Installation]:
    """One of this tree as it is. `script`: nothing is there yet but the checkout; otherwise .env is."""
    standins.ensure()
    home = Path(tempfile.mkdtemp(prefix="devpush-installation-"))
    origin, folder = home / "origin", home / "devpush"
    await asyncio.to_thread(_make_origin, origin)
    git(home, "clone", "--quiet", str(origin), str(folder))
    stack = Stack(folder, own_settings() | {"FIREWALL": "no", "BASE_IMAGE": base_image()} | settings)
    if not script:
        stack.write_settings()
        if bundle := ca_bundle():
            shutil.copy(bundle, folder / "ca-bundle.crt")
    try:
        yield Installation(stack, origin)
    finally:
        with suppress(Exception):  # it may never have come so far
            stack.installation = stack.installation or await stack.sql("SELECT id FROM installation")
        await stack.clear()
        shutil.rmtree(home, ignore_errors=True)


def _make_origin(origin: Path) -> None:
    """The files of this tree, with or without a commit."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        if not name.startswith(LEFT_OUT) and (ROOT / name).is_file():
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, origin / name)
    git(origin, "init", "--quiet", "--initial-branch", "main")
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message", "The version that is installed")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", folder, *AUTHOR, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


# Visitors ------------------------------------------------------------------------------------------------------------


@dataclass
class Visitors:
    """People who use the dashboard and an app all the time, on connections that they keep."""

    port: int
    hosts: Sequence[str]
    answered: int = 0
    failed: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def visiting(self) -> AsyncIterator[Self]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for host in self.hosts:
                for method, path in (("GET", "/"), ("GET", "/health"), ("POST", "/auth/sign-in")):
                    group.create_task(self._visit(host, method, path, stop))
            try:
                yield self
            finally:
                stop.set()
        assert self.answered > 100, "hardly anybody came"

    async def _visit(self, host: str, method: str, path: str, stop: asyncio.Event) -> None:
        """Whatever the answer is, somebody has given it; 5xx and a connection that ends is nobody."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as client:
            while not stop.is_set():
                try:
                    async with client.request(
                        method,
                        url,
                        headers={"Host": host},
                        data=b"x" * 2000 if method == "POST" else None,
                        allow_redirects=False,
                    ) as answer:
                        await answer.read()
                    if answer.status >= 500:
                        self.failed.append(f"{answer.status} {method} {host}{path}")
                except (aiohttp.ClientError, TimeoutError) as trouble:
                    self.failed.append(f"{trouble!r} {method} {host}{path}")
                self.answered += 1
                await asyncio.sleep(0.01)  # steady, and not as fast as can be: others use this machine too
