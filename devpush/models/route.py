"""Hostnames that are ours to give: each belongs to one project for good and points at one deployment, or at none."""

from enum import StrEnum
from uuid import UUID, uuid4

from tortoise import Model, fields

from devpush.models.deployment import Deployment
from devpush.models.project import Environment, Project


class AliasKind(StrEnum):
    production = "production"
    environment = "environment"
    branch = "branch"
    deployment = "deployment"


class Alias(Model):
    """`<label>.<DEPLOY_DOMAIN>`."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    label = fields.CharField(max_length=63, unique=True)
    kind = fields.CharEnumField(AliasKind, max_length=20)
    project: fields.ForeignKeyRelation[Project] = fields.ForeignKeyField("models.Project", related_name="aliases")
    project_id: UUID
    environment: fields.ForeignKeyNullableRelation[Environment] = fields.ForeignKeyField(
        "models.Environment", related_name="aliases", null=True, on_delete=fields.SET_NULL
    )
    environment_id: UUID | None
    branch = fields.CharField(max_length=255, null=True)
    deployment: fields.ForeignKeyNullableRelation[Deployment] = fields.ForeignKeyField(
        "models.Deployment", related_name="aliases", null=True, on_delete=fields.SET_NULL
    )
    deployment_id: UUID | None
    previous: fields.ForeignKeyNullableRelation[Deployment] = fields.ForeignKeyField(
        "models.Deployment", related_name="former_aliases", null=True, on_delete=fields.SET_NULL
    )
    previous_id: UUID | None
    act = fields.BigIntField(default=0)
    """The number of the act that pointed it there: an earlier act never takes it back."""
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "alias"
        indexes = (("project", "kind"),)
