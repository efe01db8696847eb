# ruff: noqa: E501  (made-up contents read best in one line each)
"""Every template with made-up contents, served as the dashboard would, looked at in a browser.

    python tests/browser/gallery.py OUT [--only NAME,…] [--widths 1280,390] [--themes light,dark] [--no-acts] [--browser PATH]

Writes screenshots to OUT and prints what no page may have: policy violations, console errors, sideways scroll, words too
faint to read. Ends with what the first page weighs. No database, no Docker: it is for looking, not for testing behaviour.
"""

import argparse
import gzip
import json
import math
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace as Thing
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOME))

from devpush.deploy import doctor, findings  # noqa: E402
from devpush.deploy.audit import WORDS  # noqa: E402
from devpush.deploy.findings import Finding, Level  # noqa: E402
from devpush.models import metric  # noqa: E402
from devpush.web import figures, metrics  # noqa: E402
from devpush.web.ansi import ansi, first_line, plain  # noqa: E402

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
NOW = datetime.now(UTC)


# ── made-up contents ────────────────────────────────────────────────────────────────────────────────────────────────


def before(**span: float) -> datetime:
    return NOW - timedelta(**span)


def identity(number: int) -> str:
    return str(UUID(int=((0x3F2A91C0 + number * 0x1F3B_5D71) % 2**32) << 96 | number))


def deployment(number: int, state: str, message: str, **given: Any) -> Thing:
    made = before(minutes=3 + number * 47)
    going = state in ("queued", "building", "starting", "routing")
    facts = {
        "id": identity(number),
        "short_id": identity(number)[:7],
        "number": 120 - number,
        "state": state,
        "reason": "",
        "environment_name": "Production",
        "environment_slug": "production",
        "environment_color": "blue",
        "branch": "main",
        "commit_sha": f"{number * 7919 + 0x8C1D:07x}d41e8cd98f00b204e9800998ecf8427e"[:40],
        "commit_message": message,
        "commit_author": ("Ada Lovelace", "Grace Hopper", "Linus T.")[number % 3],
        "created_at": made,
        "started_at": None if state in ("queued", "skipped") else made + timedelta(seconds=1),
        "finished_at": None if going else made + timedelta(seconds=4 + number * 3.3),
        "trigger": "push",
        "role": None,
        "url": None,
        "project_name": "Shop",
        "project_slug": "shop",
    }
    return Thing(**(facts | given))


STAGING = {"environment_name": "Staging", "environment_slug": "staging", "environment_color": "amber"}
ROWS = [
    deployment(
        0,
        "building",
        "Count the basket once, not on every render",
        started_at=before(seconds=14),
        created_at=before(seconds=15),
    ),
    deployment(1, "succeeded", "Fix totals when a coupon is removed", role="current", url="http://shop.localhost:8080"),
    deployment(
        2,
        "failed",
        "Try the new image pipeline with a much longer first line than anybody should ever write in a commit message, really",
        branch="feature/images-with-a-rather-long-branch-name",
        reason="The build command failed with code 1: npm run build.",
        **STAGING,
    ),
    deployment(3, "succeeded", "Ship the new checkout", role="previous", url="http://shop-id-9e1c.localhost:8080"),
    deployment(4, "cancelled", "Wait, not yet", **STAGING),
    deployment(5, "skipped", "Typo"),
    deployment(6, "succeeded", "Add <script>alert(1)</script> \u202egnp.exe to the readme", trigger="redeploy"),
    deployment(
        7,
        "queued",
        "Bump dependencies",
        branch="dependabot/npm_and_yarn/vite-6.2.1",
        commit_author="dependabot[bot]",
        **STAGING,
    ),
    deployment(8, "succeeded", "Initial commit"),
]
STATES = ("queued", "building", "starting", "routing", "succeeded", "failed", "cancelled", "skipped")


def environment(number: int, name: str, **given: Any) -> Thing:
    facts = {
        "id": identity(100 + number),
        "name": name,
        "slug": name.lower(),
        "color": ("blue", "amber", "violet", "green")[number],
        "branch": "main",
        "url": "http://shop.localhost:8080",
        "hostname": "shop.localhost:8080",
        "current": ROWS[1],
        "latest": ROWS[0],
        "previous": ROWS[3],
        "health": "ok",
        "health_note": "",
        "project_slug": "shop",
        "repo": "github.com/acme/shop",
        "repo_page": "https://github.com/acme/shop",
        "repo_trouble": "",
        "connected": True,
    }
    return Thing(**(facts | given))


PRODUCTION = environment(0, "Production")
OTHERS = [
    environment(
        1,
        "Staging",
        branch="feature/*",
        hostname="shop-env-staging.localhost:8080",
        latest=ROWS[2],
        health="restarting",
        health_note="3 times in 10 min",
    ),
    environment(
        2,
        "Demo",
        branch="demo",
        hostname="shop-env-demo.localhost:8080",
        current=None,
        latest=None,
        previous=None,
        health="none",
    ),
]


def project_card(number: int, name: str, **given: Any) -> Thing:
    slug = name.lower().replace(" ", "-")
    facts = {
        "id": identity(200 + number),
        "name": name,
        "slug": slug,
        "repo": f"git.example.com/acme/{slug}",
        "url": f"http://{slug}.localhost:8080",
        "production": ROWS[(number * 2 + 1) % len(ROWS)],
        "latest": ROWS[(number * 2 + 1) % len(ROWS)],
        "updated_at": before(hours=number),
    }
    return Thing(**(facts | given))


CARDS = [
    project_card(0, "Shop", latest=ROWS[0]),
    project_card(1, "Marketing site"),
    project_card(2, "Internal reports with an uncommonly long name", latest=ROWS[2]),
    project_card(3, "Docs", production=None, latest=None),
]


def steps(*given: tuple[str, str, float | None, str]) -> list[Thing]:
    at, made = before(seconds=90), []
    for name, state, seconds, note in given:
        end = at + timedelta(seconds=seconds) if seconds is not None else None
        made.append(
            Thing(name=name, state=state, started_at=at if state != "waiting" else None, finished_at=end, note=note)
        )
        at = end or at
    return made


def page_of(row: Thing, *of: tuple[str, str, float | None, str], **given: Any) -> Thing:
    facts = vars(row) | {
        "project_id": identity(300),
        "repo_url": "https://git.example.com/acme/shop",
        "commit_url": f"https://github.com/acme/shop/commit/{row.commit_sha}",
        "branch_url": f"https://github.com/acme/shop/tree/{row.branch}",
        "delivery_source": "github",
        "source_id": None,
        "told": Thing(page="https://github.com/acme/shop/deployments", given_up="", knows=True),
        "created_by_name": "Ada Lovelace",
        "environment_url": "http://shop.localhost:8080",
        "steps": steps(*of),
        "hostnames": [],
        "can": Thing(cancel=False, redeploy=True, roll_back=False, promote=False),
        "image_reused": False,
    }
    return Thing(**(facts | given))


HOSTNAMES = [
    Thing(hostname="shop.localhost:8080", url="http://shop.localhost:8080", kind="production", live=True),
    Thing(
        hostname="shop-branch-main.localhost:8080",
        url="http://shop-branch-main.localhost:8080",
        kind="branch",
        live=True,
    ),
    Thing(hostname="shop-id-3f2a91c.localhost:8080", url="http://shop-id-3f2a91c.localhost:8080", kind="id", live=True),
]
SUCCEEDED = page_of(
    ROWS[1],
    ("queued", "done", 0.2, ""),
    ("building", "done", 1.4, "Nothing to install: same dependencies as 9e1cc0a"),
    ("starting", "done", 0.9, ""),
    ("routing", "done", 0.3, ""),
    hostnames=HOSTNAMES,
    can=Thing(cancel=False, redeploy=True, roll_back=False, promote=False),
    commit_message=ROWS[1].commit_message
    + "\n\nThe total was computed before the coupon left the basket.\nCloses 412.",
)
BUILDING = page_of(
    ROWS[0],
    ("queued", "done", 1.1, ""),
    ("building", "running", None, "Installing"),
    ("starting", "waiting", None, ""),
    ("routing", "waiting", None, ""),
    can=Thing(cancel=True, redeploy=False, roll_back=False, promote=False),
)
LONG = Thing(**(vars(BUILDING) | {"id": identity(31)}))
FAILED = page_of(
    ROWS[2],
    ("queued", "done", 0.2, ""),
    ("building", "done", 41.7, ""),
    ("starting", "failed", 12.4, ""),
    ("routing", "skipped", None, ""),
    reason="The app exited with code 1 before it answered. Its last words: ModuleNotFoundError: No module named 'pillow'. "
    "Add pillow to requirements.txt and push again. Staging still serves 9e1cc0a.",
    can=Thing(cancel=False, redeploy=True, roll_back=False, promote=False),
)
LIVE_STAGING = page_of(
    deployment(9, "succeeded", "Larger pictures", role="previous", **STAGING),
    ("queued", "done", 0.1, ""),
    ("building", "done", 0.0, ""),
    ("starting", "done", 1.0, ""),
    ("routing", "done", 0.2, ""),
    can=Thing(cancel=False, redeploy=True, roll_back=True, promote=True),
    image_reused=True,
    trigger="redeploy",
    delivery_source="",
    source_id=identity(14),
    told=Thing(
        page="https://github.com/acme/shop/deployments",
        given_up="GitHub was not told that this deployment is live, because it said no: “Resource not accessible by integration”. "
        "Whoever owns acme/shop must let the App write commit statuses and deployments there.",
        knows=False,
    ),
)


def line(
    number: int,
    text: str,
    source: str = "build",
    level: str | None = None,
    stream: str = "out",
    request: Thing | None = None,
) -> Thing:
    return Thing(
        request=request,
        id=number,
        at=before(seconds=80 - number * 0.7),
        source=source,
        stream=stream,
        level=level,
        text=text,
        short_id=None,
    )


TEXTS: list[tuple[Any, ...]] = [
    ("Fetching main at 8c1dd41 from git.example.com/acme/shop", "build", None, "system"),
    ("Runner python 3.12 · preset FastAPI", "build", None, "system"),
    ("$ pip install -r requirements.txt",),
    ("Collecting fastapi==0.115.2",),
    ("  Downloading fastapi-0.115.2-py3-none-any.whl (94 kB)",),
    (
        "\x1b[2K     \x1b[90m━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[32m94.6/94.6 kB\x1b[0m \x1b[31m11.2 MB/s\x1b[0m eta \x1b[36m0:00:00\x1b[0m",
    ),
    (
        "\x1b[33mWARNING: The script uvicorn is installed in '/app/.local/bin' which is not on PATH.\x1b[0m",
        "build",
        "warning",
    ),
    ("Successfully installed fastapi-0.115.2 pydantic-2.9.2 uvicorn-0.32.0",),
    ("\x1b[1m\x1b[32m✓\x1b[0m built in 1.4 s",),
    ("Installed in 1.4 s, kept as an image for the next push", "build", None, "system"),
    ("INFO:     Started server process [7]", "run"),
    ("INFO:     Uvicorn running on \x1b[1mhttp://0.0.0.0:8000\x1b[0m (Press CTRL+C to quit)", "run"),
    ('<script>alert("logs")</script> \x1b]8;;javascript:alert(1)\x07click me\x1b]8;;\x07 \u202eevil', "run"),
    ("Traceback (most recent call last):", "run", "error", "err"),
    ('  File "/app/main.py", line 41, in totals', "run", "error", "err"),
    ("ZeroDivisionError: division by zero", "run", "error", "err"),
    ('10.3.0.1 - "GET /basket?' + "item=4711&" * 30 + ' HTTP/1.1" 200 OK', "run"),
    ("cache miss for basket:4711", "run", "debug"),
    *((f'10.3.0.1 - "GET /items/{n} HTTP/1.1" \x1b[32m200\x1b[0m OK', "run") for n in range(15)),
    ("GET /", "request", None, "out", Thing(status=200, duration=12.4)),
    ("GET /basket", "request", None, "out", Thing(status=304, duration=3.1)),
    ("POST /basket/4711", "request", "warning", "out", Thing(status=404, duration=8.0)),
    ("GET /totals", "request", "error", "out", Thing(status=500, duration=1204.6)),
    *((f"GET /items/{n}", "request", None, "out", Thing(status=200, duration=4.2 + n)) for n in range(11)),
]
LINES = [line(number + 1, *given) for number, given in enumerate(TEXTS)]

