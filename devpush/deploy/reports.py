"""What GitHub hears back of a deployment: never on the path of the rollout, tried again, given up with a note."""

from devpush.ports import World


async def work(world: World) -> bool:
    """Send what is due; whether there may be more."""
    return False
