"""The audit log: who did what to what, from where. Rows are added and never changed (the database refuses it)."""

from typing import Any

from tortoise import Model, fields


class AuditEntry(Model):
    """One act. It names people and things as they were called then, and outlives them: no foreign keys."""

    id = fields.BigIntField(primary_key=True, generated=True)
    at = fields.DatetimeField(auto_now_add=True)
    user_id = fields.UUIDField(null=True)
    who = fields.CharField(max_length=255)
    """An e-mail address, or what acted: "the server's command line", a Git server's user, "/dev/push" itself."""
    team_id = fields.UUIDField(null=True)
    team = fields.CharField(max_length=120, default="")
    project_id = fields.UUIDField(null=True)
    project = fields.CharField(max_length=120, default="")
    what = fields.CharField(max_length=60)
    """A word of `deploy/audit.py`, like project.deleted."""
    target = fields.CharField(max_length=300, default="")
    """What it was done to, as people call it: a hostname, an address, a variable's key."""
    details: fields.Field[dict[str, Any]] = fields.JSONField(default=dict)
    """What else is worth knowing, like {"from": "member", "to": "admin"}. Never a secret's value."""
    address = fields.CharField(max_length=45, default="")
    """Of the client, as the proxy saw it; "" for what didn't come by HTTP."""
    agent = fields.CharField(max_length=200, default="")
    """What the client called itself (User-Agent)."""

    class Meta:
        table = "audit"
        indexes = (("team_id", "id"), ("project_id", "id"), ("user_id", "id"))
