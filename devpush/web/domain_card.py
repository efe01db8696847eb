"""What the settings show of a project's domains: each with its state, what is wrong, and the records to be set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import idna

from devpush.deploy import proofs
from devpush.deploy.proofs import Record
from devpush.models import Domain, Project
from devpush.models.database import fetch
from devpush.settings import Settings
from devpush.web.forms import world

DOMAINS = """
    SELECT d.id, d.hostname, d.redirect_to, d.redirect_status, d.proof, d.state, d.reason, d.environment_id,
        d.checked_at, d.failing_since, d.certificate, d.certificate_note, d.certificate_until,
        e.name AS environment_name, e.color AS environment_color,
        (SELECT label FROM alias WHERE project_id = $1 AND kind = 'production') AS label
    FROM domain d LEFT JOIN environment e ON e.id = d.environment_id WHERE d.project_id = $1 ORDER BY d.hostname
"""
WORDS = {
    "pending": "Waiting for DNS",
    "verified": "Live",
    "failing": "DNS has changed",
    "disabled": "Not served",
}
STATUSES = {"pending": "queued", "verified": "succeeded", "failing": "failed", "disabled": "cancelled"}
"""Which of the signs used everywhere stands for a domain's state."""
KINDS = {
    301: "301, moved for good",
    302: "302, for the time being",
    307: "307, for the time being, same method",
    308: "308, moved for good, same method",
}


@dataclass(frozen=True)
class DomainCard:
    id: UUID
    hostname: str
    readable: str
    """As people write it, where that is something else: bücher.example."""
    url: str
    state: str
    word: str
    sign: str
    reason: str
    serves: str
    """"environment" or "redirect"; "" if it serves nothing any more."""
    environment_id: UUID | None
    environment_name: str
    environment_color: str
    redirect_to: str
    redirect_status: int | None
    leading: Sequence[Record]
    saying: Record
    checked_at: datetime | None
    failing_since: datetime | None
    certificate: str
    certificate_note: str
    certificate_until: datetime | None


async def domain_cards(project: Project) -> list[DomainCard]:
    """One query."""
    settings = world().settings
    return [_card(settings, row, project.slug) for row in await fetch(DOMAINS, project.id)]


def _card(settings: Settings, row: Mapping[str, Any], slug: str) -> DomainCard:
    target = f"{row['label'] or slug}.{settings.deploy_domain}"
    domain = Domain(hostname=row["hostname"], proof=row["proof"])
    serves = "redirect" if row["redirect_to"] else "environment" if row["environment_id"] else ""
    same = ("id", "hostname", "state", "reason", "environment_id", "redirect_to", "redirect_status", "checked_at")
    shown = ("failing_since", "certificate", "certificate_note", "certificate_until")
    return DomainCard(
        **{name: row[name] for name in (*same, *shown)},
        readable=_readable(row["hostname"]),
        url=settings.app_url(row["hostname"]),
        word="Live, with a note" if row["state"] == "verified" and row["reason"] else WORDS[row["state"]],
        sign=STATUSES[row["state"]],
        serves=serves,
        environment_name=row["environment_name"] or "",
        environment_color=row["environment_color"] or "",
        leading=proofs.leading(settings, row["hostname"], target),
        saying=proofs.saying(domain),
    )


def _readable(hostname: str) -> str:
    try:
        return "" if "xn--" not in hostname else idna.decode(hostname)
    except UnicodeError:
        return ""
