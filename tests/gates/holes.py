"""What is known against the dependencies that we ship and test with: pip-audit asks OSV, npm its registry.

Where they can't be asked, this says so; that everything is pinned by hash is looked at in any case."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from tests.emulate import NODE, NPM
from tests.gates.allowed import Allowed

OSV = "https://api.osv.dev/v1/query"
REGISTRY = "https://registry.npmjs.org/"
PATIENCE = 60.0
PINNED = re.compile(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==[A-Za-z0-9.+!-]+( ;.*)?( --hash=sha256:[0-9a-f]{64})+")
AWAY = re.compile(r"(Connection|Timeout|Service|HTTP)Error|ConnectTimeout|ReadTimeout|audit endpoint returned an error")
"""What pip-audit and npm end with when nobody answers them."""


def said_of(
    root: Path, paths: Sequence[Path], allowed: Allowed, *, osv: str = OSV, registry: str = REGISTRY
) -> list[str]:
    """Lines for a person; those that begin with "!" tell what couldn't be looked at."""
    python = [path for path in paths if path.name.startswith("requirements") and path.suffix == ".lock"]
    node = [path for path in paths if path.name == "package-lock.json"]
    asks = [partial(_python, root, path, allowed, osv) for path in python]
    asks += [partial(_node, root, path, allowed, registry) for path in node]
    with ThreadPoolExecutor(4) as threads:
        found = list(chain.from_iterable(threads.map(lambda ask: ask(), asks)))
    wheels = [path for path in paths if path.name.endswith("-wheel.txt")]
    unpinned = [
        f"{path.relative_to(root)}: {line}" for path in python + wheels for line in unpinned_in(path.read_text())
    ]
    unpinned += [f"{path.relative_to(root)}: {line}" for path in node for line in loose_in(path.read_text())]
    asked = not any(line.startswith("!") for line in found)
    return [*allowed.wrong, *unpinned, *dict.fromkeys(found), *(_had_their_day(allowed) if asked else [])]


def unpinned_in(lock: str) -> list[str]:
    """Lines of a requirements.lock that let anything but one file's content in."""
    lines = re.sub(r"\\\n", " ", lock).splitlines()
    wanted = [" ".join(re.sub(r"(^|\s)#.*", "", line).split()) for line in lines]
    return [f"{line[:80]} isn't pinned by version and hash." for line in wanted if line and not PINNED.fullmatch(line)]


def loose_in(lock: str) -> list[str]:
    """Packages of a package-lock.json that let anything but one file's content in."""
    packages: dict[str, dict[str, Any]] = json.loads(lock).get("packages", {})
    files = {name: package for name, package in packages.items() if name and not package.get("link")}
    return [f"{name} isn't pinned by its hash." for name, package in files.items() if not _by_hash(package)]


def _by_hash(package: Mapping[str, Any]) -> bool:
    return bool(package.get("inBundle")) or str(package.get("integrity", "")).startswith(("sha512-", "sha256-"))


def _had_their_day(allowed: Allowed) -> list[str]:
    over = sorted(set(allowed.holes) - allowed.met)
    return [f"{id} is no longer known against what we use. Please take it out of allowed.toml." for id in over]


# Asking


def _python(root: Path, lock: Path, allowed: Allowed, osv: str) -> list[str]:
    ask = [sys.executable, "-m", "pip_audit", "--vulnerability-service=osv", f"--osv-url={osv}", "--disable-pip"]
    ask += ["--require-hashes", f"--requirement={lock}", "--format=json", "--progress-spinner=off", "--timeout=5"]
    answer, failure = _answer(ask, lock.parent, {})
    if failure:
        return [_unasked(lock.relative_to(root), failure)]
    found = []
    for package in answer["dependencies"]:
        if reason := package.get("skip_reason"):
            found.append(f"{package['name']} couldn't be looked up: {reason}")
        for hole in package.get("vulns", []):
            if not allowed.hole(package["name"], hole["id"], *hole["aliases"]):
                better = " or ".join(hole["fix_versions"]) or "no version yet"
                found.append(f"{package['name']} {package['version']}: {hole['id']}, mended in {better}.")
    return found


def _node(root: Path, lock: Path, allowed: Allowed, registry: str) -> list[str]:
    ask = [str(NODE), str(NPM), "audit", "--package-lock-only", "--json", f"--registry={registry}"]
    answer, failure = _answer(
        ask, lock.parent, {"npm_config_update_notifier": "false", "npm_config_fetch_retries": "0"}
    )
    if failure:
        return [_unasked(lock.relative_to(root), failure)]
    return [
        f"{name} ({lock.relative_to(root)}): {id}, {hole['title']}."
        for name, package in answer["vulnerabilities"].items()
        for hole in package["via"]
        if isinstance(hole, dict) and not allowed.hole(name, id := hole["url"].rpartition("/")[2])
    ]


def _answer(ask: Sequence[str], where: Path, settings: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """What was answered, or why it wasn't. Raises RuntimeError where the asking itself is broken."""
    try:
        done = subprocess.run(
            ask, cwd=where, env=os.environ | settings, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return {}, f"no answer within {PATIENCE:.0f} seconds"
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        answer = {}
    if "dependencies" in answer or "vulnerabilities" in answer:
        return answer, ""
    if not AWAY.search(done.stderr):
        raise RuntimeError(f"{' '.join(ask)} said:\n{done.stdout}{done.stderr}")
    return {}, next(line for line in done.stderr.splitlines()[::-1] if AWAY.search(line))[:120]


def _unasked(lock: Path, failure: str) -> str:
    return f"! {lock} was NOT looked up, only that it is pinned by hash: {failure}"
