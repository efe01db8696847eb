"""Our GitHub App, whoever made it, and the tokens we hold: of installations, and of users."""

from devpush.models import Project, User
from devpush.ports import App, Repository, Token, World

USERNAME = "x-access-token"
"""By which Git takes an installation's token for a password; kept as the project's `repo_username`."""


async def app(world: World) -> App | None:
    """The App of the GITHUB_APP_* settings, or the one that the manifest flow made; None: there is none yet."""
    raise NotImplementedError


async def repository(world: World, project: Project) -> Repository:
    """A connected project's repository with a token that may read just it. Raises DeployFailed, Unavailable."""
    raise NotImplementedError


async def user_token(world: World, user: User) -> Token | None:
    """What the user lets us do on GitHub in their name, refreshed if need be; None: not linked, or no longer."""
    raise NotImplementedError
