"""Where people reach apps: what the readings of pages ask for."""

from collections.abc import Callable

from devpush.settings import Settings
from devpush.web.world import world


def app_urls(settings: Settings | None = None) -> Callable[[str], str]:
    """From an alias's label to its address, under this installation's domain."""
    known = settings or world().settings
    return lambda label: known.app_url(f"{label}.{known.deploy_domain}")
