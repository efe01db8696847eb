"""Which preset a repository wants, told from the files at its root."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from devpush.errors import DeployFailed, Refused
from devpush.ports import Repository, TreeEntry, World

PYTHON_FILES = (
    "requirements*.txt",
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
    "setup.cfg",
    "setup.py",
    "Pipfile*",
)
NODE_FILES = (
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    ".npmrc",
)
PIP = "pip install -r requirements.txt"
NPM = "if [ -f package-lock.json ]; then npm ci; else npm install; fi"


@dataclass(frozen=True)
class Preset:
    """A framework's default commands."""

    slug: str
    title: str
    runner: str
    install: str = ""
    build: str = ""
    pre_deploy: str = ""
    start: str = ""
    dependency_files: tuple[str, ...] = ()


PRESETS = (
    Preset("flask", "Flask", "python", PIP, start="gunicorn -w 3 -b 0.0.0.0:8000 main:app",
           dependency_files=PYTHON_FILES),
    Preset("django", "Django", "python", PIP, pre_deploy="python manage.py migrate",
           start="gunicorn -w 3 -b 0.0.0.0:8000 myproject.wsgi:application", dependency_files=PYTHON_FILES),
    Preset("fastapi", "FastAPI", "python", PIP,
           start="gunicorn -w 3 -b 0.0.0.0:8000 -k uvicorn.workers.UvicornWorker main:app",
           dependency_files=PYTHON_FILES),
    Preset("python", "Python", "python", PIP, start="python main.py", dependency_files=PYTHON_FILES),
    Preset("nextjs", "Next.js", "node", NPM, "npm run build", start="npm start", dependency_files=NODE_FILES),
    Preset("node", "Node.js", "node", NPM, "npm run build --if-present", start="npm start",
           dependency_files=NODE_FILES),
    Preset("static", "Static site", "static", start="serve-static ."),
)  # fmt: skip


def preset(slug: str) -> Preset | None:
    return next((preset for preset in PRESETS if preset.slug == slug), None)


@dataclass(frozen=True)
class Look:
    """What a first look at a repository tells."""

    branches: list[str]
    default_branch: str
    preset: Preset
    why: str
    install: str
    start: str
    """A Procfile's web line, or the preset's."""


async def look(world: World, repository: Repository, *, branch: str = "", root_dir: str = "") -> Look:
    """Look at the newest commit of a branch. Raises Refused: unreachable, empty, no such branch or root directory."""
    try:
        heads = await world.git.heads(repository)
    except DeployFailed as failure:
        raise Refused(str(failure), field="source") from None
    if not heads:
        raise Refused("This repository is empty: push a first commit, then try again.", field="source")
    chosen = branch or next(iter(heads))
    if chosen not in heads:
        some = ", ".join(list(heads)[:5])
        raise Refused(f"There is no branch {chosen}. There is: {some}.", field="branch")
    try:
        commit = await world.git.fetch(repository, chosen)
    except DeployFailed as failure:
        raise Refused(str(failure), field="source") from None
    try:
        _, entries = await world.git.tree(repository, commit.sha, root_dir)
    except DeployFailed as failure:
        raise Refused(str(failure), field="root_dir") from None
    files = await _telling_files(world, repository, commit.sha, root_dir, entries)
    found, why = detect([entry.path for entry in entries], files)
    return Look(
        branches=list(heads),
        default_branch=next(iter(heads)),
        preset=found,
        why=why,
        install=_install(found, entries),
        start=procfile_web(files.get("Procfile", "")) or _start(found, entries),
    )


TELLING = ("requirements.txt", "pyproject.toml", "package.json", "Procfile", "main.py", "app.py")


async def _telling_files(
    world: World, repository: Repository, sha: str, root_dir: str, entries: Sequence[TreeEntry]
) -> dict[str, str]:
    prefix = f"{root_dir}/" if root_dir else ""
    found = {}
    for entry in entries:
        if entry.path in TELLING and entry.mode.startswith("100"):
            data = await world.git.read(repository, sha, prefix + entry.path, limit=200_000)
            found[entry.path] = (data or b"").decode(errors="replace")
    return found


