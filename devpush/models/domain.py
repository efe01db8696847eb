"""Hostnames that people bring along: each is proved to be theirs by DNS before anything is routed."""

import secrets
from enum import StrEnum
from uuid import UUID, uuid4

from tortoise import Model, fields

from devpush.models.people import User
from devpush.models.project import Environment, Project


class DomainState(StrEnum):
    pending = "pending"
    """Its DNS record has never been seen."""
    verified = "verified"
    """Its record is there: it is routed."""
    failing = "failing"
    """It was verified, and its record is gone or leads elsewhere; it stays routed for a time of grace."""
    disabled = "disabled"
    """Not routed any more; the reason says why."""


class Domain(Model):
    """A custom hostname: it serves an environment, or redirects. Of those who claim one, only who proved it has it."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    project: fields.ForeignKeyRelation[Project] = fields.ForeignKeyField("models.Project", related_name="domains")
    project_id: UUID
    environment: fields.ForeignKeyNullableRelation[Environment] = fields.ForeignKeyField(
        "models.Environment", related_name="domains", null=True, on_delete=fields.SET_NULL
    )
    environment_id: UUID | None
    created_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="domains", null=True, on_delete=fields.SET_NULL
    )
    created_by_id: UUID | None
    hostname = fields.CharField(max_length=253)
    """Normalised: IDNA, lower case, no final dot."""
    redirect_to = fields.CharField(max_length=2048, default="")
    """Where requests are sent instead; "": it serves its environment."""
    redirect_status = fields.IntField(null=True)
    """301, 302, 307 or 308."""
    proof = fields.CharField(max_length=64, default=lambda: secrets.token_hex(16))
    """What the TXT record must say, where people choose that one."""
    state = fields.CharEnumField(DomainState, default=DomainState.pending, max_length=20)
    reason = fields.TextField(default="")
    """Why it isn't verified, and what to do; "" while all is well."""
    held = fields.CharField(max_length=253, null=True, unique=True)
    """The hostname again, once it was verified and as long as it is routed: nobody else can hold it then."""
    verified_at = fields.DatetimeField(null=True)
    checked_at = fields.DatetimeField(null=True)
    failing_since = fields.DatetimeField(null=True)
    certificate = fields.CharField(max_length=20, default="")
    """"" while nothing is known or TLS is off, else waiting, valid or failed."""
    certificate_note = fields.TextField(default="")
    certificate_until = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "domain"
        unique_together = (("project", "hostname"),)
        ordering = ("hostname",)