COMMITS = [
    Thing(sha=f"{n * 7919 + 0x8C1D:07x}" + "d" * 33, message=message, author=author, at=before(hours=2 + 5 * n))
    for n, (message, author) in enumerate(
        [
            ("Fix totals when a coupon is removed", "Grace Hopper"),
            ("Add <script>alert(1)</script> \u202egnp.exe to the readme", "Ada Lovelace"),
            (
                "Count the basket once, not on every render, which took longer than anybody was ready to wait for it",
                "Ada Lovelace",
            ),
            ("Bump dependencies", "dependabot[bot]"),
            ("Larger pictures", "Linus T."),
            ("Typo", "Linus T."),
            ("Another typo", "Linus T."),
        ]
    )
]
FORGE = Thing(
    commit=lambda sha: f"https://github.com/acme/shop/commit/{sha}",
    compare=lambda old, new: f"https://github.com/acme/shop/compare/{old}...{new}",
)
NO_KEYS = Thing(added=(), changed=(), removed=())


def changes(**given: Any) -> Thing:
    side = Thing(
        id=identity(3),
        short_id=identity(3)[:7],
        commit_sha="a" * 40,
        title="Ship the new checkout",
        created_at=before(hours=26),
    )
    facts = {
        "before": side,
        "after": Thing(
            id=identity(1), short_id=identity(1)[:7], commit_sha="b" * 40, title="Fix totals", created_at=NOW
        ),
        "commits": COMMITS,
        "variables": Thing(added=("STRIPE_KEY", "SENTRY_DSN"), changed=("DATABASE_URL",), removed=("LEGACY_MODE",)),
        "settings": (
            Thing(word="Start command", before="python main.py", after="gunicorn -w 3 -b 0.0.0.0:8000 main:app"),
            Thing(word="Memory", before="256 MB", after="512 MB"),
        ),
        "same_commit": False,
        "nothing": False,
    }
    return Thing(**(facts | given))


ALL_CHANGES = {"changes": changes(), "pages": FORGE, "trouble": "", "source": "", "away": ""}
CHOICES = Thing(
    environments=[Thing(name=name, slug=name.lower()) for name in ("Production", "Staging", "Demo")],
    branches=["main", "next", "feature/images-with-a-rather-long-branch-name"],
    deployments=[Thing(short_id=row.short_id, title=row.commit_message) for row in ROWS],
)
ON_LOGS = {
    "q": "",
    "given": {},
    "filters": {},
    "moments": {},
    "choices": CHOICES,
    "first_number": 1,
    "has_older": True,
    "away": "",
    "older_url": "/deployments.log",
    "text_url": "/logs.text",
}

PRESETS = [
    Thing(slug="fastapi", name="FastAPI", runner="python", install="pip install -r requirements.txt", build="", pre_deploy="",
          start="gunicorn -w 3 -b 0.0.0.0:8000 -k uvicorn.workers.UvicornWorker main:app"),
    Thing(slug="nextjs", name="Next.js", runner="node", install="npm ci", build="npm run build", pre_deploy="", start="npm start"),
    Thing(slug="static", name="Static site", runner="static", install="", build="", pre_deploy="", start=""),
]  # fmt: skip
RUNNERS = [
    Thing(slug="python", name="Python 3.12"),
    Thing(slug="node", name="Node.js 22"),
    Thing(slug="static", name="Static files"),
]
BUILD_FORM = {
    "name": "shop", "branch": "main", "preset": "fastapi", "runner": "python", "root_dir": "", "install": "pip install -r requirements.txt",
    "build": "", "pre_deploy": "alembic upgrade head", "start": PRESETS[0].start, "health_path": "/", "dotenv": "",
}  # fmt: skip
ENVIRONMENTS = [
    Thing(
        id=identity(100 + n),
        name=name,
        slug=name.lower(),
        color=color,
        branch=branch,
        kept_images=None,
        hostname=hostname,
        url=f"http://{hostname}",
    )
    for n, (name, color, branch, hostname) in enumerate(
        (
            ("Production", "blue", "main", "shop.localhost:8080"),
            ("Staging", "amber", "feature/*", "shop-env-staging.localhost:8080"),
            ("Demo", "violet", "demo", "shop-env-demo.localhost:8080"),
        )
    )
]
VARIABLES = [
    Thing(
        id=identity(400),
        key="DATABASE_URL",
        environment_id=identity(100),
        environment_name="Production",
        updated_at=NOW,
    ),
    Thing(id=identity(401), key="SECRET_KEY", environment_id=None, environment_name="All environments", updated_at=NOW),
    Thing(
        id=identity(402),
        key="A_VARIABLE_WITH_A_NAME_AS_LONG_AS_ANYBODY_WOULD_EVER_WANT_TO_WRITE_IT",
        environment_id=identity(101),
        environment_name="Staging",
        updated_at=NOW,
    ),
]
OUTDATED = [
    Thing(
        environment_id=identity(100), name="Production", color="blue", variables=Thing(added=["STRIPE_KEY"], changed=["DATABASE_URL", "LOG_LEVEL"], removed=["OLD_KEY"]),
        build=["start command", "health path"], resources=["memory"], rebuild=False, built=True,
    ),
    Thing(environment_id=identity(101), name="Staging", color="amber", variables=Thing(added=[f"KEY_{n}" for n in range(9)], changed=[], removed=[]), build=["build command"], resources=[], rebuild=True, built=True),
]  # fmt: skip
BRANCHES = [
    ("main", ENVIRONMENTS[0]), ("demo", ENVIRONMENTS[2]), ("feature/basket", ENVIRONMENTS[1]), ("feature/a-branch-with-quite-a-long-name-that-does-not-end-soon", ENVIRONMENTS[1]),
    ("try-it", None), *((f"dependabot/npm/vite-6.{n}", None) for n in range(9)),
]  # fmt: skip
REVIEW = Thing(
    environment_name="Production",
    sealed="gAAAAAB",
    difference=Thing(added=["STRIPE_KEY", "STRIPE_SECRET"], changed=["DATABASE_URL"], removed=["OLD_KEY"]),
)
SESSIONS = [
    Thing(
        id=identity(500),
        label="Firefox on Linux",
        ip="203.0.113.7",
        created_at=before(days=3),
        seen_at=NOW,
        current=True,
    ),
    Thing(
        id=identity(501),
        label="Safari on iPhone",
        ip="2001:db8:85a3::8a2e:370:7334",
        created_at=before(days=20),
        seen_at=before(hours=5),
        current=False,
    ),
]
METHODS = [
    Thing(provider="github", name="GitHub", set_up=True, known_as="ada-lovelace", since=before(days=20), last=False),
    Thing(provider="google", name="Google", set_up=True, known_as="", since=None, last=False),
]
MEMBERSHIPS = [
    Thing(id=identity(601), slug="acme", name="Acme", avatar=None, role="admin", others=6, other_owners=2, projects=4, deleted=0, needs_them=False),
    Thing(id=identity(602), slug="side", name="Side projects & other things", avatar="0123456789abcdef", role="owner", others=1, other_owners=1, projects=1, deleted=0, needs_them=False),
    Thing(id=identity(603), slug="ada", name="Ada's team", avatar=None, role="owner", others=0, other_owners=0, projects=3, deleted=1, needs_them=False),
]  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "team": None, "general": {"name": "Ada Lovelace", "username": "ada"}, "form": {}, "errors": {}, "failed": "", "change": None, "mailbox": True,
    "mail_configured": True, "methods": METHODS, "sessions": SESSIONS, "memberships": MEMBERSHIPS,
}  # fmt: skip
MAIL = {"logo": "", "email": "ada@example.com", "dashboard_url": "https://push.example.com"}
EXAMPLES = [
    Thing(slug="python", title="Guestbook", description="A small FastAPI app with one dependency.", runner="Python"),
    Thing(slug="node", title="Clock", description="Node.js server that tells the time.", runner="Node.js"),
    Thing(slug="static", title="Postcard", description="HTML and CSS, nothing to build.", runner="Static"),
]

ACCOUNTS = [
    Thing(installation=1, id=1, login="acme", type="Organization", suspended=False),
    Thing(installation=2, id=2, login="ada", type="User", suspended=False),
    Thing(installation=3, id=3, login="analytical-engines", type="Organization", suspended=True),
]
REPOSITORIES = [
    Thing(
        id=n, full_name=f"acme/{name}", private=n % 3 != 1, default_branch=branch, pushed_at=before(**{unit: n * 3 + 1})
    )
    for n, (name, branch, unit) in enumerate(
        (
            ("shop", "main", "minutes"),
            ("docs", "main", "minutes"),
            ("marketing-site", "production", "hours"),
            (
                "internal-reports-with-an-uncommonly-long-name-that-nobody-shortened",
                "release/2026-11-with-a-long-name",
                "hours",
            ),
            ("<img src=x onerror=alert(1)>\u202egnp", "main", "days"),
            ("design-tokens", "main", "days"),
            ("old-shop", "master", "days"),
        )
    )
]
PICKER = {
    "state": "list", "url": "/picker.repositories", "trouble": "", "install_url": "https://github.example/apps/acme/installations/new",
    "manage_url": "https://github.example/settings/installations/1", "accounts": ACCOUNTS, "account": ACCOUNTS[0], "q": "", "repositories": REPOSITORIES,
    "found": 57, "of": 57, "more_url": "/picker.repositories?page=2", "cut": False,
}  # fmt: skip
NEW = {"tab": "", "examples": EXAMPLES, "form": {}, "errors": {}, "picker": Thing(state="no_app")}
DRAFT = Thing(
    id=identity(7), source="https://git.example.com/acme/shop.git", shown="https://git.example.com/acme/shop.git", token_kept=True, connected=False,
    key="", public_key="", root_dir="", branch="main",
)  # fmt: skip
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKyxKq4J1hVbKoM9mDkA2R4ftl2mHnR0P5xFjz9rGcVe devpush-shop"

