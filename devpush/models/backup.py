"""Backups of the platform itself, each one a row: when, where to, and whether it was proved to restore."""

from uuid import uuid4

from tortoise import Model, fields


class Backup(Model):
    """One try. Finished and without an error it is there, under its name at its place."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    place = fields.CharField(max_length=500)
    """A folder, or s3://bucket/prefix."""
    name = fields.CharField(max_length=120)
    """The file's or object's."""
    size = fields.BigIntField(null=True)
    """Bytes."""
    version = fields.CharField(max_length=40)
    """Of the platform that made it."""
    error = fields.TextField(default="")
    started_at = fields.DatetimeField(auto_now_add=True)
    finished_at = fields.DatetimeField(null=True)
    drilled_at = fields.DatetimeField(null=True)
    """When it was last restored into an empty database, to see that it can be."""
    drill_error = fields.TextField(default="")
    removed_at = fields.DatetimeField(null=True)
    """When it was deleted at its place, because newer ones are enough."""

    class Meta:
        table = "backup"
        indexes = (("started_at",),)
