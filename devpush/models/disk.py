"""What takes how much of the disk: by project, and of the whole over time."""

from uuid import UUID

from tortoise import Model, fields

from devpush.models.project import Project


class ProjectDisk(Model):
    """What a project's own things took when they were last looked at. All sizes are bytes."""

    project: fields.OneToOneRelation[Project] = fields.OneToOneField(
        "models.Project", related_name="disk", primary_key=True
    )
    project_id: UUID
    images = fields.BigIntField(default=0)
    caches = fields.BigIntField(default=0)
    containers = fields.BigIntField(default=0)
    """What its containers have written into themselves."""
    source = fields.BigIntField(default=0)
    """Its mirror of the repository."""
    looked_at = fields.DatetimeField()

    class Meta:
        table = "project_disk"


class DiskSample(Model):
    """The file system on which the engine keeps its things, as it was once an hour."""

    at = fields.DatetimeField(primary_key=True)
    total = fields.BigIntField()
    free = fields.BigIntField()

    class Meta:
        table = "disk_sample"
