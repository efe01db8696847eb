"""GitHub as this installation knows it: our App there, where it is installed, and the tokens it was given."""

from uuid import uuid4

from tortoise import Model, fields

from devpush.models.secret import SecretField


class GitHubApp(Model):
    """The App that was made by the manifest flow: one row at most. The GITHUB_APP_* settings win over it."""

    id = fields.IntField(primary_key=True, default=1, generated=False)
    app_id = fields.BigIntField()
    slug = fields.CharField(max_length=120)
    """In the App's addresses: github.com/apps/<slug>."""
    name = fields.CharField(max_length=255)
    client_id = fields.CharField(max_length=120)
    client_secret = SecretField()
    private_key = SecretField()
    webhook_secret = SecretField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "github_app"


class GitHubInstallation(Model):
    """Our App in an account on GitHub."""

    id = fields.BigIntField(primary_key=True, generated=False)
    """GitHub's."""
    account_id = fields.BigIntField()
    account_login = fields.CharField(max_length=255)
    account_type = fields.CharField(max_length=40, default="User")
    suspended_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "github_installation"


class GitHubToken(Model):
    """An installation's token for some repositories and permissions, as long as it is good."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    installation_id = fields.BigIntField()
    scope = fields.CharField(max_length=64)
    """A hash of the repository and permissions it was asked for."""
    token = SecretField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "github_token"
        unique_together = (("installation_id", "scope"),)
