"""Deploy keys: SSH keys of ours, one a project, that open a repository for reading."""

import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from devpush.models.names import slugify


def new_key(name: str = "") -> tuple[str, str]:
    """(private, public), both in OpenSSH's format. The comment at the public half's end says whose it is."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return private, f"{public} devpush-{slugify(name, secrets.token_hex(4))}"
