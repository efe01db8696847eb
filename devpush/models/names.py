"""Grammars of names, and how a free name is found. What becomes a host, container, image or file name is checked here
and once more by the database."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Awaitable, Callable

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
RESERVED = frozenset({"www", "api", "app", "admin", "traefik", "dashboard", "mail", "localhost", "devpush", "new"})


def slugify(text: str, default: str, *, limit: int = 40) -> str:
    """Lower-case letters, digits and single hyphens, at most `limit`; `default` if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:limit].rstrip("-")
    return slug or default


def label(text: str) -> str:
    """A host label: cut to 63 characters, a cut one ending in a hash of the whole so that two never become one."""
    if len(text) <= 63:
        return text
    return f"{text[:54].rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


async def free_slug(text: str, default: str, taken: Callable[[str], Awaitable[bool]]) -> str:
    """The text as a slug, with a random suffix if somebody has it already."""
    slug = slugify(text, default)
    while slug in RESERVED or await taken(slug):
        slug = f"{slugify(text, default, limit=35)}-{secrets.token_hex(2)}"
    return slug
