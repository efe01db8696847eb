"""What is deployed: a project, its environments and their variables."""

import fnmatch
import re
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from tortoise import Model, connections, fields

from devpush.errors import Refused
from devpush.models.people import Team, User
from devpush.models.secret import SecretField, encrypt

PRODUCTION = "production"
MOST_TOGETHER = 1_400_000
"""Bytes of a project's values as they are stored; Linux gives a process 2 MB for its whole environment."""


class Project(Model):
    id = fields.UUIDField(primary_key=True, default=uuid4)
    team: fields.ForeignKeyRelation[Team] = fields.ForeignKeyField("models.Team", related_name="projects")
    team_id: UUID
    created_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="projects", null=True, on_delete=fields.SET_NULL
    )
    created_by_id: UUID | None
    slug = fields.CharField(max_length=40, unique=True)
    name = fields.CharField(max_length=120)
    repo_url = fields.CharField(max_length=2048)
    repo_local = fields.BooleanField(default=False)
    repo_username = fields.CharField(max_length=255, default="")
    repo_token = SecretField(null=True)
    repo_key = SecretField(null=True)
    """The private half of a deploy key that we made (OpenSSH)."""
    repo_public_key = fields.TextField(default="")
    github_repo_id = fields.BigIntField(null=True)
    """GitHub's id of the repository, which outlives its renames; null: not connected by the GitHub App."""
    github_installation_id = fields.BigIntField(null=True)
    repo_trouble = fields.TextField(default="")
    """What happened to the repository, and what to do about it; "" while all is well."""
    hook_id = fields.UUIDField(unique=True, default=uuid4)
    """In the address of the project's own webhook."""
    hook_secret = SecretField(null=True, default=lambda: secrets.token_urlsafe(32))
    """Null: a project from before there were hooks; it gets one when somebody asks for it."""
    polled = fields.BooleanField(default=True)
    """Whether we ask the server for pushes nobody told us of."""
    watch_paths: fields.Field[list[str]] = fields.JSONField(default=list)
    """Only a push that changes one of these is deployed; none: every push."""
    skip_by_message = fields.BooleanField(default=True)
    """Whether a commit may say that it isn't to be deployed ("[skip deploy]")."""
    avatar = fields.CharField(max_length=16, null=True)
    preset = fields.CharField(max_length=40, default="")
    runner = fields.CharField(max_length=40)
    runner_version = fields.CharField(max_length=20, default="")
    """One of the runner's versions; "": the one the server would choose."""
    root_dir = fields.CharField(max_length=512, default="")
    install = fields.TextField(default="")
    build = fields.TextField(default="")
    pre_deploy = fields.TextField(default="")
    start = fields.TextField(default="")
    dependency_files: fields.Field[list[str]] = fields.JSONField(default=list)
    health_path = fields.CharField(max_length=512, default="/")
    cpu_quota = fields.IntField()
    memory_mb = fields.IntField()
    subnet = fields.CharField(max_length=18, null=True, unique=True)
    drain_seconds = fields.IntField(null=True)
    """How long what served goes on for connections that last, once a newer one serves; null: DRAIN_SECONDS."""
    cache_mb = fields.IntField(null=True)
    """The most that its build caches take on disk; null: BUILD_CACHE_MB."""
    removing_at = fields.DatetimeField(null=True)
    """When somebody deleted it: nothing of it is served or seen any more. Until `ends_at` it can be restored."""
    ends_at = fields.DatetimeField(null=True)
    """When all that is left of it goes for good."""
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)
    active_at = fields.DatetimeField(auto_now_add=True)
    """When its newest deployment was made (deploy/push.py), or it was itself: what lists of projects go by."""

    class Meta:
        table = "project"
        indexes = (("team", "slug"), ("team", "active_at"), ("github_repo_id",), ("github_installation_id",))

    def config(self) -> dict[str, Any]:
        """The part of the settings that a deployment keeps a snapshot of."""
        return {name: getattr(self, name) for name in CONFIG}


CONFIG = (
    "runner",
    "runner_version",
    "preset",
    "root_dir",
    "install",
    "build",
    "pre_deploy",
    "start",
    "dependency_files",
    "health_path",
    "cpu_quota",
    "memory_mb",
)
WORDS = {
    "root_dir": "root directory",
    "install": "install command",
    "build": "build command",
    "pre_deploy": "pre-deploy command",
    "start": "start command",
    "cpu_quota": "CPU",
    "memory_mb": "memory",
    "drain_seconds": "seconds for connections that last",
    "cache_mb": "MB for build caches",
}
"""What settings are called on the pages, where that isn't their own name."""


def word(name: str) -> str:
    return WORDS.get(name, name.replace("_", " "))


class Environment(Model):
    """Where a push goes: `production`, or another with a branch pattern (exact, or with one `*`)."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    project: fields.ForeignKeyRelation[Project] = fields.ForeignKeyField("models.Project", related_name="environments")
    project_id: UUID
    name = fields.CharField(max_length=60)
    slug = fields.CharField(max_length=40)
    color = fields.CharField(max_length=20, default="green")
    branch = fields.CharField(max_length=255)
    position = fields.IntField(default=0)
    kept_images = fields.IntField(null=True)
    """To how many of its newest deployments one can roll back without a build; null: KEPT_IMAGES."""
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "environment"
        unique_together = (("project", "slug"),)
        ordering = ("position",)

    def takes(self, branch: str) -> bool:
        if self.slug == PRODUCTION or "*" not in self.branch:
            return self.branch == branch
        return re.fullmatch(fnmatch.translate(self.branch.replace("[", "[[]").replace("?", "[?]")), branch) is not None


class Variable(Model):
    """An environment variable; `environment` null means all of them."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    project: fields.ForeignKeyRelation[Project] = fields.ForeignKeyField("models.Project", related_name="variables")
    project_id: UUID
    environment: fields.ForeignKeyNullableRelation[Environment] = fields.ForeignKeyField(
        "models.Environment", related_name="variables", null=True
    )
    environment_id: UUID | None
    key = fields.CharField(max_length=100)
    value = SecretField()
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "variable"

    @classmethod
    async def keep(cls, project_id: UUID, given: Mapping[str, str], environment_id: UUID | None = None) -> None:
        """Add or replace them all in one statement: of two people at once neither loses the other's. Raises Refused."""
        tokens = {key: encrypt(value).encode() for key, value in given.items()}
        database = connections.get("default")
        [others] = await database.execute_query_dict(
            """SELECT coalesce(sum(length(value)), 0) AS size FROM variable
            WHERE project_id = $1 AND NOT (key = ANY($2) AND environment_id IS NOT DISTINCT FROM $3)""",
            [project_id, list(tokens), environment_id],
        )
        if others["size"] + sum(map(len, tokens.values())) > MOST_TOGETHER:
            raise Refused("The variables of a project can be about 1 MB together. Put large ones into files.")
        await database.execute_query(
            """INSERT INTO variable (id, project_id, environment_id, key, value, created_at, updated_at)
            SELECT gen_random_uuid(), $1, $2, given.key, given.value, now(), now()
            FROM unnest($3::text[], $4::bytea[]) AS given (key, value)
            ON CONFLICT (project_id, environment_id, key)
                DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at""",
            [project_id, environment_id, list(tokens), list(tokens.values())],
        )
