"""The outer world, as the handlers of this process see it."""

from typing import cast

from quart import current_app

from devpush.ports import World


def world() -> World:
    return cast(World, current_app.extensions["world"])
