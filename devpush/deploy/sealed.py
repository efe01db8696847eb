"""A folder's worth of files as one encrypted file. Knows nothing of what is in it; works in a thread of its own.

A head (magic, how the key is made, a salt, a nonce), a tag that knows the right passphrase, then a tar in chunks. Each
chunk is AES-256-GCM under its own number, and the last one says that it is the last: nothing can be changed, left out,
moved or cut off without being noticed. The key comes from the passphrase by scrypt.
"""

import os
import secrets
import struct
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from devpush.errors import Refused

MAGIC = b"devpush\x01"
HEAD = struct.Struct(">8sBBB16s7s")
"""Magic, log2 of scrypt's n, its r, its p, salt, nonce."""
COST = (15, 8, 3)
"""scrypt's n (2^15), r and p: 32 MB and about a third of a second."""
MOST_COST = (20, 16, 16)
"""What a file may ask of us before we know that it is ours."""
CHUNK = 1 << 20
TAG = 16
CHECK = 0xFFFFFFFF
"""The number of the tag that only says whether the passphrase is right."""

NOT_OURS = "This file is no backup of /dev/push, or its beginning is damaged."
WRONG = "The passphrase isn't the one that this backup was made with (BACKUP_PASSPHRASE at that time)."
DAMAGED = "This backup is damaged, or was cut off: it isn't as it was written. Please take another one."


def seal(to: Path, files: Iterable[tuple[str, Path]], passphrase: str) -> None:
    """Write these files, each under its name, in this order. A file that is gone by now is left out."""
    with to.open("wb") as target:
        writer = _Writer(target, passphrase)
        with tarfile.open(fileobj=cast(IO[bytes], writer), mode="w|", bufsize=CHUNK, format=tarfile.PAX_FORMAT) as tar:
            for name, path in files:
                _add(tar, name, path)
        writer.close()


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    try:
        content = path.open("rb")
    except FileNotFoundError:
        return
    with content:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = path.stat().st_size, 0o600, int(path.stat().st_mtime)
        tar.addfile(entry, content)


def unseal(file: Path, to: Path, passphrase: str) -> None:
    """Write every file of it below `to`. Raises Refused for a wrong passphrase, and for a file that isn't as it was
    written: only when this returns, what is in `to` is all of it."""
    with file.open("rb") as source:
        reader = _Reader(source, passphrase)
        try:
            with tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|", bufsize=CHUNK) as tar:
                for entry in tar:
                    _write(tar, entry, to)
        except tarfile.TarError:
            raise Refused(DAMAGED) from None
        reader.drain()


def _write(tar: tarfile.TarFile, entry: tarfile.TarInfo, to: Path) -> None:
    """By our own hand and not by `extract`: regular files, inside of the folder, for nobody else's eyes."""
    path = PurePosixPath(entry.name)
    content = tar.extractfile(entry) if entry.isreg() else None
    if content is None or path.is_absolute() or ".." in path.parts:
        raise Refused(DAMAGED)
    target = to / path
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(target, "wb", opener=_private) as output:
        while piece := content.read(CHUNK):
            output.write(piece)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Writer:
    """Seals what is written to it."""

    def __init__(self, target: BinaryIO, passphrase: str) -> None:
        salt, nonce = secrets.token_bytes(16), secrets.token_bytes(7)
        self.target = target
        self.head = HEAD.pack(MAGIC, *COST, salt, nonce)
        self.chunks = _Chunks(passphrase, self.head, COST, salt, nonce)
        self.waiting = bytearray()
        target.write(self.head + self.chunks.check())

    def write(self, content: bytes) -> int:
        self.waiting += content
        while len(self.waiting) > CHUNK:  # one is kept back: it may be the last
            self.target.write(self.chunks.seal(bytes(self.waiting[:CHUNK]), last=False))
            del self.waiting[:CHUNK]
        return len(content)

    def close(self) -> None:
        self.target.write(self.chunks.seal(bytes(self.waiting), last=True))


class _Reader:
    """What was sealed, chunk by chunk, each one only once it has proved to be right."""

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        head = source.read(HEAD.size)
        if len(head) < HEAD.size or not head.startswith(MAGIC):
            raise Refused(NOT_OURS)
        _, n, r, p, salt, nonce = HEAD.unpack(head)
        if not all(0 < asked <= most for asked, most in zip((n, r, p), MOST_COST, strict=True)):
            raise Refused(NOT_OURS)
        self.source = source
        self.chunks = _Chunks(passphrase, head, (n, r, p), salt, nonce)
        self.chunks.prove(source.read(TAG))
        self.ahead = source.read(CHUNK + TAG)
        self.open = b""

    def read(self, size: int) -> bytes:
        """At most so many bytes; none only at the end."""
        while not self.open and self.ahead:
            sealed, self.ahead = self.ahead, self.source.read(CHUNK + TAG)
            self.open = self.chunks.open(sealed, last=not self.ahead)
        piece, self.open = self.open[:size], self.open[size:]
        return piece

    def drain(self) -> None:
        """To the very end, which a tar's own end isn't."""
        while self.read(CHUNK):
            pass


class _Chunks:
    """The key, and the number of the next chunk."""

    def __init__(self, passphrase: str, head: bytes, cost: tuple[int, int, int], salt: bytes, nonce: bytes) -> None:
        n, r, p = cost
        self.cipher = AESGCM(Scrypt(salt=salt, length=32, n=1 << n, r=r, p=p).derive(passphrase.encode()))
        self.head, self.nonce, self.number = head, nonce, 0

    def check(self) -> bytes:
        return self.cipher.encrypt(self._nonce(CHECK, last=True), b"", self.head)

    def prove(self, tag: bytes) -> None:
        try:
            self.cipher.decrypt(self._nonce(CHECK, last=True), tag, self.head)
        except (InvalidTag, ValueError):
            raise Refused(WRONG) from None

    def seal(self, content: bytes, *, last: bool) -> bytes:
        return self.cipher.encrypt(self._next(last), content, self.head)

    def open(self, sealed: bytes, *, last: bool) -> bytes:
        try:
            return self.cipher.decrypt(self._next(last), sealed, self.head)
        except (InvalidTag, ValueError):
            raise Refused(DAMAGED) from None

    def _next(self, last: bool) -> bytes:
        self.number += 1
        return self._nonce(self.number, last=last)

    def _nonce(self, number: int, *, last: bool) -> bytes:
        return self.nonce + struct.pack(">I?", number, last)
