"""Which preset a repository wants, told from the files at its root."""

import asyncio
import json
import re
import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from devpush.errors import DeployFailed, Refused
from devpush.ports import Repository, World

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
    folders: Sequence[str] = ()
    """Those below that seem to hold an app of their own."""


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
    prefix = f"{root_dir}/" if root_dir else ""

    async def read(path: str) -> bytes | None:
        return await world.git.read(repository, commit.sha, prefix + path, limit=LONGEST_TELLING)

    files = [entry.path for entry in entries if entry.mode.startswith("100")]
    return await recognise(files, read, branches=list(heads))


TELLING = ("requirements.txt", "pyproject.toml", "package.json", "Procfile", "main.py", "app.py")
LONGEST_TELLING = 200_000


async def recognise(
    paths: Sequence[str], read: Callable[[str], Awaitable[bytes | None]], *, branches: Sequence[str]
) -> Look:
    """What the files of a tree tell, wherever it is: from their paths, and from reading the few at its top that tell.
    The first of the branches is the default one."""
    top = [path for path in TELLING if path in paths]
    read_now = await asyncio.gather(*(read(path) for path in top))
    files = {path: (data or b"").decode(errors="replace") for path, data in zip(top, read_now, strict=True)}
    found, why = detect(paths, files)
    return Look(
        branches=list(branches),
        default_branch=branches[0],
        preset=found,
        why=why,
        install=_install(found, paths),
        start=procfile_web(files.get("Procfile", "")) or _start(found, paths),
        folders=app_folders(paths),
    )


APP_FILES = ("package.json", "requirements.txt", "pyproject.toml", "manage.py")
NO_APPS = re.compile(r"(^|/)(\..*|node_modules|vendor|tests?|fixtures|__tests__|examples?)(/|$)")
DEEPEST_FOLDER = 3
MOST_FOLDERS = 12


def app_folders(paths: Sequence[str]) -> list[str]:
    """The folders that seem to hold an app of their own, the outer ones first."""
    found = {path.rpartition("/")[0] for path in paths if path.endswith(APP_FILES) and path.split("/")[-1] in APP_FILES}
    apps = [folder for folder in found if folder and not NO_APPS.search(folder)]
    near = sorted((folder.count("/"), folder) for folder in apps if folder.count("/") < DEEPEST_FOLDER)
    return [folder for _, folder in near[:MOST_FOLDERS]]


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


def _install(found: Preset, paths: Sequence[str]) -> str:
    """The preset's install command, as the files there are want it."""
    top = {path for path in paths if "/" not in path}
    if found.runner == "python":
        if "requirements.txt" in top:
            return PIP
        return "pip install ." if "pyproject.toml" in top else ""
    return found.install


def _start(found: Preset, paths: Sequence[str]) -> str:
    top = {path for path in paths if "/" not in path}
    if found.runner == "static" and "index.html" not in top:
        for folder in ("public", "dist", "site", "www"):
            if f"{folder}/index.html" in paths:
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
