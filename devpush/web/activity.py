"""Who did what: leaving entries in the audit log, its pages, and its export."""

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC
from typing import Any

from quart import Blueprint, Response, g, request

from devpush.deploy import audit
from devpush.deploy.audit import Actor, Search
from devpush.models import AuditEntry, Project, Team, User
from devpush.web.auth import may, operator, this_team
from devpush.web.forms import answer, path_to
from devpush.web.query import asked, asked_number, moment
from devpush.web.session import client_ip

bp = Blueprint("activity", __name__)

ROWS = 50
EXPORTED_AT_ONCE = 500
COLUMNS = ("at", "who", "what", "target", "project", "team", "details", "address", "agent")
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula."""


async def did(
    what: str,
    target: str = "",
    *,
    by: User | None = None,
    team: Team | None = None,
    project: Project | None = None,
    **details: Any,
) -> None:
    """Whoever asks has just done that (one of audit.WORDS), to the team or project of the URL if no other is named."""
    user = by or g.me
    actor = Actor.of(user, address=client_ip(), agent=request.user_agent.string)
    project = project or g.get("project")
    await audit.record(actor, what, target, team=team or g.get("team"), project=project, **details)


# Pages


@bp.get("/teams/<team_slug>/activity")
@may("view_audit")
async def team(team_slug: str) -> Response:
    return await _page("team", Search(team_id=this_team().id), team_slug=team_slug)


@bp.get("/operator/activity")
@operator
async def server() -> Response:
    return await _page("server", Search())


async def _page(where: str, search: Search, **url: str) -> Response:
    given, search = asked("q", "from", "to"), _asked(search)
    found = await audit.find(search, before=asked_number("before"), limit=ROWS + 1)
    entries, older = found[:ROWS], ""
    if len(found) > ROWS:
        older = path_to(f"activity.{where}", **url, **given, before=entries[-1].id)
    return answer(
        f"activity/{where}.html",
        tab="activity",
        entries=entries,
        words=audit.WORDS,
        given=given,
        filtered=bool(given),
        here=path_to(f"activity.{where}", **url),
        newest=path_to(f"activity.{where}", **url, **given) if asked_number("before") else "",
        older=older,
        exports={kind: path_to(f"activity.{where}_export", **url, **given, export=kind) for kind in ("csv", "jsonl")},
    )


def _asked(search: Search) -> Search:
    given = asked("q", "from", "to")
    since, until = moment(given.get("from", "")), moment(given.get("to", ""), end=True)
    return replace(search, text=given.get("q", ""), since=since, until=until)


# Export


@bp.get("/teams/<team_slug>/activity.<any(csv, jsonl):export>")
@may("view_audit")
async def team_export(team_slug: str, export: str) -> Response:
    return _export(export, Search(team_id=this_team().id), this_team().slug)


@bp.get("/operator/activity.<any(csv, jsonl):export>")
@operator
async def server_export(export: str) -> Response:
    return _export(export, Search(), "server")


def _export(kind: str, search: Search, name: str) -> Response:
    """All that was found, newest first, piece by piece: there may be very many."""
    mimetype = "text/csv" if kind == "csv" else "application/x-ndjson"
    response = Response(_pieces(kind, _asked(search)), content_type=f"{mimetype}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="activity-{name}.{kind}"'
    response.timeout = None
    return response


async def _pieces(kind: str, search: Search) -> AsyncIterator[str]:
    lines = csv_lines if kind == "csv" else json_lines
    if kind == "csv":
        yield ",".join(COLUMNS) + "\r\n"
    before = None
    while entries := await audit.find(search, before=before, limit=EXPORTED_AT_ONCE):
        yield lines(entries)
        before = entries[-1].id


def json_lines(entries: list[AuditEntry]) -> str:
    return "".join(json.dumps(_facts(entry), ensure_ascii=False) + "\n" for entry in entries)


def csv_lines(entries: list[AuditEntry]) -> str:
    """Cells that a spreadsheet would take for a formula begin with an apostrophe: it shows them as text."""
    text = io.StringIO()
    writer = csv.writer(text)
    for entry in entries:
        facts = _facts(entry)
        facts["details"] = json.dumps(facts["details"], ensure_ascii=False) if facts["details"] else ""
        cells = [str(facts[name]) for name in COLUMNS]
        writer.writerow(["'" + cell if cell.startswith(RISKY) else cell for cell in cells])
    return text.getvalue()


def _facts(entry: AuditEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in COLUMNS} | {"at": entry.at.astimezone(UTC).isoformat()}