ME = Thing(id=identity(1), name="Ada Lovelace", email="ada@example.com", username="ada")
TEAM = Thing(id=identity(2), name="Acme", slug="acme")
TEAMS = [TEAM, Thing(name="Ada's team", slug="ada"), Thing(name="Side projects & other things", slug="side")]
PEOPLE = [
    Thing(id=ME.id, name="Ada Lovelace", email="ada@example.com", avatar="0123456789abcdef", role="owner"),
    Thing(id=identity(3), name="Charles Babbage", email="charles@example.com", avatar=None, role="owner"),
    Thing(
        id=identity(4),
        name="Grace Hopper",
        email="grace.hopper@a-rather-long-domain.example.org",
        avatar=None,
        role="admin",
    ),
    Thing(id=identity(5), name="", email="linus@example.com", avatar=None, role="member"),
]
INVITED = [
    Thing(id=identity(6), email="margaret@example.com", role="member", by="Grace Hopper", stands=True, expired=False, sent_at=before(hours=4), created_at=before(hours=4), expires_at=NOW + timedelta(days=29)),
    Thing(id=identity(7), email="katherine.johnson@a-rather-long-domain.example.org", role="admin", by="Alan", stands=False, expired=False, sent_at=before(days=2), created_at=before(days=2), expires_at=NOW + timedelta(days=28)),
    Thing(id=identity(8), email="joan@example.com", role="member", by="Ada Lovelace", stands=True, expired=False, sent_at=None, created_at=NOW, expires_at=NOW + timedelta(days=30)),
    Thing(id=identity(9), email="rear@example.com", role="owner", by="Ada Lovelace", stands=True, expired=True, sent_at=before(days=31), created_at=before(days=31), expires_at=before(days=1)),
]  # fmt: skip
TEAM_SETTINGS = {
    "team": TEAM, "tab": "settings", "forms": {"general": {"name": "Acme", "slug": "acme"}, "members": {"email": "", "role": "member"}, "picture": {}, "danger": {}}, "members": PEOPLE, "invitations": INVITED,
    "my_role": "owner", "givable": ["member", "admin", "owner"], "changeable": {each.id for each in PEOPLE}, "can": {"change": True, "manage": True, "remove": True}, "may_leave": True, "mail_configured": True, "deleted": [],
    "removal": {"projects": ["Shop", "Docs", "Marketing site"], "more": 2, "deployments": 2500, "variables": 41, "domains": ["docs.example.com", "shop.example.com", "www.example.com", "www.shop.example.com"]}, "me_id": ME.id,
}  # fmt: skip
WAITING = [
    Thing(id=identity(10), team_name="Analytical Engines", role="admin", by="Charles Babbage", expires_at=NOW),
    Thing(
        id=identity(11),
        team_name="The Society for the Diffusion of Useful Knowledge",
        role="member",
        by="Mary Somerville",
        expires_at=NOW,
    ),
]
PROJECT = Thing(
    id=identity(300),
    name="Shop",
    slug="shop",
    production_url="http://shop.localhost:8080",
    repo_url="https://git.example.com/acme/shop",
)

ON_TEAM = {"team": TEAM, "tab": "overview"}
ACTIVITY = {
    "tab": "activity",
    "words": WORDS,
    "given": {},
    "filtered": False,
    "here": "#",
    "newest": "#",
    "older": "#",
    "exports": {"csv": "#", "jsonl": "#"},
    "entries": [
        Thing(
            at=before(minutes=number * number),
            user_id=identity(number) if "@" in who else None,
            who=who,
            what=what,
            target=target,
            project=project,
            team="Acme",
            address=address,
            details=details,
        )
        for number, (who, what, target, project, address, details) in enumerate(
            (
                ("ada@example.com", "deployment.rolled_back", "3f2a91c", "Shop", "203.0.113.9", {}),
                (
                    "grace.hopper@a-rather-long-domain.example.org",
                    "project.changed",
                    "",
                    "Shop",
                    "2001:db8::7",
                    {
                        "memory": "256 → 512",
                        "start command": "python main.py → gunicorn --workers 2 --bind 0.0.0.0:8000 main:app",
                    },
                ),
                (
                    "ada@example.com",
                    "variables.changed",
                    "",
                    "Internal reports with an uncommonly long name",
                    "203.0.113.9",
                    {"given": ["DATABASE_URL", "STRIPE_KEY"], "in_place_of_all": False},
                ),
                ("charles@example.com", "member.role_changed", "linus@example.com", "", "203.0.113.9", {"to": "admin"}),
                ("the server's command line", "sign_in_link.made", "", "", "", {}),
                ("ada@example.com", "project.deleted", "Old shop", "Old shop", "203.0.113.9", {}),
            )
        )
    ],
}
ON_PROJECT = {"team": TEAM, "project": PROJECT, "tab": "overview"}


def domain(number: int, hostname: str, state: str, **given: Any) -> Thing:
    words = {
        "pending": ("queued", "Waiting for DNS"),
        "verified": ("succeeded", "Live"),
        "failing": ("failed", "DNS has changed"),
        "disabled": ("cancelled", "Not served"),
    }
    cname = Thing(type="CNAME", name=hostname, value="shop.apps.example.net")
    apex = [Thing(type="A", name=hostname, value="203.0.113.5"), Thing(type="AAAA", name=hostname, value="2001:db8::5")]
    facts = {
        "id": identity(number), "hostname": hostname, "readable": "", "url": f"https://{hostname}", "state": state, "sign": words[state][0], "word": words[state][1], "reason": "",
        "serves": "environment", "environment_id": identity(310), "environment_name": "Production", "environment_color": "blue", "redirect_to": "", "redirect_status": None,
        "leading": apex if hostname.count(".") == 1 else [cname], "saying": Thing(type="TXT", name=f"_devpush.{hostname}", value="devpush=3f2a91c04be87d5512ac77e1f0b96d34"),
        "checked_at": before(minutes=4), "failing_since": None, "certificate": "valid" if state in ("verified", "failing") else "", "certificate_note": "", "certificate_until": NOW + timedelta(days=61),
    }  # fmt: skip
    return Thing(**facts | given)


DOMAINS = [
    domain(
        901,
        "example.com",
        "verified",
        serves="redirect",
        redirect_to="https://www.example.com",
        redirect_status=308,
        environment_id=None,
    ),
    domain(902, "www.example.com", "verified", certificate="waiting"),
    domain(
        903,
        "staging.example.com",
        "pending",
        environment_name="Staging",
        environment_color="amber",
        reason="staging.example.com leads to 198.51.100.7, not to this server's 203.0.113.5 and 2001:db8::5.",
    ),
    domain(
        904,
        "xn--bcher-kva.example",
        "failing",
        readable="bücher.example",
        failing_since=before(hours=5),
        reason="xn--bcher-kva.example leads to 198.51.100.7, not to this server's 203.0.113.5 and 2001:db8::5.",
    ),
    domain(
        905,
        "old-preview.a-rather-long-domain.example.org",
        "disabled",
        serves="",
        environment_id=None,
        environment_name="",
        reason="Its environment Preview was deleted. Choose another one for it, or remove it.",
    ),
]

SETTINGS: dict[str, Any] = {
    "domains": DOMAINS,
    "forms": {"general": {"name": "Shop"}, "build": BUILD_FORM, "resources": {"cpu": "1", "memory_mb": 512, "drain_seconds": "", "cache_mb": ""}, "repository": {"url": "https://git.example.com/acme/shop.git", "username": ""}, "pushes": {"polled": True, "watch_paths": "apps/web/**\npackages/ui/**", "skip_by_message": True}},
    "presets": PRESETS, "runners": RUNNERS, "variables": VARIABLES, "environments": ENVIRONMENTS, "outdated": [], "most": {"cpu": "4", "memory_mb": 16384},
    "colors": ("blue", "green", "amber", "red", "violet", "cyan", "pink", "slate"),
    "repository": Thing(
        kind="https", name="git.example.com/acme/shop", link="https://git.example.com/acme/shop", trouble="", account=None,
        told=True, token_kept=True, public_key="", hook=Thing(url="https://push.example.com/api/hooks/0d9f4d0e-6b1d-4a63-9d0f-5f7a2b8c1e42", has_secret=True, unreachable=False),
    ),
    "keep_days": 7, "drain_seconds": 30, "kept_images": 5, "cache_mb": 2048, "disk": "1.4 GB: images 980 MB, build caches 402 MB, source 18 MB.", "removal": Thing(deployments=118, variables=3, domains=["shop.example.com", "www.shop.example.com"], hostnames=["shop.localhost:8080", "shop-env-staging.localhost:8080"]),
}  # fmt: skip
SSH_REPOSITORY = Thing(
    **vars(SETTINGS["repository"]) | {"kind": "ssh", "link": "", "token_kept": False, "public_key": KEY}
)
GITHUB_REPOSITORY = Thing(
    **vars(SETTINGS["repository"])
    | {
        "kind": "github", "name": "github.com/acme/shop", "link": "https://github.com/acme/shop", "token_kept": False,
        "account": Thing(login="acme", suspended=False, url="https://github.com/organizations/acme/settings/installations/1"),
        "trouble": "The repository was renamed to acme/store on GitHub. Deployments go on from there.",
        "hook": Thing(url="http://localhost:8000/api/hooks/0d9f4d0e-6b1d-4a63-9d0f-5f7a2b8c1e42", has_secret=False, unreachable=True),
    }
)  # fmt: skip
CHANGE = {
    "deployment": ROWS[3], "current": ROWS[1], "environment_name": "Production", "hostnames": ["shop.localhost:8080", "www.shop.example"],
    "changes": changes(commits=None),
}  # fmt: skip

PROVIDERS = [("github", "GitHub"), ("google", "Google")]
BASE = "https://push.example.com"
GITHUB_APP = Thing(id=812345, slug="devpush-push-example-com", name="devpush-push-example-com")
APP_FACTS: dict[str, Any] = {
    "page": "https://github.com/apps/x",
    "install": "https://github.com/apps/x/installations/new",
    "projects": 3,
    "installations": [
        Thing(account_login="acme", account_type="Organization", suspended_at=None),
        Thing(account_login="ada", account_type="User", suspended_at=NOW),
    ],
    "permissions": (
        ("Contents", "read", "To fetch what is deployed"),
        ("Metadata", "read", "To list repositories; every App has it"),
        ("Commit statuses", "write", "To show beside a commit whether it is live"),
        ("Deployments", "write", "To show where it is live"),
        ("E-mail addresses of people", "read", "To sign them in with the address GitHub has verified"),
    ),
}
CERTIFICATES = [
    (
        Thing(host="push.example.com", valid=True, until=NOW + timedelta(days=71), checked_at=before(minutes=9)),
        Finding("certificates", Level.ok, ""),
    ),
    (
        Thing(host="*.apps.example.com", valid=True, until=NOW + timedelta(days=12), checked_at=before(minutes=9)),
        Finding("certificates", Level.warning, "It wasn't renewed.", "", findings.RENEW),
    ),
    (
        Thing(host="shop.apps.example.com", valid=False, until=None, checked_at=before(minutes=1)),
        Finding(
            "certificates",
            Level.error,
            "",
            "Let's Encrypt couldn't see that the name leads here.",
            "Set its DNS record, let port 80 in, then see Traefik's log: devpush logs traefik",
        ),
    ),
]
FOUND_HERE = [
    Finding(
        "dns",
        Level.error,
        "*.apps.example.com leads to 198.51.100.7, not to this server.",
        findings.ELSEWHERE,
        "Set a record of the type A: *.apps.example.com → 203.0.113.9",
    ),
    Finding(
        "github",
        Level.error,
        "GitHub's webhooks don't arrive: the last one got no answer on 23 November, 21:07 UTC.",
        findings.WHY[0],
        "See “Recent deliveries” in the App's settings on GitHub, and redeliver one.",
    ),
    Finding(
        "docker",
        Level.warning,
        "An update of Docker stops every app for its time.",
        "live-restore is off.",
        'Write "live-restore": true into /etc/docker/daemon.json, then: systemctl reload docker',
    ),
    Finding(
        "backups",
        Level.note,
        "Backups lie on this server: if its disk is lost, so are they.",
        "",
        "Set BACKUP_PLACE to s3://bucket/prefix, or to a folder of another machine.",
    ),
]
WELL = [
    Finding(part, Level.ok, what)
    for part, what in (
        ("database", "PostgreSQL 18.6 answers, with this version's schema."),
        ("redis", "Redis answers."),
        ("networks", "2041 networks are free for projects."),
        ("traefik", "Traefik answers, and leads to the dashboard."),
        ("firewall", "Apps reach neither the metadata address nor this server's ports."),
        ("disk", "61 GB of 80 GB are free for the platform (DATA_DIR)."),
        ("clock", "This server's clock is right."),
    )
]
HEALTH: dict[str, Any] = {
    "tab": "health",
    "titles": doctor.TITLES,
    "inside": False,
    "findings": FOUND_HERE,
    "well": WELL,
    "worst": "error",
    "summary": doctor.summary(FOUND_HERE),
    "facts": (
        ("Version", "0.4.0"),
        ("Dashboard", "push.example.com"),
        ("Sites", "*.apps.example.com"),
        ("Address", "203.0.113.9"),
        ("Data", "/data"),
        ("Installation", "0a1b2c3d"),
    ),
}


