"""What webhooks told us, worked on in its order: which projects it concerns, and what becomes of it there."""

from devpush.ports import World


async def work(world: World) -> bool:
    """Handle what waits; whether there may be more."""
    return False


async def forget_old() -> None:
    """Receipts and deliveries nobody will look at any more."""