def detect(paths: Sequence[str], files: Mapping[str, str]) -> tuple[Preset, str]:
    """(preset, why in a sentence) from the paths and the few files that tell. Falls back to a static site."""
    top = {path for path in paths if "/" not in path}
    if "manage.py" in top:
        project = next((path.split("/")[0] for path in sorted(paths) if re.fullmatch(r"[^/]+/wsgi\.py", path)), None)
        django = _preset("django")
        start = django.start.replace("myproject", project) if project else django.start
        return _with(django, start=start), "There is a manage.py."
    if "package.json" in top:
        dependencies = _npm_dependencies(files.get("package.json", ""))
        if "next" in dependencies:
            return _preset("nextjs"), "package.json asks for next."
        return _preset("node"), "There is a package.json."
    needs = _python_needs(files)
    if needs or top & {"requirements.txt", "pyproject.toml", "main.py", "app.py"}:
        return _python(needs, top, files)
    if "index.html" in top:
        return _preset("static"), "There is an index.html."
    return _preset("static"), "No framework was recognised: choose the preset that fits."


def _python(needs: set[str], top: set[str], files: Mapping[str, str]) -> tuple[Preset, str]:
    module = "app" if "app.py" in top and "main.py" not in top else "main"
    for slug in ("fastapi", "flask"):
        if slug in needs:
            found = _preset(slug)
            gunicorn = "gunicorn" in needs
            start = found.start.replace("main:app", f"{module}:app")
            if not gunicorn and slug == "fastapi" and "uvicorn" in needs:
                start = f"uvicorn {module}:app --host 0.0.0.0 --port 8000"
            if not gunicorn and slug == "flask":
                start = f"flask --app {module} run --host 0.0.0.0 --port 8000"
            return _with(found, start=start), f"The dependencies name {slug}."
    return _with(_preset("python"), start=f"python {module}.py"), "There are Python files."


def _install(found: Preset, entries: Sequence[TreeEntry]) -> str:
    """The preset's install command, as the files there are want it."""
    top = {entry.path for entry in entries if "/" not in entry.path}
    if found.runner == "python":
        if "requirements.txt" in top:
            return PIP
        return "pip install ." if "pyproject.toml" in top else ""
    return found.install


def _start(found: Preset, entries: Sequence[TreeEntry]) -> str:
    top = {entry.path for entry in entries if "/" not in entry.path}
    if found.runner == "static" and "index.html" not in top:
        for folder in ("public", "dist", "site", "www"):
            if any(entry.path == f"{folder}/index.html" for entry in entries):
                return f"serve-static {folder}"
    return found.start


def _preset(slug: str) -> Preset:
    return next(preset for preset in PRESETS if preset.slug == slug)


def _with(found: Preset, *, start: str) -> Preset:
    return Preset(**{**found.__dict__, "start": start})


def _npm_dependencies(package_json: str) -> set[str]:
    try:
        said = json.loads(package_json)
        return {name for part in ("dependencies", "devDependencies") for name in said.get(part, {})}
    except (ValueError, AttributeError, TypeError):
        return set()


def _python_needs(files: Mapping[str, str]) -> set[str]:
    lines = files.get("requirements.txt", "").splitlines()
    with_toml = files.get("pyproject.toml", "")
    with suppress(tomllib.TOMLDecodeError, AttributeError, TypeError):
        lines += tomllib.loads(with_toml).get("project", {}).get("dependencies", [])
    names = (re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", str(line)) for line in lines)
    return {match[1].lower() for match in names if match}


def procfile_web(text: str) -> str:
    """The command of a Procfile's `web` line."""
    match = re.search(r"^web:[ \t]*(.+?)[ \t]*$", text, re.MULTILINE)
    return match[1] if match else ""
