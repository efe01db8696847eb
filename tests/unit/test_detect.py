"""Which preset a repository gets, told from trees as frameworks' own starters make them."""

import json

import pytest

from devpush.deploy import detect, runners
from devpush.deploy.detect import AUTOLOAD, COMPOSER, NPM, PIP, PNPM, YARN

PACKAGE = "package.json"


def package(*needs: str, **scripts: str) -> str:
    return json.dumps({"dependencies": dict.fromkeys(needs, "1"), "scripts": scripts})


VITE = {"index.html": "", PACKAGE: package("react", "vite", dev="vite", build="vite build", preview="vite preview"),
        "package-lock.json": "{}", "src/main.tsx": "", "vite.config.ts": "", "public/vite.svg": ""}  # fmt: skip
NEXT = {
    PACKAGE: package("next", "react", build="next build", start="next start"),
    "app/page.tsx": "",
    "next.config.ts": "",
}
LARAVEL = {"artisan": "", "composer.json": "{}", "composer.lock": "", PACKAGE: package("vite"), "public/index.php": "",
           "vite.config.js": "", "routes/web.php": "", "phpunit.xml": ""}  # fmt: skip
DJANGO = {"manage.py": "", "requirements.txt": "Django\ngunicorn", "shop/wsgi.py": "", "shop/settings.py": "",
          "cart/models.py": "", PACKAGE: package("tailwindcss")}  # fmt: skip
GO = {"go.mod": "module x\n\ngo 1.26.1\n", "go.sum": "", "main.go": "", "static/style.css": ""}

TREES = {
    "flask": ({"requirements.txt": "Flask==3\ngunicorn", "app.py": "", "templates/index.html": ""}, "flask", PIP, "",
              "gunicorn -w 3 -b 0.0.0.0:8000 app:app"),
    "flask without gunicorn": ({"requirements.txt": "flask", "main.py": ""}, "flask", PIP, "",
                               "flask --app main run --host 0.0.0.0 --port 8000"),
    "django": (DJANGO, "django", PIP, "", "gunicorn -w 3 -b 0.0.0.0:8000 shop.wsgi:application"),
    "fastapi": ({"pyproject.toml": '[project]\ndependencies = ["fastapi[standard]>=0.1", "uvicorn"]', "main.py": ""},
                "fastapi", "pip install .", "", "uvicorn main:app --host 0.0.0.0 --port 8000"),
    "python": ({"main.py": ""}, "python", "", "", "python main.py"),
    "next.js": (NEXT, "nextjs", NPM, "npm run build", "npm start"),
    "next.js by pnpm": (NEXT | {"pnpm-lock.yaml": ""}, "nextjs", PNPM, "npm run build", "npm start"),
    "vite": (VITE, "vite", NPM, "npm run build", "serve-static --spa dist"),
    "vite by yarn": (VITE | {"yarn.lock": ""}, "vite", YARN, "npm run build", "serve-static --spa dist"),
    "a server that uses vite": (VITE | {PACKAGE: package("vite", start="node server.js")}, "node", NPM,
                                "npm run build --if-present", "npm start"),
    "sveltekit": (VITE | {PACKAGE: package("vite", "@sveltejs/kit")}, "node", NPM,
                  "npm run build --if-present", "npm start"),
    "node.js": ({PACKAGE: package("express", start="node index.js"), "index.js": ""}, "node", NPM,
                "npm run build --if-present", "npm start"),
    "go": (GO, "go", "go mod download", "go build -o bin/app .", "bin/app"),
    "go below cmd": ({"go.mod": "", "cmd/worker/main.go": "", "cmd/server/main.go": "", "internal/a.go": ""}, "go",
                     "go mod download", "go build -o bin/app ./cmd/server", "bin/app"),
    "laravel": (LARAVEL, "laravel", f"{COMPOSER} && if [ -f package.json ]; then {NPM}; fi",
                f"{AUTOLOAD} && if [ -f package.json ]; then npm run build --if-present; fi", "serve-php public"),
    "symfony": ({"composer.json": "{}", "public/index.php": "", "bin/console": ""}, "php", COMPOSER, AUTOLOAD,
                "serve-php"),
    "php": ({"index.php": "", "style.css": ""}, "php", "", "", "serve-php"),
    "static": ({"index.html": "", "about.html": ""}, "static", "", "", "serve-static ."),
    "static in a folder": ({"README.md": "", "public/index.html": ""}, "static", "", "", "serve-static public"),
    "dockerfile": (DJANGO | {"Dockerfile": "FROM python"}, "dockerfile", "", "", ""),
    "procfile": ({"requirements.txt": "flask", "Procfile": "release: x\nweb: gunicorn wsgi:app\n"}, "flask", PIP, "",
                 "gunicorn wsgi:app"),
    "nothing that is known": ({"README.md": ""}, "static", "", "", "serve-static ."),
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
async def test_a_preset_is_recognised_by_its_files(name: str) -> None:
    files, preset, install, build, start = TREES[name]
    found = await look(files)
    assert found.preset.slug == preset
    assert (found.preset.install, found.preset.build, found.preset.start) == (install, build, start)
    assert found.why.endswith(".")


async def look(files: dict[str, str]) -> detect.Look:
    async def read(path: str) -> bytes:
        return files[path].encode()

    return await detect.recognise(list(files), read, branches=["main"])


def test_every_preset_has_a_runner_and_a_tree_here() -> None:
    assert {preset.runner for preset in detect.PRESETS} == set(runners.runners())
    assert {tree[1] for tree in TREES.values()} == {preset.slug for preset in detect.PRESETS}


def test_what_needs_a_migration_has_a_pre_deploy_command() -> None:
    commands = {preset.slug: preset.pre_deploy for preset in detect.PRESETS if preset.pre_deploy}
    assert commands == {"django": "python manage.py migrate", "laravel": "php artisan migrate --force"}


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"requirements.txt": "flask", ".python-version": "3.12.4\n"}, "3.12"),
        ({"requirements.txt": "flask", ".python-version": "3.7"}, ""),
        ({PACKAGE: package(), ".nvmrc": "v22\n"}, "22"),
        ({PACKAGE: package(), ".nvmrc": "lts/jod"}, ""),
        ({PACKAGE: package(), ".node-version": "22.11.0"}, "22"),
        ({PACKAGE: package(engines="none")}, ""),
        ({"Dockerfile": "FROM x", ".nvmrc": "22"}, ""),
        ({"index.html": ""}, ""),
    ],
)
async def test_a_version_that_the_files_ask_for_is_taken_if_there_is_one(files: dict[str, str], version: str) -> None:
    assert (await look(files)).version == version


async def test_folders_with_apps_of_every_language_are_offered() -> None:
    paths = [
        "api/go.mod",
        "shop/composer.json",
        "web/package.json",
        "job/Dockerfile",
        "tests/Dockerfile",
        "vendor/go.mod",
    ]
    assert detect.app_folders(paths) == ["api", "job", "shop", "web"]