def backed_up(hours: float, **given: Any) -> Thing:
    started = before(hours=hours)
    facts = {
        "name": f"devpush-0a1b2c3d-{started:%Y%m%dT%H%M%SZ}-91c3.backup",
        "place": "/data/backups",
        "size": 48_211_334,
        "version": "0.4.0",
        "error": "",
        "started_at": started,
        "finished_at": started + timedelta(seconds=9),
        "drilled_at": None,
        "drill_error": "",
        "removed_at": None,
    }
    return Thing(**(facts | given))


BACKUPS: dict[str, Any] = {
    "tab": "backups",
    "backups": [
        backed_up(3),
        backed_up(9, place="/data/snapshots"),
        backed_up(27, drilled_at=before(hours=20)),
        backed_up(29, error="S3 refused the key (403): see S3_ACCESS_KEY_ID.", size=None),
        backed_up(51),
        backed_up(200, removed_at=before(hours=3)),
    ],
    "last": backed_up(3),
    "next_at": NOW + timedelta(hours=21),
    "drilled": backed_up(27, drilled_at=before(hours=20)),
    "every": 24,
    "keep": 7,
    "place": "/data/backups",
    "able": True,
    "running": False,
    "size": findings.size,
    "findings": FOUND_HERE[3:],
}
GB = 1_000_000_000


def takes(number: int, name: str, images: float, caches: float, **more: Any) -> Thing:
    """A project on the disk's page; sizes in GB."""
    of_kind = {"images": images, "caches": caches, "containers": 0.0, "source": 0.02}
    facts = {kind: int(count * GB) for kind, count in of_kind.items()}
    total = sum(facts.values())
    return Thing(**{"id": identity(number), "name": name, "slug": f"p{number}", "team": "Acme", "total": total, "budget": 2_048_000_000, "removing": False, "looked_at": before(minutes=20)} | facts | more)  # fmt: skip


DISK: dict[str, Any] = {
    "tab": "disk",
    "uses": [
        takes(810, "Shop", 6.4, 2.6, containers=410_000_000),
        takes(811, "A project with an uncommonly long name that nobody has shortened yet", 3.1, 0.9, team="Somebody else’s team"),
        takes(812, "Blog", 0.8, 0.1),
        takes(813, "Old shop", 0.4, 0.0, removing=True),
        takes(814, "Docs", 0.006, 0.0),
    ],
    "others": 0, "others_take": 0, "looked_at": before(minutes=20), "too_large": 1, "too_large_take": 552_000_000, "needless": 7, "needless_take": 1_240_000_000,
    "full": "Full in about 12 days at this rate.", "soon": True, "kept_images": 5, "budget": 2_048_000_000, "reserve": 1_024_000_000, "size": findings.size,
    "space": Thing(size=80 * GB, free=31 * GB),
    "parts": [
        {"kind": "images", "word": "Images", "size": int(10.7 * GB), "x": 0, "width": 133.8},
        {"kind": "caches", "word": "Build caches", "size": int(3.6 * GB), "x": 133.8, "width": 45},
        {"kind": "containers", "word": "Containers", "size": 410_000_000, "x": 178.8, "width": 5.1},
        {"kind": "source", "word": "Source", "size": 100_000_000, "x": 183.9, "width": 1.3},
        {"kind": "rest", "word": "Everything else", "size": int(34.2 * GB), "x": 185.2, "width": 427.3},
    ],
}  # fmt: skip
SECURED: dict[str, Any] = {
    "tab": "certificates",
    "certificates": CERTIFICATES,
    "domains": [
        Thing(
            hostname="www.acme.example",
            certificate="failed",
            certificate_note="Let's Encrypt got no answer from www.acme.example by http.",
            project=Thing(slug="shop", name="Shop"),
        )
    ],
    "good": 4,
    "secure": True,
    "staging": False,
    "wildcard": "*.apps.example.com",
    "provider": "cloudflare",
    "email": "olga@example.com",
}
OPERATOR: dict[str, Any] = {
    "tab": "sign-in",
    "form": {},
    "errors": {},
    "failed": "",
    "app": None,
    "app_facts": {},
    "from_settings": False,
    "hooked": False,
    "where": Thing(
        dashboard=BASE,
        callbacks=(f"{BASE}/auth/github/callback", f"{BASE}/api/github/authorize/callback"),
        setup=f"{BASE}/api/github/install/callback",
        webhook=f"{BASE}/api/github/webhook",
        google=f"{BASE}/auth/google/callback",
    ),
    "methods": [
        {"name": "email", "title": "Link by e-mail", "on": True, "how": "Sent by smtp.example.com."},
        {"name": "github", "title": "GitHub", "on": False, "how": "Create the GitHub App above."},
        {"name": "google", "title": "Google", "on": False, "how": "Set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET."},
    ],
    "access": {"path": "/srv/devpush/access.json", "broken": "", "rules": 0, "kinds": [], "shut_out": False},
}


def delivery(number: int, verdict: str, sentence: str, **given: Any) -> Thing:
    """What a Git server told us."""
    of = ROWS[number % len(ROWS)]
    facts = {
        "id": UUID(identity(40 + number)),
        "source": "github",
        "event": "push",
        "branch": "main",
        "commit_sha": of.commit_sha,
        "commit_message": of.commit_message,
        "verdict": verdict,
        "sentence": sentence,
        "created_at": before(minutes=2 + number * 71),
        "deployment_id": None,
        "state": None,
        "replayable": True,
    }
    return Thing(**(facts | given))


NO_PUSH = {"branch": "", "commit_sha": "", "commit_message": "", "replayable": False}
DELIVERIES: dict[str, Any] = {
    "tab": "settings",
    "may_deploy": True,
    "may_change": True,
    "sources": {
        "github": "GitHub",
        "gitlab": "GitLab",
        "gitea": "Gitea",
        "bitbucket": "Bitbucket",
        "plain": "Webhook",
        "poll": "Found by looking",
        "replay": "Replay",
    },
    "page": Thing(
        number=1,
        pages=3,
        total=61,
        items=[
            delivery(0, "deployed", "Goes to Production.", deployment_id=UUID(identity(1)), state="building"),
            delivery(1, "ignored", "Nothing changed in apps/web/**, packages/ui/**."),
            delivery(
                2,
                "deployed",
                "Goes to Preview.",
                deployment_id=UUID(identity(2)),
                state="failed",
                branch="feature/a-branch-with-quite-a-long-name-that-does-not-end-soon",
                source="poll",
                commit_message="Rewrite the whole checkout, with a first line that is far too long for one line on a telephone and needs cutting",
            ),
            delivery(
                3,
                "noted",
                "The GitHub App is suspended for acme, so new pushes can't be deployed. Unsuspend it on GitHub, under the account's installed apps. What is live stays live.",
                event="installation",
                **NO_PUSH,
            ),
            delivery(4, "ignored", "v1.4.0 is a tag, and only branches are deployed.", **NO_PUSH),
            delivery(5, "ignored", "Its commit message says [skip deploy].", source="gitlab"),
            delivery(6, "failed", "There is no branch mian.", source="plain", event="request", **NO_PUSH),
            delivery(
                7,
                "deployed",
                "Deployed again to Production.",
                source="replay",
                deployment_id=UUID(identity(3)),
                state="succeeded",
            ),
            delivery(8, "ignored", "No environment takes the branch try-it. Production takes main.", branch="try-it"),
        ],
    ),
}


def entry(word: str, icon: str = "", note: str = "", **given: Any) -> Thing:
    facts = {"act": False, "picture": None, "deployment": None}
    return Thing(**({"word": word, "icon": icon, "note": note, "url": "/project"} | facts | given))


FOUND = {
    "q": "",
    "groups": [
        Thing(name="Shop", entries=[entry("Overview", "box"), entry("Deployments", "layers"), entry("Logs", "scroll-text"), entry("Metrics", "activity"), entry("Variables", "settings", "Settings"), entry("Redeploy production (3f2a91c)", "rotate-cw", act=True), entry("Roll back production to 9e1c2d4…", "undo-2")]),
        Thing(name="Projects", entries=[entry(card.name, note="Acme", picture=("project", card)) for card in CARDS[:4]]),
        Thing(name="Deployments", entries=[entry(row.commit_message, note="Shop", deployment=row) for row in ROWS[:4]]),
        Thing(name="Teams", entries=[entry(team.name, picture=("team", team)) for team in TEAMS[:2]]),
        Thing(name="Go to", entries=[entry("New project", "plus", "Acme"), entry("Account", "user")]),
    ],
}  # fmt: skip


def measured(number: int, of: int) -> metric.Point | None:
    """A busy hour with a bad quarter and a gap."""
    if of * 0.45 < number < of * 0.5:
        return None
    wave = 1 + math.sin(number / of * 7) * 0.6 + math.sin(number * 1.7) * 0.25
    bad = 0.72 < number / of < 0.8
    durations = tuple(
        int(wave * 9) if 6 < place < 11 else int(bad) * 8 if place == 17 else 0
        for place in range(len(metric.BOUNDS) + 1)
    )
    requests = sum(durations)
    return metric.Point(
        at=before(seconds=15 * (of - number)),
        seconds=15.0,
        cpu=0.12 * wave + 0.3 * bad,
        memory=(180 + number / of * 60 + wave * 4) * figures.MIB,
        memory_max=0,
        received=int(20_000 * wave),
        sent=int(160_000 * wave),
        restarts=int(number == int(of * 0.8)),
        requests=requests,
        refused=requests // 9,
        failed=8 * bad,
        durations=durations,
    )


MEASURED = [measured(number, 240) for number in range(240)]
LIMITED: Any = Thing(cpu_quota=100_000, memory_mb=512)
CHARTS = figures.drawn(MEASURED, LIMITED)
METRICS = {
    "tab": "metrics",
    "charts": CHARTS,
    "span": "1h",
    "spans": metrics.SPAN_WORDS,
    "deployment": None,
    "since": before(hours=1),
    "now": NOW,
    "deployments": [
        Thing(id=row.id, short_id=row.short_id, environment_name=row.environment_name, message=row.commit_message)
        for row in ROWS[1:4]
    ],
}

