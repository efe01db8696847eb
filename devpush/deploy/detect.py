"""Which preset a repository wants, told from the files at its root."""

import asyncio
import json
import re
import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from devpush.deploy import runners
from devpush.errors import DeployFailed, Refused
from devpush.ports import Repository, World

PIP = "pip install -r requirements.txt"
NPM = "if [ -f package-lock.json ]; then npm ci; else npm install; fi"
COMPOSER = "composer install --no-dev --prefer-dist --no-scripts --no-autoloader"
AUTOLOAD = "composer dump-autoload --no-dev --optimize"
PNPM = "npx --yes pnpm@10 install --frozen-lockfile"
YARN = "npx --yes yarn@1 install --frozen-lockfile"


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

    @property
    def dependency_files(self) -> tuple[str, ...]:
        """What the install step sees."""
        return runners.runner(self.runner).dependency_files


PRESETS = (
    Preset("flask", "Flask", "python", PIP, start="gunicorn -w 3 -b 0.0.0.0:8000 main:app"),
    Preset("django", "Django", "python", PIP, pre_deploy="python manage.py migrate",
           start="gunicorn -w 3 -b 0.0.0.0:8000 myproject.wsgi:application"),
    Preset("fastapi", "FastAPI", "python", PIP,
           start="gunicorn -w 3 -b 0.0.0.0:8000 -k uvicorn.workers.UvicornWorker main:app"),
    Preset("python", "Python", "python", PIP, start="python main.py"),
    Preset("nextjs", "Next.js", "node", NPM, "npm run build", start="npm start"),
    Preset("vite", "Vite", "node", NPM, "npm run build", start="serve-static --spa dist"),
    Preset("node", "Node.js", "node", NPM, "npm run build --if-present", start="npm start"),
    Preset("go", "Go", "go", "go mod download", "go build -o bin/app .", start="bin/app"),
    Preset("laravel", "Laravel", "php", f"{COMPOSER} && if [ -f package.json ]; then {NPM}; fi",
           f"{AUTOLOAD} && if [ -f package.json ]; then npm run build --if-present; fi",
           "php artisan migrate --force", "serve-php public"),
    Preset("php", "PHP", "php", COMPOSER, AUTOLOAD, start="serve-php"),
    Preset("static", "Static site", "static", start="serve-static ."),
    Preset("dockerfile", "Dockerfile", "docker"),
)  # fmt: skip


def preset(slug: str) -> Preset | None:
    return next((preset for preset in PRESETS if preset.slug == slug), None)


@dataclass(frozen=True)
class Look:
    """What a first look at a repository tells."""

    branches: list[str]
    default_branch: str
    preset: Preset
    """With the commands as the files there want them."""
    why: str
    version: str = ""
    """Of the runner, where the files ask for one that there is."""
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


TELLING = (
    "requirements.txt",
    "pyproject.toml",
    "package.json",
    "Procfile",
    ".python-version",
    ".nvmrc",
    ".node-version",
)
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
        version=version(found.runner, files),
        folders=app_folders(paths),
    )


APP_FILES = (
    "package.json", "requirements.txt", "pyproject.toml", "manage.py", "go.mod", "composer.json", "Dockerfile"
)  # fmt: skip
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
    """(preset with the commands that fit, why in a sentence) from the paths and the few files that tell. A Dockerfile
    says it all, so it goes before everything; where nothing tells, it is a static site."""
    top = {path for path in paths if "/" not in path}
    found, why = _recognised(paths, top, files)
    web = procfile_web(files.get("Procfile", ""))
    return (replace(found, start=web) if web and found.runner != "docker" else found), why


def _recognised(paths: Sequence[str], top: set[str], files: Mapping[str, str]) -> tuple[Preset, str]:
    if "Dockerfile" in top:
        return _preset("dockerfile"), "There is a Dockerfile."
    if "manage.py" in top:
        return _django(paths, top), "There is a manage.py."
    if "artisan" in top:
        return _preset("laravel"), "There is an artisan file. Laravel wants APP_KEY among its variables."
    if "composer.json" in top:
        return _preset("php"), "There is a composer.json."
    if "go.mod" in top:
        return _go(paths)
    if "package.json" in top:
        return _node(top, files["package.json"])
    needs = _python_needs(files)
    if needs or top & {"requirements.txt", "pyproject.toml", "main.py", "app.py"}:
        return _python(needs, top)
    if "index.php" in top or "public/index.php" in paths:
        return replace(_preset("php"), install="", build=""), "There is an index.php."
    return _static(paths, top)


