"""The audit log: who did what to what, from where. Whatever a person does that changes something leaves one entry; the
database refuses to change or remove any."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from devpush.models import AuditEntry, Project, Team, User
from devpush.models.database import fetch, literally

WORDS = {
    "account.changed": "changed their account",
    "account.deleted": "deleted the account",
    "backup.made": "made a backup",
    "deploy_key.made": "made another deploy key",
    "deployment.cancelled": "cancelled the deployment",
    "deployment.promoted": "promoted to production the deployment",
    "deployment.redeployed": "deployed again",
    "deployment.rolled_back": "rolled back to",
    "deployment.started": "deployed the branch",
    "delivery.replayed": "deployed once more a push to",
    "domain.added": "added the domain",
    "domain.changed": "changed the domain",
    "domain.removed": "removed the domain",
    "email.changed": "changed their address to",
    "environment.added": "added the environment",
    "environment.changed": "changed the environment",
    "environment.moved": "moved the environment",
    "environment.removed": "deleted the environment",
    "github_app.forgotten": "removed the GitHub App",
    "github_app.made": "made the GitHub App",
    "hook_secret.made": "made another webhook secret",
    "invitation.accepted": "accepted the invitation to",
    "invitation.declined": "declined an invitation",
    "invitation.sent": "invited",
    "invitation.sent_again": "invited once more",
    "invitation.withdrawn": "withdrew the invitation of",
    "keys.rotated": "stored every secret under the first ENCRYPTION_KEY",
    "member.left": "left the team",
    "member.removed": "removed from the team",
    "member.role_changed": "changed the role of",
    "method.connected": "connected their account with",
    "method.disconnected": "disconnected",
    "picture.changed": "changed the picture",
    "project.changed": "changed the settings",
    "project.created": "created the project",
    "project.deleted": "deleted the project",
    "project.ended": "deleted for good the project",
    "project.restored": "restored the project",
    "repository.changed": "changed the repository to",
    "session.begun": "signed in",
    "session.ended": "signed out",
    "sessions.ended": "ended sessions",
    "sign_in_link.made": "printed a sign-in link for the operator",
    "team.changed": "changed the team",
    "team.created": "created the team",
    "team.deleted": "deleted the team",
    "variable.removed": "removed the variable",
    "variable.saved": "saved the variable",
    "variables.changed": "changed variables",
}
"""What was done → as it is read after whoever did it, and before what it was done to."""


@dataclass(frozen=True)
class Actor:
    """Who does something, and from where."""

    who: str
    user_id: UUID | None = None
    address: str = ""
    agent: str = ""

    @classmethod
    def of(cls, user: User, *, address: str = "", agent: str = "") -> "Actor":
        return cls(user.email, user.id, address, agent)


COMMAND_LINE = Actor("the server's command line")


async def record(
    by: Actor, what: str, target: str = "", *, team: Team | None = None, project: Project | None = None, **details: Any
) -> None:
    """Add an entry, in the transaction that is open, if one is. `what` is one of WORDS; `details` are plain facts,
    never the value of a secret."""
    if what not in WORDS:
        raise ValueError(f"{what} is not in WORDS.")
    await AuditEntry.create(
        user_id=by.user_id,
        who=by.who[:255],
        team_id=team.id if team else project.team_id if project else None,
        team=team.name if team else "",
        project_id=project.id if project else None,
        project=project.name if project else "",
        what=what,
        target=target[:300],
        details=details,
        address=by.address,
        agent=by.agent[:200],
    )


# Reading it


@dataclass(frozen=True)
class Search:
    """What is looked for. No team: the whole server."""

    team_id: UUID | None = None
    text: str = ""
    """In who, project, target, or the words of what was done."""
    since: datetime | None = None
    until: datetime | None = None


async def find(search: Search, *, before: int | None = None, limit: int) -> list[AuditEntry]:
    """The newest entries with an id below `before`, newest first."""
    conditions, values = ["true"], list[object]()

    def also(condition: str, *given: object) -> None:
        places = [f"${len(values) + number}" for number in range(1, len(given) + 1)]
        conditions.append(condition.format(*places))
        values.extend(given)

    if search.team_id:
        also("team_id = {}", search.team_id)
    if search.text:
        named = [what for what, words in WORDS.items() if search.text.lower() in f"{what} {words}".lower()]
        also(
            "(who ILIKE {0} OR project ILIKE {0} OR target ILIKE {0} OR what = ANY({1}))",
            f"%{literally(search.text)}%",
            named,
        )
    if search.since:
        also("at >= {}", search.since)
    if search.until:
        also("at < {}", search.until)
    if before is not None:
        also("id < {}", before)
    sql = f"SELECT * FROM audit WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT {int(limit)}"  # noqa: S608
    return [AuditEntry._init_from_db(**row) for row in await fetch(sql, *values)]