SMALL_CHARTS = [
    figures.small("Requests", "142 a minute", [100 + 40 * ((n * 7) % 11) / 11 + n for n in range(60)]),
    figures.small("Memory", "187 MB", [None if n < 9 else 150 + n * 0.6 for n in range(60)]),
]
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "search": ("search/show.html", {"team": TEAM, "project": PROJECT} | FOUND),
    "search-nothing": ("search/show.html", {"team": TEAM, "q": "zeppelin", "groups": []}),
    "sign-in": ("auth/sign_in.html", {"me": None, "mail_configured": True, "form": {}, "errors": {}}),
    "sign-in-refused": ("auth/sign_in.html", {"me": None, "mail_configured": True, "form": {"email": "ada@elsewhere"}, "errors": {"email": "That is not an e-mail address. It looks like ada@example.com."}}),
    "sign-in-no-mail": ("auth/sign_in.html", {"me": None, "mail_configured": False}),
    "sign-in-all": ("auth/sign_in.html", {"me": None, "mail_configured": True, "providers": PROVIDERS, "form": {}, "errors": {}}),
    "sign-in-providers": ("auth/sign_in.html", {"me": None, "mail_configured": False, "providers": PROVIDERS, "form": {}, "errors": {}}),
    "sign-in-stray": ("auth/trouble.html", {"me": None, "heading": "You are not signed in", "message": "There is an account with the address ada@example.com here already. Sign in to it the usual way, then connect GitHub under Account → Sign-in methods.", "back": ("/auth/sign-in", "Back to signing in")}),
    "connect-github": ("auth/connect.html", {"following": "/api/github/install/callback"}),
    "activity": ("activity/team.html", ON_TEAM | ACTIVITY),
    "activity-server": ("activity/server.html", ACTIVITY),
    "activity-none": ("activity/team.html", ON_TEAM | ACTIVITY | {"entries": [], "filtered": True, "given": {"q": "nobody"}}),
    "server": ("operator/health.html", HEALTH),
    "server-well": ("operator/health.html", HEALTH | {"findings": [], "worst": "ok", "summary": "All is well.", "inside": True}),
    "server-looking": ("operator/health.html", HEALTH | {"findings": None}),
    "server-disk": ("operator/disk.html", DISK),
    "server-disk-first": ("operator/disk.html", DISK | {"uses": [], "full": "", "soon": False, "needless": 0, "too_large": 0, "looked_at": None, "parts": DISK["parts"][-1:]}),
    "server-backups": ("operator/backups.html", BACKUPS),
    "server-backups-first": ("operator/backups.html", BACKUPS | {"backups": [], "last": None, "next_at": None, "drilled": None, "findings": []}),
    "server-backups-none": ("operator/backups.html", BACKUPS | {"backups": [], "last": None, "next_at": None, "drilled": None, "able": False}),
    "server-certificates": ("operator/certificates.html", SECURED),
    "server-certificates-none": ("operator/certificates.html", SECURED | {"certificates": [], "domains": [], "secure": False, "wildcard": "", "good": 0, "email": ""}),
    "operator": ("operator/show.html", OPERATOR),
    "operator-app": ("operator/show.html", OPERATOR | {"app": GITHUB_APP, "app_facts": APP_FACTS, "access": {"path": "/srv/devpush/access.json", "broken": "", "rules": 14, "kinds": [(11, "address", "addresses"), (2, "domain", "domains"), (1, "pattern with *", "patterns with *")], "shut_out": True}}),
    "operator-settings": ("operator/show.html", OPERATOR | {"app": GITHUB_APP, "app_facts": APP_FACTS | {"installations": []}, "from_settings": True, "access": {"path": "/srv/devpush/access.json", "broken": "it is not JSON (Expecting ',' delimiter: line 3 column 5 (char 42))", "rules": 0, "kinds": [], "shut_out": False}}),
    "operator-manifest": ("operator/manifest.html", {"action": "https://github.com/settings/apps/new?state=x", "manifest": "{}", "name": "devpush-push-example-com", "owner": "acme", "permissions": APP_FACTS["permissions"], "hooked": False}),
    "link-sent": ("auth/link_sent.html", {"me": None, "email": "ada@example.com"}),
    "link": ("auth/link.html", {"me": None, "email": "ada@example.com"}),
    "link-expired": ("auth/link_expired.html", {"me": None}),
    "team": ("teams/overview.html", ON_TEAM | {"projects": CARDS, "deployments": ROWS, "flashes": [("success", "Welcome back, Ada.")]}),
    "team-empty": ("teams/overview.html", ON_TEAM | {"projects": [], "deployments": []}),
    "projects": ("teams/projects.html", ON_TEAM | {"tab": "projects", "projects": CARDS, "page": Thing(number=2, pages=3, total=61), "q": ""}),
    "projects-nothing": ("teams/projects.html", ON_TEAM | {"tab": "projects", "projects": [], "page": Thing(number=1, pages=1, total=0), "q": "zebra"}),
    "team-settings": ("teams/settings.html", TEAM_SETTINGS),
    "team-settings-deleted": ("teams/settings.html", TEAM_SETTINGS | {"deleted": [Thing(id=identity(700), name="Old shop", removing_at=before(hours=3), ends_at=NOW + timedelta(days=6), deployments=31, variables=14, domains=["old.example.com", "www.old.example.com"]), Thing(id=identity(701), name="An experiment with an uncommonly long name that nobody shortened", removing_at=before(days=6), ends_at=NOW + timedelta(days=1), deployments=1, variables=0, domains=[])]}),
    "team-settings-refused": ("teams/settings.html", TEAM_SETTINGS | {"team": Thing(**vars(TEAM), avatar="0123456789abcdef"), "failed": "members", "form": {"email": "ada@example.com", "role": "admin"}, "errors": {"email": "ada@example.com is in this team already.", "form": "A team keeps at least one owner. Make somebody else an owner first."}}),
    "team-settings-link": ("teams/settings.html", TEAM_SETTINGS | {"mail_configured": False, "link_for": "margaret@example.com", "link": "https://push.example.com/invitations/2bq0tQ9mXk3sX1zVn0pE7aJr5uYw8dLc4hGf6iTyOsA", "invitations": INVITED[:1]}),
    "team-settings-member": ("teams/settings.html", TEAM_SETTINGS | {"can": {}, "givable": [], "changeable": set(), "invitations": [], "me_id": PEOPLE[3].id}),
    "team-new": ("teams/new.html", {"form": {}, "errors": {}}),
    "team-new-refused": ("teams/new.html", {"form": {"name": ""}, "errors": {"name": "Please give it a name."}}),
    "team-none": ("teams/none.html", {"teams": [], "invitations": WAITING, "waiting": 2}),
    "team-none-alone": ("teams/none.html", {"teams": [], "invitations": []}),
    "invitation": ("invitations/show.html", {"invitation": WAITING[0], "waiting": 1}),
    "invitation-not-yours": ("invitations/not_yours.html", {"address": "g…r@example.com"}),
    "invitation-gone": ("invitations/gone.html", {}),
    "invitations": ("invitations/index.html", {"invitations": WAITING, "waiting": 2}),
    "invitations-none": ("invitations/index.html", {"invitations": []}),
    "new": ("projects/new.html", ON_TEAM | NEW),
    "new-refused": ("projects/new.html", ON_TEAM | NEW | {"form": {"source": "https://git.example.com/acme/shpo.git"}, "errors": {"source": "There is no repository at this address, or it is private. If it is, give an access token that may read it."}}),
    "new-operator": ("projects/new.html", ON_TEAM | NEW | {"me": Thing(**(vars(ME) | {"is_operator": True}))}),
    "new-connect": ("projects/new.html", ON_TEAM | NEW | {"picker": Thing(**(PICKER | {"state": "connect"}))}),
    "new-reconnect": ("projects/new.html", ON_TEAM | NEW | {"picker": Thing(**(PICKER | {"state": "reconnect"}))}),
    "new-waiting": ("projects/new.html", ON_TEAM | NEW | {"picker": Thing(**(PICKER | {"state": "waiting", "url": "/never"}))}),
    "new-trouble": ("projects/new.html", ON_TEAM | NEW | {"picker": Thing(**(PICKER | {"state": "trouble", "trouble": "GitHub asks us to wait for 12 minutes: this account has asked it too often."}))}),
    "new-nowhere": ("projects/new.html", ON_TEAM | NEW | {"picker": Thing(**(PICKER | {"state": "nowhere"}))}),
    "new-suspended": ("projects/new.html", ON_TEAM | NEW | {"picker": Thing(**(PICKER | {"state": "suspended", "account": ACCOUNTS[2]}))}),
    "new-list": ("projects/new.html", ON_TEAM | NEW | {"picker": Thing(**PICKER)}),
    "new-list-cut": ("projects/new.html", ON_TEAM | NEW | {"picker": Thing(**(PICKER | {"repositories": REPOSITORIES[:2], "found": 2, "q": "o", "more_url": "", "cut": True})), "errors": {"repository": "You can see acme/shop, but not push to it. Whoever deploys a repository must be able to write to it: ask its owner, or choose another one."}}),
    "new-list-none": ("projects/new.html", ON_TEAM | NEW | {"picker": Thing(**(PICKER | {"repositories": [], "found": 0, "q": "zebra", "more_url": ""}))}),
    "new-list-empty": ("projects/new.html", ON_TEAM | NEW | {"picker": Thing(**(PICKER | {"repositories": [], "found": 0, "more_url": "", "accounts": ACCOUNTS[:1]}))}),
    "key": ("projects/key.html", ON_TEAM | {"tab": "", "draft": Thing(**(vars(DRAFT) | {"shown": "ssh://git@git.example.com/acme/shop.git", "public_key": KEY})), "host": "git.example.com", "errors": {}}),
    "key-refused": ("projects/key.html", ON_TEAM | {"tab": "", "draft": Thing(**(vars(DRAFT) | {"shown": "ssh://git@git.example.com/acme/shop.git", "public_key": KEY})), "host": "git.example.com", "errors": {"form": "git.example.com doesn't accept the key for this repository. Add it there, then try again."}}),
    "configure": ("projects/configure.html", ON_TEAM | {"tab": "", "draft": DRAFT, "form": BUILD_FORM, "detected": Thing(preset="fastapi", why="Looks like FastAPI: requirements.txt asks for it."), "branches": ["main", "develop"], "folders": [], "presets": PRESETS, "runners": RUNNERS, "errors": {}}),
    "configure-folders": ("projects/configure.html", ON_TEAM | {"tab": "", "draft": Thing(**(vars(DRAFT) | {"shown": "acme/shop", "connected": True, "root_dir": "apps/web"})), "form": BUILD_FORM | {"root_dir": "apps/web"}, "detected": Thing(preset="nextjs", why="package.json asks for next."), "branches": ["main", "develop"], "folders": ["api", "apps/web", "apps/admin", "packages/a-package-with-a-long-name"], "presets": PRESETS, "runners": RUNNERS, "errors": {}}),
    "configure-refused": ("projects/configure.html", ON_TEAM | {"tab": "", "draft": DRAFT, "form": BUILD_FORM | {"name": "", "start": "", "dotenv": "1X=2"}, "detected": None, "branches": [], "folders": [], "presets": PRESETS, "runners": RUNNERS, "errors": {"name": "A project needs a name.", "start": "How is the app started? There is no Procfile and the preset has no start command.", "dotenv": "Line 1: a key begins with a letter or an underscore.", "repository": "GitHub no longer accepts your connection. Please connect your account again."}}),
    "project": ("projects/overview.html", ON_PROJECT | {"charts": SMALL_CHARTS, "production": PRODUCTION, "others": OTHERS, "deployments": ROWS}),
    "project-new": ("projects/overview.html", ON_PROJECT | {"production": environment(0, "Production", current=None, latest=None, previous=None, health="none"), "others": [], "deployments": []}),
    "project-crashed": ("projects/overview.html", ON_PROJECT | {"production": environment(0, "Production", latest=ROWS[2], health="crashed", health_note="exited with code 137, out of memory"), "others": [], "deployments": ROWS[1:4]}),
    "project-trouble": ("projects/overview.html", ON_PROJECT | {"production": environment(0, "Production", repo_trouble="The repository acme/shop was removed from the GitHub App's access. Give it access again on GitHub, or connect another repository."), "others": [], "deployments": ROWS[1:4]}),
    "deployments": ("deployments/index.html", ON_PROJECT | {"tab": "deployments", "page": Thing(items=ROWS, number=2, pages=5, total=118), "filters": {"status": "succeeded"}, "moments": {}, "choices": CHOICES}),
    "deployments-nothing": ("deployments/index.html", ON_PROJECT | {"tab": "deployments", "page": Thing(items=[], number=1, pages=0, total=0), "filters": {"branch": "zebra"}, "moments": {"from": before(days=3)}, "choices": CHOICES}),
    "statuses": ("deployments/index.html", ON_PROJECT | {"tab": "deployments", "page": Thing(items=[deployment(20 + n, state, f"This one is {state}") for n, state in enumerate(STATES)], number=1, pages=1, total=8), "filters": {}, "moments": {}, "choices": CHOICES}),
    "deployment": ("deployments/show.html", ON_PROJECT | ALL_CHANGES | {"tab": "deployments", "deployment": SUCCEEDED, "lines": LINES, "has_older": False, "first_number": 1}),
    "deployment-building": ("deployments/show.html", ON_PROJECT | ALL_CHANGES | {"tab": "deployments", "deployment": BUILDING, "lines": LINES[:6], "has_older": False, "first_number": 1}),
    "long-log": ("deployments/show.html", ON_PROJECT | ALL_CHANGES | {"tab": "deployments", "deployment": LONG, "lines": LINES[:6], "has_older": False, "first_number": 1}),
    "deployment-queued": ("deployments/show.html", ON_PROJECT | ALL_CHANGES | {"tab": "deployments", "deployment": page_of(ROWS[7], ("queued", "running", None, "2 deployments are ahead"), ("building", "waiting", None, ""), ("starting", "waiting", None, ""), ("routing", "waiting", None, ""), can=Thing(cancel=True, redeploy=False, roll_back=False, promote=False)), "lines": [], "has_older": False, "first_number": 1}),
    "deployment-failed": ("deployments/show.html", ON_PROJECT | ALL_CHANGES | {"tab": "deployments", "deployment": FAILED, "lines": LINES[:16], "has_older": False, "first_number": 1}),
    "deployment-staging": ("deployments/show.html", ON_PROJECT | ALL_CHANGES | {"tab": "deployments", "deployment": LIVE_STAGING, "lines": LINES[:10], "has_older": False, "first_number": 1}),
    "rollback": ("deployments/rollback.html", ON_PROJECT | {"tab": "deployments"} | CHANGE),
    "promotion": ("deployments/promotion.html", ON_PROJECT | {"tab": "deployments"} | CHANGE | {"current": None, "changes": changes(before=None)}),
    "logs": ("logs/index.html", ON_PROJECT | ON_LOGS | {"tab": "logs", "lines": [Thing(**(vars(one) | {"short_id": "3f2a91c"})) for one in LINES[10:]]}),
    "logs-requests": ("logs/index.html", ON_PROJECT | ON_LOGS | {"tab": "logs", "lines": [Thing(**(vars(one) | {"short_id": "3f2a91c"})) for one in LINES if one.source == "request"], "given": {"source": "request"}, "filters": {"source": "request", "slower": "2", "from": "x"}, "moments": {"from": before(days=2)}}),
    "logs-nothing": ("logs/index.html", ON_PROJECT | ON_LOGS | {"tab": "logs", "lines": [], "q": "zebra", "given": {"q": "zebra"}, "has_older": False, "older_url": None}),
    "logs-away": ("logs/index.html", ON_PROJECT | ON_LOGS | {"tab": "logs", "lines": [], "has_older": False, "away": "Loki doesn't answer."}),
    "deployment-same": ("deployments/show.html", ON_PROJECT | ALL_CHANGES | {"tab": "deployments", "deployment": SUCCEEDED, "lines": LINES[:6], "has_older": False, "first_number": 1, "changes": changes(commits=(), same_commit=True, nothing=True, variables=NO_KEYS, settings=())}),
    "deployment-first": ("deployments/show.html", ON_PROJECT | ALL_CHANGES | {"tab": "deployments", "deployment": FAILED, "lines": LINES[:6], "has_older": False, "first_number": 1, "changes": changes(before=None, commits=(), variables=NO_KEYS, settings=())}),
    "deployment-asking": ("deployments/show.html", ON_PROJECT | ALL_CHANGES | {"tab": "deployments", "deployment": FAILED, "lines": LINES[:6], "has_older": False, "first_number": 1, "changes": changes(commits=None, settings=()), "trouble": "The server github.com can't be reached now, or broke off. Please try again in a moment."}),
    "deliveries": ("projects/deliveries.html", ON_PROJECT | DELIVERIES),
    "deliveries-none": ("projects/deliveries.html", ON_PROJECT | DELIVERIES | {"page": Thing(number=1, pages=1, total=0, items=[])}),
    "metrics": ("metrics/index.html", ON_PROJECT | METRICS),
    "metrics-nothing": ("metrics/index.html", ON_PROJECT | METRICS | {"deployments": []}),
    "metrics-quiet": ("metrics/index.html", ON_PROJECT | METRICS | {"charts": figures.drawn([None] * 240, LIMITED), "span": "30d"}),
    "settings": ("projects/settings.html", ON_PROJECT | {"tab": "settings"} | SETTINGS),
    "settings-ssh": ("projects/settings.html", ON_PROJECT | {"tab": "settings"} | SETTINGS | {"repository": SSH_REPOSITORY, "failed": "repository", "form": {"url": "ssh://git@git.example.com/acme/shop.git"}, "errors": {"url": "The server git.example.com doesn't let us in: it doesn't know our deploy key. Please add the key's public half to the repository there (it stands in the project's settings as well); it needs to read only."}}),
    "settings-github": ("projects/settings.html", ON_PROJECT | {"tab": "settings"} | SETTINGS | {"repository": GITHUB_REPOSITORY, "said": {"kind": "success", "sentence": "Connected: 4 branches, and main is at 3f2a91c."}}),
    "settings-refused": ("projects/settings.html", ON_PROJECT | {"tab": "settings"} | SETTINGS | {"failed": "danger", "form": {}, "errors": {"confirmation": "That is not the project's slug. Type shop."}, "variables": []}),
    "settings-outdated": ("projects/settings.html", ON_PROJECT | {"tab": "settings"} | SETTINGS | {"outdated": OUTDATED, "review": REVIEW, "goes": BRANCHES, "failed": "environments", "form": {"which": identity(101), "name": "Production", "branch": "feature/*/*", "color": "amber"}, "errors": {"name": "There is an environment of that name already.", "branch": "One “*” is enough: it stands for any text, like feature/* or *-rc."}}),
    "settings-environment-goes": ("projects/settings.html", ON_PROJECT | {"tab": "settings"} | SETTINGS | {"failed": "environments", "form": {"which": identity(101)}, "errors": {"confirmation": "Please type staging to confirm."}}),
    "account": ("account/show.html", ACCOUNT),
    "account-moving": ("account/show.html", ACCOUNT | {"me": Thing(**vars(ME), avatar="0123456789abcdef"), "change": Thing(email="ada.lovelace@analytical-engines.example"), "failed": "email", "form": {"email": "ada@elsewhere"}, "errors": {"email": "Please enter an e-mail address, like ada@example.com."}}),
    "account-operator": ("account/show.html", ACCOUNT | {"me": Thing(id=identity(1), name="operator", email="operator@localhost", username="operator", is_operator=True), "general": {"name": "operator", "username": "operator"}, "mailbox": False, "mail_configured": False, "methods": [Thing(**vars(METHODS[0]) | {"last": True})], "memberships": MEMBERSHIPS[2:], "sessions": SESSIONS[:1], "failed": "methods", "errors": {"form": "This is the only way you can sign in. Add another one first."}}),
    "account-link": ("account/email_link.html", {"email": "ada.lovelace@analytical-engines.example"}),
    "account-link-expired": ("account/email_link_expired.html", {}),
    "mail-sign-in": ("mail/sign_in.html", MAIL | {"url": "https://push.example.com/auth/link/2bq0tQ9mXk3sX1zVn0pE7aJr5uYw8dLc4hGf6iTyOsA"}),
    "mail-invitation": ("mail/invitation.html", MAIL | {"by": "Charles Babbage", "team": "Analytical Engines", "role": "admin", "expires_at": NOW + timedelta(days=30), "url": "https://push.example.com/invitations/2bq0tQ9mXk3sX1zVn0pE7aJr5uYw8dLc4hGf6iTyOsA"}),
    "mail-denied": ("mail/denied.html", MAIL | {"message": "This e-mail address may not sign in here."}),
    "mail-email-change": ("mail/email_change.html", MAIL | {"username": "ada", "url": "https://push.example.com/account/email-change/2bq0tQ9mXk3sX1zVn0pE7aJr5uYw8dLc4hGf6iTyOsA"}),
    "mail-email-notice": ("mail/email_change_notice.html", MAIL | {"new": "ada.lovelace@analytical-engines.example", "account_url": "https://push.example.com/account"}),
    "mail-email-changed": ("mail/email_changed.html", MAIL | {"new": "ada.lovelace@analytical-engines.example"}),
    "mail-email-taken": ("mail/email_taken.html", MAIL | {"username": "ada"}),
    "404": ("errors/404.html", {"me": None}),
    "403": ("errors/403.html", {"me": None}),
    "500": ("errors/500.html", {"me": None, "error_id": "e-7f31c2"}),
    "not-live": ("errors/not_live.html", {"me": None, "host": "shop-branch-feature-checkout.localhost", "dashboard_url": "http://localhost:8000"}),
}  # fmt: skip

FRAGMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "search.index": ("search/_found.html", FOUND),
    "invitations.menu": ("invitations/_menu.html", {"invitations": WAITING}),
    "members.change_role": ("teams/settings/_members.html", TEAM_SETTINGS | {"form": TEAM_SETTINGS["forms"]["members"]}),
    "teams.project_menu": ("teams/_project_menu.html", {"team": TEAM, "projects": [Thing(name=card.name, slug=card.slug) for card in CARDS * 3]}),
    "deployments.commits": ("deployments/_exchange.html", {"trouble": "", "come": COMMITS[:1], "go": COMMITS[1:], "pages": FORGE}),
    "deployments.find_commits": ("deployments/_changes.html", ALL_CHANGES | {"project": PROJECT, "open": True}),
    "deployments.roll_back": ("deployments/_rollback.html", CHANGE),
    "deployments.promote": ("deployments/_promotion.html", CHANGE),
    "projects.save_general": ("projects/settings/_general.html", {"project": PROJECT, "form": {"name": "Shop"}, "errors": {}, "saved": True}),
    "repository.check": ("projects/settings/_repository.html", SETTINGS | {"project": PROJECT, "form": SETTINGS["forms"]["repository"], "errors": {}, "saved": False, "said": {"kind": "success", "sentence": "Connected: 4 branches, and main is at 3f2a91c."}}),
    "repository.save_pushes": ("projects/settings/_pushes.html", SETTINGS | {"project": PROJECT, "form": SETTINGS["forms"]["pushes"], "errors": {}, "saved": True}),
    "repository.make_secret": ("projects/settings/_webhook.html", SETTINGS | {"project": PROJECT, "saved": True}),
    "projects.save_build": ("projects/settings/_build.html", SETTINGS | {"project": PROJECT, "form": BUILD_FORM, "errors": {}, "saved": True}),
    "projects.save_resources": ("projects/settings/_resources.html", SETTINGS | {"project": PROJECT, "form": {"cpu": "99", "memory_mb": 512}, "errors": {"cpu": "This server has 4 cores."}, "saved": False}),
    "environments.branches": ("projects/settings/_branches.html", {"goes": BRANCHES}),
    "environments.add": ("projects/settings/_environments.html", SETTINGS | {"project": PROJECT, "form": {}, "errors": {}, "saved": False}),
    "variables.review": ("projects/settings/_review.html", {"project": PROJECT, "review": REVIEW, "errors": {}}),
    "variables.change": ("projects/settings/_variables.html", SETTINGS | {"project": PROJECT, "form": {}, "errors": {}, "saved": False, "outdated": OUTDATED}),
    "variables.save": ("projects/settings/_variables.html", SETTINGS | {"project": PROJECT, "form": {}, "errors": {}, "saved": True}),
    "variables.remove": ("projects/settings/_variables.html", SETTINGS | {"project": PROJECT, "form": {}, "errors": {}, "saved": False, "variables": VARIABLES[1:]}),
    "account.save_general": ("account/_general.html", {"form": {"name": "Ada", "username": "ada"}, "errors": {}, "saved": True}),
}  # fmt: skip
REFUSED = {"projects.save_resources"}


