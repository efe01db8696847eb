"""The nouns. Tortoise finds every model here."""

from devpush.models.deployment import Deployment, State
from devpush.models.people import Installation, Member, Role, Session, SignInLink, Team, User
from devpush.models.project import Environment, Project, Variable
from devpush.models.route import Alias, AliasKind

__all__ = [
    "Alias",
    "AliasKind",
    "Deployment",
    "Environment",
    "Installation",
    "Member",
    "Project",
    "Role",
    "Session",
    "SignInLink",
    "State",
    "Team",
    "User",
    "Variable",
]
