"""The gates in tests/gates find what they are there for, and say what they couldn't look at."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.gates import holes, secrets
from tests.gates.allowed import Allowed

TODAY = date(2026, 11, 24)
HASH = "0123456789abcdef" * 4
LOCK = f"flask==3.0.0 \\\n    --hash=sha256:{HASH} \\\n    --hash=sha256:{HASH}\n    # via us\n"
NODE_LOCK = {
    "name": "ours",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "ours", "version": "1.0.0", "dependencies": {"leftpad": "1.0.0"}},
        "node_modules/leftpad": {
            "version": "1.0.0",
            "resolved": "https://registry.npmjs.org/leftpad/-/leftpad-1.0.0.tgz",
            "integrity": "sha512-" + "A" * 86 + "==",
        },
    },
}


# Known holes


@dataclass(frozen=True)
class Advisories:
    """OSV's door and a npm registry's, which know one hole in each package."""

    url: str

    def said(self, lock: Path, allowed: Allowed | None = None) -> list[str]:
        return holes.said_of(
            lock.parent, [lock], allowed or Allowed(), osv=f"{self.url}/v1/query", registry=f"{self.url}/"
        )


class Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        answer = json.dumps(osv(asked) if self.path == "/v1/query" else npm(asked)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def osv(asked: dict[str, Any]) -> dict[str, Any]:
    if asked["package"]["name"] != "flask" or asked["version"] != "3.0.0":
        return {}
    fixed = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.9"}]}
    affected = [{"package": asked["package"], "ranges": [fixed]}]
    return {"vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "summary": "Bad.", "affected": affected}]}


def npm(asked: dict[str, Any]) -> dict[str, Any]:
    hole = {"id": 1, "url": "https://github.com/advisories/GHSA-1", "title": "Bad", "severity": "high"}
    hole |= {"vulnerable_versions": "<2.0.0", "cwe": [], "cvss": {"score": 9, "vectorString": None}}
    return {name: [hole] for name in asked if name == "leftpad"}


@pytest.fixture(scope="module")
def advisories() -> Iterator[Advisories]:
    with listening(Answers) as url:
        yield Advisories(url)


@contextmanager
def listening(answers: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_is_known_against_a_package_fails_the_gate(advisories: Advisories, tmp_path: Path) -> None:
    lock = written(tmp_path / "requirements.lock", LOCK)
    assert advisories.said(lock) == ["flask 3.0.0: PYSEC-1, mended in 3.0.9."]
    assert advisories.said(written(lock, LOCK.replace("3.0.0", "3.0.9"))) == []


def test_so_does_what_is_known_against_one_from_npm(advisories: Advisories, tmp_path: Path) -> None:
    lock = written(tmp_path / "package-lock.json", json.dumps(NODE_LOCK))
    assert advisories.said(lock) == ["leftpad (package-lock.json): GHSA-1, Bad."]


def test_what_doesnt_reach_us_is_allowed_by_any_of_its_names_until_it_is_gone(
    advisories: Advisories, tmp_path: Path
) -> None:
    lock = written(tmp_path / "requirements.lock", LOCK)
    assert advisories.said(lock, Allowed({"CVE-1": "flask"})) == []
    assert advisories.said(lock, Allowed({"CVE-1": "django"}))[0] == "flask 3.0.0: PYSEC-1, mended in 3.0.9."
    mended = written(lock, LOCK.replace("3.0.0", "3.0.9"))
    [over] = advisories.said(mended, Allowed({"CVE-1": "flask"}))
    assert over == "CVE-1 is no longer known against what we use. Please take it out of allowed.toml."


def test_a_gate_that_nobody_answers_says_so_for_each_lock(tmp_path: Path) -> None:
    """And says nothing of the allow-list: who didn't ask doesn't know whether it is still needed."""
    locks = [
        written(tmp_path / "requirements.lock", LOCK),
        written(tmp_path / "package-lock.json", json.dumps(NODE_LOCK)),
    ]
    nobody = "http://127.0.0.1:9"
    said = holes.said_of(tmp_path, locks, Allowed({"CVE-1": "flask"}), osv=f"{nobody}/v1/query", registry=f"{nobody}/")
    assert [line.partition(" was NOT looked up, only that it is pinned by hash: ")[0] for line in said] == [
        "! requirements.lock",
        "! package-lock.json",
    ]


@pytest.mark.parametrize(
    "line", ["flask==3.0.0", f"flask>=3 --hash=sha256:{HASH}", "flask @ https://example.com/f.whl"]
)
def test_what_isnt_pinned_by_hash_fails_the_gate(line: str) -> None:
    assert holes.unpinned_in(LOCK) == []
    assert holes.unpinned_in(f"{LOCK}{line}\n") == [f"{line[:80]} isn't pinned by version and hash."]


def test_neither_may_a_package_from_npm_be_anything_else() -> None:
    assert holes.loose_in(json.dumps(NODE_LOCK)) == []
    assert holes.loose_in(json.dumps({"packages": {"": {}, "node_modules/a": {"version": "1.0.0"}}})) == [
        "node_modules/a isn't pinned by its hash."
    ]


# The allow-list


@pytest.mark.parametrize(
    ("facts", "wrong"),
    [
        ('reason = "Not called." \nuntil = 2027-01-31', []),
        ("until = 2027-01-31", ["allowed.toml: CVE-1 has no reason."]),
        ('reason = "Not called."', ["allowed.toml: CVE-1 needs a day, like until = 2027-01-31."]),
        (
            'reason = "Not called."\nuntil = 2026-11-24',
            ["allowed.toml: CVE-1 was allowed until 2026-11-24. Please look at it again."],
        ),
        ('reason = "Not called."\nuntil = 2028-01-01', ["allowed.toml: CVE-1 is allowed for longer than half a year."]),
    ],
)
def test_what_is_allowed_has_a_reason_and_a_day(facts: str, wrong: list[str], tmp_path: Path) -> None:
    path = written(tmp_path / "allowed.toml", f'[[hole]]\nid = "CVE-1"\npackage = "flask"\n{facts}\n')
    assert Allowed.read(path, TODAY).wrong == wrong


# Secrets


def private_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def drawn(length: int) -> str:
    """Letters and digits as a service draws them. Made here, so that this file holds none."""
    return ("q7Xv9mW2pL5tR8yB4nJ6hG3fD1sA8kZc0E" * 4)[:length]


PLANTED = {
    "a private key": private_key(),
    "a private key ": repr(private_key()),
    "a GitHub token": "ghp_" + drawn(36),
    "a GitLab token": "glpat-" + drawn(20),
    "an AWS key": "AKIA" + "Q7XV9MW2PL5TR8YB",
    "a Google secret": "GOCSPX-" + drawn(28),
    "a Resend key": "re_" + drawn(8) + "_" + drawn(24),
    "a Slack token": "xoxb-" + drawn(24),
    "an npm or PyPI token": "npm_" + drawn(36),
    "a signed token": f"eyJ{drawn(20)}.eyJ{drawn(20)}.{drawn(43)}",
    "an encryption key": Fernet.generate_key().decode(),
    "a secret with a value": "SECRET_KEY=" + drawn(32),
    "a secret with a value ": f'"bot_token": "{drawn(24)}"',
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_secret_is_found_in_any_file_and_isnt_said_again(what: str, tmp_path: Path) -> None:
    path = written(tmp_path / "notes.md", f"# Notes\n\n{PLANTED[what]}\n")
    [said] = secrets.said_of(tmp_path, [path], Allowed())
    assert said.startswith(f"notes.md:3: {what.strip()} (mark ")
    assert PLANTED[what][-12:] not in said


def test_what_is_no_secret_may_stand_there_by_its_mark(tmp_path: Path) -> None:
    path = written(tmp_path / "notes.md", PLANTED["an AWS key"])
    mark = secrets.mark_of(PLANTED["an AWS key"])
    assert secrets.said_of(tmp_path, [path], Allowed(examples=frozenset({mark}))) == []
    [over] = secrets.said_of(tmp_path, [], Allowed(examples=frozenset({mark})))
    assert over.startswith(f"The example {mark} is nowhere.")


@pytest.mark.parametrize(
    "text",
    [
        "SECRET_KEY=",
        'secret_key="a secret key for tests, of 32 and more letters"',
        "token = form.text('token', limit=4000)",
        "commit = '6113728f27ae82c7b1a177c8d03f9e96e0adf246'",
        "-----BEGIN OPENSSH PRIVATE KEY-----\\nx",
        "password=${POSTGRES_PASSWORD:?please set it}",
        "CSRF_TOKEN = 'the-token-of-the-form-1'",
    ],
)
def test_words_and_names_are_no_secrets(text: str) -> None:
    assert not list(secrets.secrets_in(text))


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
