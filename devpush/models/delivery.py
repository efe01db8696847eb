"""What Git servers told us, and what became of it."""

from typing import Any
from uuid import UUID, uuid4

from tortoise import Model, fields

from devpush.models.deployment import Deployment
from devpush.models.project import Project


class Receipt(Model):
    """A webhook as it came in, written before it is answered: the work comes afterwards, in the order of the ids."""

    id = fields.BigIntField(primary_key=True, generated=True)
    source = fields.CharField(max_length=20)
    """github, gitlab, gitea, bitbucket or plain."""
    key = fields.CharField(max_length=120)
    """The delivery's id there: each is handled once. Of a project's own hook it begins with the project's id."""
    event = fields.CharField(max_length=60)
    facts: fields.Field[dict[str, Any]] = fields.JSONField(default=dict)
    """What we keep of the payload (deploy/payloads.py)."""
    project_id = fields.UUIDField(null=True)
    """Of a project's own hook."""
    attempts = fields.IntField(default=0)
    received_at = fields.DatetimeField(auto_now_add=True)
    handled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "receipt"
        unique_together = (("source", "key"),)


class Delivery(Model):
    """What became of a push, or of news about its repository, for one project."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    project: fields.ForeignKeyRelation[Project] = fields.ForeignKeyField("models.Project", related_name="deliveries")
    project_id: UUID
    source = fields.CharField(max_length=20)
    """As of the receipt; also `poll` (found by comparing heads) and `replay`."""
    event = fields.CharField(max_length=60)
    key = fields.CharField(max_length=120, default="")
    branch = fields.CharField(max_length=255, default="")
    commit_sha = fields.CharField(max_length=64, default="")
    commit_message = fields.TextField(default="")
    facts: fields.Field[dict[str, Any]] = fields.JSONField(default=dict)
    """The push, for a replay."""
    verdict = fields.CharField(max_length=20)
    """deployed, ignored, noted or failed."""
    sentence = fields.TextField(default="")
    """Why, in words."""
    deployment: fields.ForeignKeyNullableRelation[Deployment] = fields.ForeignKeyField(
        "models.Deployment", related_name="deliveries", null=True, on_delete=fields.SET_NULL
    )
    deployment_id: UUID | None
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "delivery"
        indexes = (("project", "created_at"),)


class Report(Model):
    """What GitHub was told of a deployment. It is behind as long as `reported` isn't the deployment's state."""

    deployment: fields.OneToOneRelation[Deployment] = fields.OneToOneField(
        "models.Deployment", related_name="report", primary_key=True
    )
    deployment_id: UUID
    github_id = fields.BigIntField(null=True)
    """Of the deployment that GitHub made of it."""
    reported = fields.CharField(max_length=20, default="")
    attempts = fields.IntField(default=0)
    """Since the last one that came through."""
    next_at = fields.DatetimeField()
    """When to try (again)."""
    given_up = fields.TextField(default="")
    """Why we stopped trying, in words."""

    class Meta:
        table = "report"