# ── the templates, as Quart would render them ───────────────────────────────────────────────────────────────────────


def jinja() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HOME / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.globals |= {
        "url_for": lambda endpoint, **given: f"/{endpoint}?{urlencode(given)}" if given else f"/{endpoint}",
        "asset": lambda path: f"/static/{path}",
        "app_name": "/dev/push",
        "deployment_row": lambda row: Markup(made.get_template("deployments/_row.html").render(deployment=row)),
    }
    made.filters |= {
        "ansi": ansi,
        "plain": plain,
        "first_line": first_line,
        "iso": lambda at: at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "exact": lambda at: at.strftime("%-d %b %Y, %H:%M:%S UTC"),
        "ago": lambda at: f"{int((NOW - at).total_seconds() // 60)} min ago",
        "lasted": lambda seconds: f"{seconds:.1f} s" if seconds < 10 else f"{int(seconds)} s",
    }
    return made


TEMPLATES = jinja()
COMMON = {
    "me": ME,
    "team": None,
    "teams": TEAMS,
    "project": None,
    "tab": "",
    "csrf_token": "made-up-token",
    "flashes": [],
    "is_htmx": False,
}


def render(template: str, context: dict[str, Any]) -> str:
    return TEMPLATES.get_template(template).render(COMMON | context)


# ── a server that answers like ours ─────────────────────────────────────────────────────────────────────────────────


