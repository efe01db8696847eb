"""Certificates of our own hostnames, as visitors were last shown them; a custom domain's stands in its own row."""

from tortoise import Model, fields


class Certificate(Model):
    """A hostname, or `*.DEPLOY_DOMAIN` where one certificate is good for all under it."""

    host = fields.CharField(max_length=253, primary_key=True)
    valid = fields.BooleanField(default=False)
    """It was shown: from then on visitors are sent to https."""
    until = fields.DatetimeField(null=True)
    checked_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "certificate"
