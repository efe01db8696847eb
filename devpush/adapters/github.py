"""GitHub's REST API and OAuth over aiohttp."""

from devpush.settings import Settings


class GitHubApi:
    """Implements ports.GitHub."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