def stream(endpoint: str, query: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """What a deployment's page is told while it builds; and, for the long log, 100,000 lines."""
    if endpoint != "streams.deployment" or query["deployment_id"] != [LONG.id]:
        return
    after = int(query.get("after", ["0"])[0])
    if after >= 100_000:
        return
    yield (
        "fragment",
        render("deployments/_timeline.html", {"deployment": LONG})
        + render("deployments/_header.html", {"deployment": LONG}),
    )
    for start in range(after + 1, 100_001, 500):
        lines = [
            line(
                n,
                f"\x1b[32mstep {n}\x1b[0m of 100000, which has a \x1b[1mneedle\x1b[0m"
                if n % 25_000 == 0
                else f"\x1b[36mstep\x1b[0m {n} of 100000: nothing to report",
            )
            for n in range(start, min(start + 500, 100_001))
        ]
        yield "lines", render("deployments/_lines.html", {"lines": lines})
    done = Thing(
        **(
            vars(LONG)
            | {
                "state": "succeeded",
                "finished_at": NOW,
                "hostnames": HOSTNAMES,
                "role": "current",
                "can": SUCCEEDED.can,
            }
        )
    )
    yield (
        "fragment",
        render("deployments/_header.html", {"deployment": done})
        + render("deployments/_timeline.html", {"deployment": done}),
    )


DATA = {
    "variables.value": (b"postgres://shop:hunter2@db/shop\nsecond line", "text/plain; charset=utf-8"),
    "variables.text": (
        b"DATABASE_URL=postgres://shop:hunter2@db/shop\nMOTTO='two words'\n",
        "text/plain; charset=utf-8",
    ),
    "metrics.data": (
        json.dumps(metrics.told([before(seconds=15 * (240 - number)) for number in range(240)], CHARTS)).encode(),
        "application/json",
    ),
}
"""What scripts of ours ask for."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        name = asked.path.removeprefix("/")
        if name.startswith("static/"):
            path = HOME / "devpush" / name
            return (
                self.answer(path.read_bytes(), TYPES[path.suffix]) if path.is_file() else self.answer(b"", status=404)
            )
        if name.startswith("streams."):
            return self.stream(name, parse_qs(asked.query))
        if name in DATA:
            return self.answer(*DATA[name])
        if name == "deployments.log":
            first = int(parse_qs(asked.query)["before"][0])
            lines = [line(n, f"an older line, number {n}", "run") for n in range(first - 1000, first)]
            return self.answer(render("deployments/_lines.html", {"lines": lines}).encode())
        if name == "avatars.file":
            return self.answer((HOME / "devpush/static/favicon.svg").read_bytes(), TYPES[".svg"])
        if name.startswith("mail-"):  # no page of ours: mails style themselves inline
            return self.answer(render(*PAGES[name]).encode(), policy="")
        if name in PAGES:
            return self.answer(render(*PAGES[name]).encode())
        if name in FRAGMENTS:
            return self.answer(render(*FRAGMENTS[name]).encode())
        return self.answer(b"", status=404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode(errors="replace")
        name = urlsplit(self.path).path.removeprefix("/")
        SENT.append((name, body, self.headers.get("X-CSRF-Token") or ""))
        if name not in FRAGMENTS:
            return self.answer(b"", status=403)
        toasts = render("_toasts.html", {"flashes": [("success", "Removed.")]}) if name == "variables.remove" else ""
        return self.answer((render(*FRAGMENTS[name]) + toasts).encode(), status=422 if name in REFUSED else 200)

    def answer(
        self, body: bytes, kind: str = "text/html; charset=utf-8", status: int = 200, policy: str = POLICY
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def stream(self, name: str, query: dict[str, list[str]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.close_connection = True
        try:
            for event, data in stream(name, query):
                self.wfile.write(
                    f"event: {event}\n{''.join(f'data: {one}' + chr(10) for one in data.split(chr(10)))}\n".encode()
                )
                self.wfile.flush()
            self.wfile.write(b"event: end\ndata: done\n\n")
        except OSError:
            pass

    def log_message(self, *_: Any) -> None:
        pass


SENT: list[tuple[str, str, str]] = []


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────

# Words whose contrast with what is behind them is below WCAG AA.
FAINT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  const pixel = (colours) => { canvas.clearRect(0, 0, 1, 1); for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1) } return [...canvas.getImageData(0, 0, 1, 1).data] }
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z }
  const faint = new Map()
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement
    if (!node.textContent.trim() || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest("[disabled], option, noscript, .sr-only, .skip")) continue
    const behind = []
    for (let up = element; up; up = up.parentElement) behind.unshift(getComputedStyle(up).backgroundColor)
    const style = getComputedStyle(element)
    const back = light(pixel(["white", getComputedStyle(document.body).backgroundColor, ...behind])), front = light(pixel(["white", ...behind, style.color]))
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05)
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700)
    if (ratio < (large ? 3 : 4.5)) faint.set(element.className + "|" + style.color, `${ratio.toFixed(2)} “${node.textContent.trim().slice(0, 40)}” .${element.className || element.tagName}`)
  }
  return [...faint.values()]
}"""


class Look:
    """One browser, many pages, one list of complaints."""

    def __init__(self, browser: Browser, address: str, out: Path) -> None:
        self.browser, self.address, self.out, self.complaints = browser, address, out, list[str]()

    def page(self, name: str, width: int, theme: Any) -> Page:
        touch = width < 600
        page = self.browser.new_page(
            viewport={"width": width, "height": 844 if touch else 860},
            color_scheme=theme,
            has_touch=touch,
            is_mobile=touch,
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
        )
        where = f"{name} {width} {theme}"
        page.on("console", lambda message: self.heard(where, message))
        page.on("pageerror", lambda error: self.complain(where, str(error)))
        page.goto(f"{self.address}/{name}")
        page.wait_for_load_state("load")
        page.wait_for_timeout(60)
        return page

    def heard(self, where: str, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:  # refusals are part of the show
            self.complain(where, message.text)

    def complain(self, where: str, what: str) -> None:
        self.complaints.append(f"{where}: {what}")
        print("  !", self.complaints[-1])

    def examine(self, page: Page, name: str, width: int, theme: str, whole: bool = True) -> None:
        where = f"{name} {width} {theme}"
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.complain(where, f"scrolls sideways by {wide} px")
        for words in page.evaluate(FAINT):
            self.complain(where, f"too faint: {words}")
        page.screenshot(path=self.out / f"{name}-{width}-{theme}.png", full_page=whole, animations="disabled")


def acts(look: Look) -> None:
    """The things that move: menus, dialog, forms, stream, the long log."""
    page = look.page("project", 1280, "light")
    page.get_by_role("button", name="Switch project").click()
    page.get_by_role("link", name="Docs").first.wait_for()
    page.keyboard.type("mark")
    look.examine(page, "act-switcher", 1280, "light", whole=False)
    page.keyboard.press("ArrowDown")
    expect(
        look,
        "arrow moves to the first match",
        page.evaluate("document.activeElement.textContent.trim()") == "Marketing site",
    )
    page.keyboard.press("Escape")
    expect(look, "Escape closes the menu", page.locator(".menu:popover-open").count() == 0)
    page.get_by_role("button", name="More for").nth(3).click()
    look.examine(page, "act-row-menu", 1280, "light", whole=False)
    page.evaluate(
        "replace(document.querySelectorAll('.row')[3].outerHTML.replace('Succeeded', 'Succeeded indeed').replace(/ style=.[^>]*>/g, '>'))"
    )
    page.get_by_text("Succeeded indeed").wait_for()
    expect(look, "a menu stays open while its row changes", page.locator(".menu:popover-open").count() == 1)
    page.get_by_role("link", name="Roll back to this").click()
    page.get_by_role("dialog").wait_for()
    look.examine(page, "act-rollback", 1280, "light", whole=False)
    page.keyboard.press("Escape")
    expect(look, "Escape closes the dialog", page.locator("dialog[open]").count() == 0)
    page.get_by_role("button", name="invitation").click()
    page.get_by_text("Analytical Engines").wait_for()
    look.examine(page, "act-bell", 1280, "light", whole=False)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Switch team").click()
    look.examine(page, "act-teams", 1280, "light", whole=False)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.locator("#found").get_by_role("link", name="Try the new image").wait_for()
    look.examine(page, "act-palette", 1280, "light", whole=False)
    page.keyboard.press("ArrowDown")
    expect(
        look,
        "arrows move through what was found",
        page.evaluate("document.activeElement.textContent.trim()") == "Overview",
    )
    page.keyboard.press("Escape")
    expect(look, "Escape closes the palette", page.locator("dialog[open]").count() == 0)
    page.get_by_role("button", name="Account menu").click()
    page.get_by_role("button", name="Dark").click()
    expect(look, "the theme changes", page.evaluate("document.documentElement.className") == "dark")
    look.examine(page, "act-account", 1280, "dark", whole=False)
    page.reload()
    expect(look, "and stays", page.evaluate("document.documentElement.className") == "dark")
    page.close()

    page = look.page("settings", 1280, "light")
    save = page.locator("#settings-build footer button")
    expect(look, "Save waits for a change", save.is_disabled())
    page.locator("#settings-build #preset").select_option("nextjs")
    expect(
        look,
        "the preset fills the commands",
        page.locator("#install").input_value() == "npm ci" and page.locator("#runner").input_value() == "node",
    )
    save.click()
    page.get_by_text("Saved", exact=True).first.wait_for()
    expect(
        look,
        "the form is sent with its proof",
        SENT[-1][0] == "projects.save_build" and SENT[-1][2] == "made-up-token" and "install=npm+ci" in SENT[-1][1],
    )
    page.locator("#memory_mb").fill("513")
    page.locator("#settings-resources footer button").click()
    page.get_by_text("This server has 4 cores").wait_for()
    page.get_by_role("button", name="Show the value of DATABASE_URL").click()
    page.get_by_text("postgres://shop").wait_for()
    page.get_by_role("button", name="Remove SECRET_KEY").click()
    look.examine(page, "act-confirm", 1280, "light", whole=False)
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_text("DATABASE_URL").wait_for(state="detached")
    expect(
        look,
        "a toast that came along joins the others",
        page.locator(".toasts").count() == 1 and page.locator("body > .toasts").inner_text() == "Removed.",
    )
    settings_acts(look, page)
    delete = page.get_by_role("button", name="Delete project")
    expect(look, "Delete waits for the slug", delete.is_disabled())
    page.locator("#confirmation").fill("shop")
    expect(look, "and wakes up with it", delete.is_enabled())
    look.examine(page, "act-settings", 1280, "light")
    page.close()

    page = look.page("configure", 390, "light")
    page.get_by_text("Commands", exact=True).click()
    look.examine(page, "act-configure", 390, "light")
    page.close()

    page = look.page("logs", 1280, "dark")
    page.evaluate("document.querySelector('.log-view').scrollTop = 0")
    until(page, "document.querySelector('.log-view').scrollHeight > 15000")
    page.get_by_label("Find in the log").fill("items/7 ")
    page.keyboard.press("Enter")
    expect(look, "the search counts", page.locator(".find-box output").inner_text() == "1 of 1")
    look.examine(page, "act-search", 1280, "dark", whole=False)
    page.close()

    log_acts(look)
    long_log(look)


def settings_acts(look: Look, page: Page) -> None:
    """Environments and variables."""
    card = page.locator("#settings-environments")
    card.scroll_into_view_if_needed()
    card.get_by_text("try-it").wait_for()
    goes = card.locator('#branches [data-branch="try-it"]')
    expect(look, "a branch that nobody takes says so", "isn’t deployed" in goes.inner_text())
    card.get_by_text("Add an environment").click()
    form = card.locator("#new-environment")
    form.get_by_label("Name").fill("Trial")
    form.get_by_label("Branch pattern").fill("try-*")
    expect(
        look,
        "a pattern shows at once what it takes",
        "Trial" in goes.inner_text() and form.get_by_text("Takes try-it.").is_visible(),
    )
    card.get_by_text("Staging").first.click()
    staging = card.locator("#environment-staging")
    staging.get_by_label("Branch pattern").fill("*")
    expect(
        look,
        "the first that takes a branch gets it",
        "Staging" in goes.inner_text() and form.get_by_text("Takes none").is_visible(),
    )
    staging.get_by_text("Delete Staging").click()
    expect(
        look,
        "an environment waits for its slug",
        staging.get_by_role("button", name="Delete environment").is_disabled(),
    )
    look.examine(page, "act-environments", 1280, "light")
    card = page.locator("#settings-variables")
    card.get_by_label("What an environment gets").select_option(label="What Staging gets")
    expect(
        look,
        "variables are sifted by environment",
        not card.locator('[data-key="DATABASE_URL"]').is_visible()
        and card.locator('[data-key="SECRET_KEY"]').is_visible(),
    )
    card.get_by_label("Find a variable").fill("long")
    expect(look, "and by name", card.locator(".vars li:visible").count() == 1)
    card.get_by_label("Find a variable").fill("")
    card.get_by_role("button", name="Edit SECRET_KEY").click()
    until(page, "document.querySelector('#value').value.includes('hunter2')")
    expect(look, "one is edited where it is added", card.locator("#key").input_value() == "SECRET_KEY")
    card.get_by_text("Edit all as text").click()
    until(page, "document.querySelector('#all-dotenv').value.includes('MOTTO')")
    card.locator("#all-dotenv").fill("A=1")
    card.get_by_label("Environment", exact=True).last.select_option(label="Demo")
    page.get_by_text("See what changes and save it first").wait_for()
    expect(look, "what was typed stays", card.locator("#all-dotenv").input_value() == "A=1")
    card.locator("#all-variables").get_by_role("button", name="See what changes").click()
    page.get_by_role("button", name="Save these changes").wait_for()
    look.examine(page, "act-variables", 1280, "light")
    card.locator("#all-dotenv").fill("A=2")
    expect(look, "another text wants another look", page.get_by_role("button", name="Save these changes").count() == 0)


def log_acts(look: Look) -> None:
    """Sources, errors and moments: what is done to a log without asking the server, and what the address says."""
    page = look.page("deployment", 1280, "light")
    shown = "[...document.querySelectorAll('.line')].filter((line) => line.checkVisibility()).map((line) => line.dataset.source)"
    page.get_by_role("link", name="Requests").click()
    expect(look, "one source is shown", set(page.evaluate(shown)) == {"request"})
    expect(look, "the address says which", page.url.endswith("source=request"))
    page.get_by_role("link", name="All", exact=True).click()
    page.get_by_role("button", name="4 errors").click()
    until(page, "document.querySelector('.line.chosen')?.dataset.level === 'error'")
    page.keyboard.press("/")
    expect(look, "a slash begins to find", page.evaluate("document.activeElement.type") == "search")
    page.get_by_text("What changed").click()
    page.get_by_text("2 earlier").click()
    look.examine(page, "act-changes", 1280, "light", whole=False)
    page.close()

    page = look.page("deployment-asking", 1280, "light")
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("Larger pictures").wait_for()
    page.close()

    page = look.page("logs", 1280, "light")
    page.get_by_text("Branch, deployment, time").click()
    page.get_by_label("From").fill("2026-07-01T10:00")
    with page.expect_request(lambda request: "logs.index" in request.url) as asked:
        page.get_by_label("From").press("Enter")
    expect(look, "a moment has its offset", asked.value.url.endswith("?from=2026-07-01T10%3A00%2B02%3A00"))
    page.close()
    page = look.page("logs-requests", 1280, "light")
    there = before(days=2).timestamp()
    here = page.evaluate("new Date(document.querySelector('[name=from]').value).getTime() / 1000")
    expect(look, "a moment is shown in the reader's zone", abs(here - there) < 60)
    page.close()

    page = look.page("deployments", 1280, "light")
    with page.expect_request(lambda request: "deployments.index" in request.url) as asked:
        page.get_by_label("To", exact=True).fill("2026-12-24")
        page.get_by_label("To", exact=True).blur()
    expect(look, "a day ends where the reader is", "to=2026-12-24T23%3A59%2B01%3A00" in asked.value.url)
    expect(look, "what is empty stays out of the address", "branch=" not in asked.value.url)
    page.close()


def long_log(look: Look) -> None:
    started = time.monotonic()
    page = look.page("long-log", 1280, "light")
    until(page, "[...document.querySelectorAll('.log-view a')].at(-1)?.hash === '#L100000'")
    took = time.monotonic() - started
    page.wait_for_timeout(500)
    inside = page.evaluate("document.querySelectorAll('.log-view *').length")
    frames = page.evaluate("""async () => {
      const view = document.querySelector(".log-view"), waits = []
      let last = performance.now()
      for (let step = 0; step < 90; step++) {
        view.scrollTop = view.scrollHeight * (1 - step / 90)
        await new Promise(requestAnimationFrame)
        waits.push(performance.now() - last)
        last = performance.now()
      }
      return waits.sort((a, b) => a - b)
    }""")
    begun = time.monotonic()
    page.get_by_label("Find in the log").fill("needle")
    until(page, "document.querySelector('.find-box output').textContent === '4 of 4'")
    searched = time.monotonic() - begun
    page.keyboard.press("Shift+Enter")
    until(page, "document.querySelector('.line.chosen > a')?.hash === '#L75000'")
    page.wait_for_timeout(100)
    look.examine(page, "act-long-log", 1280, "light", whole=False)
    expect(
        look,
        "the header followed the stream",
        "Succeeded" in page.locator("#deployment-header").inner_text() and page.title().startswith("Succeeded"),
    )
    expect(
        look,
        "the favicon too",
        page.locator('link[rel="icon"]').get_attribute("href") == "/static/favicon-succeeded.svg",
    )
    heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    print(
        f"100,000 lines: in after {took:.1f} s, {inside} elements in the page, {heap:.0f} MB, frame p50 {frames[45]:.0f} ms p95 {frames[85]:.0f} ms, search {searched:.2f} s"
    )
    page.close()


def until(page: Page, true: str, seconds: float = 90) -> None:
    """Playwright's own waiting in the page needs eval, which the policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(true):
        if time.monotonic() > end:
            raise TimeoutError(f"never true: {true}")
        time.sleep(0.02)


def expect(look: Look, what: str, held: bool) -> None:
    if not held:
        look.complain("act", f"not so: {what}")


def weigh() -> None:
    def packed(content: bytes) -> int:
        return len(gzip.compress(content, 9))

    static = HOME / "devpush/static"
    shared = {
        name: packed((static / name).read_bytes())
        for name in (
            "app.css",
            "theme.js",
            "app.js",
            "vendor/htmx.min.js",
            "vendor/alpine-csp.min.js",
            "icons.svg",
            "favicon.svg",
        )
    }
    print(json.dumps(shared))
    for name, extra in (("sign-in", ()), ("team", ()), ("project", ()), ("deployment", ("log.js",)), ("settings", ())):
        html = packed(render(*PAGES[name]).encode())
        files = {
            key: size
            for key, size in shared.items()
            if name != "sign-in" or key in ("app.css", "theme.js", "favicon.svg")
        }
        more = sum(packed((static / one).read_bytes()) for one in extra)
        whole = html + more + sum(files.values())
        print(
            f"first page {name}: {whole / 1000:.1f} kB gzip with icons, {(whole - files.get('icons.svg', 0) - files['favicon.svg']) / 1000:.1f} kB html + css + js (html {html / 1000:.1f})"
        )


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("out", type=Path)
    ask.add_argument("--only", default="")
    ask.add_argument("--widths", default="1280,390")
    ask.add_argument("--themes", default="light,dark")
    ask.add_argument("--no-acts", action="store_true")
    ask.add_argument("--browser", default="/usr/bin/chromium")
    given = ask.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=given.browser, args=ARGUMENTS)
        look = Look(browser, f"http://127.0.0.1:{server.server_port}", given.out)
        for name in given.only.split(",") if given.only else [name for name in PAGES if name != "long-log"]:
            for width in map(int, given.widths.split(",")):
                for theme in given.themes.split(","):
                    page = look.page(name, width, theme)
                    look.examine(page, name, width, theme)
                    page.close()
        if not given.no_acts:
            acts(look)
        browser.close()
    server.shutdown()
    weigh()
    print(f"{len(look.complaints)} complaints")
    return bool(look.complaints)


if __name__ == "__main__":
    sys.exit(main())
