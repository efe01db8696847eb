"""Where people reach apps: what the readings of pages ask for."""

from collections.abc import Callable

from devpush.settings import Settings
from devpush.web.world import world


def app_urls(settings: Settings | None = None) -> Callable[[str], str]:
    """From an alias's label to its address, under this installation's domain."""
    settings = settings or world().settings
    before, after = settings.app_url(f"\0.{settings.deploy_domain}").split("\0")
    return lambda label: f"{before}{label}{after}"
