"""A field that is encrypted at rest with the keys of ENCRYPTION_KEY: the first encrypts, all decrypt."""

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from tortoise import Model
from tortoise.fields import TextField

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


class SecretField(TextField):
    """Text that only this process can read; in the database it is a Fernet token."""

    def to_db_value(self, value: Any, instance: type[Model] | Model) -> str | None:
        return None if value is None else encrypt(str(value))

    def to_python_value(self, value: Any) -> str | None:
        """Rows arrive as tokens; what our own code assigns is plain and stays so."""
        if isinstance(value, str) and value.startswith("gAAAA"):
            return decrypt(value)
        return None if value is None else str(value)
