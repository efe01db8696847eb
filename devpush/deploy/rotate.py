"""Another encryption key: whatever is stored under an earlier one is stored under the first, a few rows at a time."""

from collections.abc import AsyncIterator, Iterator

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from tortoise import Model
from tortoise.context import get_current_context

from devpush.errors import WrongKey
from devpush.models.database import fetch
from devpush.models.secret import SecretField

BATCH = 500


def secret_columns() -> Iterator[tuple[type[Model], str]]:
    """Every encrypted field there is: found by its type, so that none can be forgotten."""
    context = get_current_context()
    for model in context.apps["models"].values() if context and context.apps else ():
        for name, field in model._meta.fields_map.items():
            if isinstance(field, SecretField):
                yield model, name


async def rotate(keys: tuple[str, ...]) -> AsyncIterator[tuple[str, int]]:
    """Store everything under the first of these keys; yields each table's column and how many rows were under another
    one. Safe to cut off and to run beside the platform: what somebody writes meanwhile is never overwritten.
    Raises WrongKey for what none of the keys opens; everything else is done by then."""
    unknown: list[str] = []
    for model, name in secret_columns():
        column = f"{model._meta.db_table}.{name}"
        done, lost = await _column(model, name, keys)
        if lost:
            unknown.append(f"{lost} in {column}")
        yield column, done
    if unknown:
        raise WrongKey(
            f"Some secrets can't be read with any of the keys: {', '.join(unknown)}. Put the key they were stored with "
            "at the end of ENCRYPTION_KEY and run this again; no key may go before that."
        )


async def _column(model: type[Model], name: str, keys: tuple[str, ...]) -> tuple[int, int]:
    """(rows stored anew, rows that no key opens)."""
    first, every = Fernet(keys[0]), MultiFernet([Fernet(key) for key in keys])
    table, key, column = model._meta.db_table, model._meta.db_pk_column, model._meta.fields_db_projection[name]
    page = f"""SELECT "{key}" AS id, "{column}" AS token FROM "{table}"
        WHERE "{column}" IS NOT NULL AND ($1::text IS NULL OR "{key}"::text > $1)
        ORDER BY "{key}"::text LIMIT {BATCH}"""  # noqa: S608  (names are the models' own)
    change = f'UPDATE "{table}" SET "{column}" = $3 WHERE "{key}" = $1 AND "{column}" = $2'  # noqa: S608
    done = lost = 0
    last: str | None = None
    while rows := await fetch(page, last):
        for row in rows:
            token = bytes(row["token"])
            if _opens(first, token):
                continue
            try:
                fresh = every.rotate(token)
            except InvalidToken:
                lost += 1
                continue
            await fetch(change, row["id"], token, fresh)
            done += 1
        last = str(rows[-1]["id"])
    return done, lost


def _opens(key: Fernet, token: bytes) -> bool:
    try:
        key.decrypt(token)
    except InvalidToken:
        return False
    return True
