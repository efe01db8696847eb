"""What can go wrong, and who should hear of it: the class says what we do, the text is a sentence for a person."""

import asyncpg

DATABASE_AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection that is cut off in the middle of a query may say
)
"""What asyncpg throws while PostgreSQL can't be reached, or has just gone: trying again later is right."""


class BadSettings(Exception):
    """The operator must change the environment or the machine before we can start."""


class DeployFailed(Exception):
    """A deployment ends `failed`; the text is its reason, for whoever pushed."""


class Refused(Exception):
    """What a person asked for can't be done as it was asked; nothing was changed. Shown beside the form."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotFound(Exception):
    """There is no such thing, or it isn't theirs to know."""


class Forbidden(Exception):
    """It is there, and they may see it, but not do this."""


class Unavailable(Exception):
    """A part beside us (Docker, PostgreSQL, Redis, Traefik) doesn't answer now. Trying again later is right."""


class WrongState(Exception):
    """A deployment can't go from its state to the one asked for. A mistake of ours."""


class MovedMeanwhile(Exception):
    """Somebody else moved the deployment first: cancelled, or taken over."""


class WrongKey(Exception):
    """A stored secret can't be read with any of the keys in ENCRYPTION_KEY."""
