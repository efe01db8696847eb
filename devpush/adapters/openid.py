"""An OpenID Connect provider, known by its discovery document."""

from devpush.settings import Settings


class OpenIdProvider:
    """Implements ports.OpenId."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