def _django(paths: Sequence[str], top: set[str]) -> Preset:
    found = _preset("django")
    project = next((path.split("/")[0] for path in sorted(paths) if re.fullmatch(r"[^/]+/wsgi\.py", path)), "myproject")
    return replace(found, install=_pip(top), start=found.start.replace("myproject", project))


def _go(paths: Sequence[str]) -> tuple[Preset, str]:
    """The program is at the top, or the one below cmd/; of several, the one that sounds like a web app."""
    found, why = _preset("go"), "There is a go.mod."
    programs = sorted({match[1] for path in paths if (match := re.fullmatch(r"cmd/([^/]+)/main\.go", path))})
    if any(re.fullmatch(r"[^/]+\.go", path) and not path.endswith("_test.go") for path in paths) or not programs:
        return found, why
    chosen = next((name for name in ("web", "server", "app", "api") if name in programs), programs[0])
    return replace(found, build=f"go build -o bin/app ./cmd/{chosen}"), f"{why} The program is in cmd/{chosen}."


def _node(top: set[str], package_json: str) -> tuple[Preset, str]:
    dependencies, scripts = _package(package_json)
    install = PNPM if "pnpm-lock.yaml" in top else YARN if "yarn.lock" in top else NPM
    if "next" in dependencies:
        return replace(_preset("nextjs"), install=install), "package.json asks for next."
    if "vite" in dependencies and "start" not in scripts and not dependencies & SERVED_BY_THEMSELVES:
        return replace(_preset("vite"), install=install), "package.json asks for vite."
    return replace(_preset("node"), install=install), "There is a package.json."


SERVED_BY_THEMSELVES = {
    "@sveltejs/kit",
    "nuxt",
    "@remix-run/node",
    "@react-router/node",
    "@solidjs/start",
    "express",
    "fastify",
}
"""Beside these, Vite builds more than files to serve."""


def _python(needs: set[str], top: set[str]) -> tuple[Preset, str]:
    module = "app" if "app.py" in top and "main.py" not in top else "main"
    for slug in ("fastapi", "flask"):
        if slug in needs:
            found = replace(_preset(slug), install=_pip(top))
            gunicorn = "gunicorn" in needs
            start = found.start.replace("main:app", f"{module}:app")
            if not gunicorn and slug == "fastapi" and "uvicorn" in needs:
                start = f"uvicorn {module}:app --host 0.0.0.0 --port 8000"
            if not gunicorn and slug == "flask":
                start = f"flask --app {module} run --host 0.0.0.0 --port 8000"
            return replace(found, start=start), f"The dependencies name {slug}."
    found = _preset("python")
    return replace(found, install=_pip(top), start=f"python {module}.py"), "There are Python files."


def _pip(top: set[str]) -> str:
    if "requirements.txt" in top:
        return PIP
    return "pip install ." if "pyproject.toml" in top else ""


def _static(paths: Sequence[str], top: set[str]) -> tuple[Preset, str]:
    found = _preset("static")
    if "index.html" in top:
        return found, "There is an index.html."
    for folder in ("public", "dist", "site", "www"):
        if f"{folder}/index.html" in paths:
            return replace(found, start=f"serve-static {folder}"), f"There is an index.html in {folder}."
    return found, "No framework was recognised: choose the preset that fits."


def version(runner: str, files: Mapping[str, str]) -> str:
    """The runner's version that the files ask for, if there is that one; "" leaves it to the server."""
    versions = runners.runner(runner).base_images
    asked = re.search(r"\d+(?:\.\d+)*", _asked_version(runner, files))
    parts = asked[0].split(".") if asked else []
    return next((name for name in versions if parts[: name.count(".") + 1] == name.split(".")), "")


def _asked_version(runner: str, files: Mapping[str, str]) -> str:
    """In the words of whichever file says it: "3.12.4", "v22", "20.x"."""
    if runner == "node":
        return files.get(".nvmrc") or files.get(".node-version") or ""
    return files.get(".python-version", "") if runner == "python" else ""


def _preset(slug: str) -> Preset:
    return next(preset for preset in PRESETS if preset.slug == slug)


def _package(package_json: str) -> tuple[set[str], set[str]]:
    """(what it depends on, its scripts)."""
    try:
        said = json.loads(package_json)
        needs = {name for part in ("dependencies", "devDependencies") for name in said.get(part, {})}
        return needs, set(said.get("scripts", {}))
    except (ValueError, AttributeError, TypeError):
        return set(), set()


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
