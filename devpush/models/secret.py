"""A field that is encrypted at rest with the keys of ENCRYPTION_KEY: the first encrypts, all decrypt."""

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from tortoise import Model
from tortoise.fields.base import Field

from devpush.errors import WrongKey

_keyring: list[MultiFernet] = []


def use_keys(keys: Sequence[str]) -> None:
    """Set the keys of this process, once at start."""
    _keyring[:] = [MultiFernet([Fernet(key) for key in keys])]


def encrypt(text: str) -> str:
    return _keyring[0].encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Raises WrongKey rather than ever giving back something that isn't what was stored."""
    try:
        return _keyring[0].decrypt(token.encode()).decode()
    except InvalidToken:
        raise WrongKey(
            "Stored secrets can't be read: ENCRYPTION_KEY isn't the key they were stored with. "
            "Put the earlier key back (after the new one, separated by a comma)."
        ) from None


class SecretField(Field[str]):
    """Text that only this process can read. In the database it is bytes (a Fernet token), in a model it is text: the
    type tells which of the two a value is, whatever a person's text looks like."""

    SQL_TYPE = "BYTEA"
    field_type = str
    indexable = False

    def to_db_value(self, value: Any, instance: type[Model] | Model) -> bytes | None:
        return None if value is None else encrypt(str(value)).encode()

    def to_python_value(self, value: Any) -> str | None:
        return decrypt(value.decode()) if isinstance(value, bytes) else value
