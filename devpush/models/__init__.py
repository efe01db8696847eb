"""The nouns. Tortoise finds every model here."""

from devpush.models.audit import AuditEntry
from devpush.models.backup import Backup
from devpush.models.certificate import Certificate
from devpush.models.delivery import Delivery, Receipt, Report
from devpush.models.deployment import Deployment, State
from devpush.models.disk import DiskSample, ProjectDisk
from devpush.models.domain import Domain, DomainState
from devpush.models.github import GitHubApp, GitHubInstallation, GitHubToken
from devpush.models.people import (
    EmailChange,
    Identity,
    Installation,
    Invitation,
    Member,
    OAuthAttempt,
    Role,
    Session,
    SignInLink,
    Team,
    User,
)
from devpush.models.project import Environment, Project, Variable
from devpush.models.route import Alias, AliasKind

__all__ = [
    "Alias",
    "AliasKind",
    "AuditEntry",
    "Backup",
    "Certificate",
    "Delivery",
    "Deployment",
    "DiskSample",
    "Domain",
    "DomainState",
    "EmailChange",
    "Environment",
    "GitHubApp",
    "GitHubInstallation",
    "GitHubToken",
    "Identity",
    "Installation",
    "Invitation",
    "Member",
    "OAuthAttempt",
    "Project",
    "ProjectDisk",
    "Receipt",
    "Report",
    "Role",
    "Session",
    "SignInLink",
    "State",
    "Team",
    "User",
    "Variable",
]
