"""A bucket at Amazon's S3, or at one of the many who speak alike; every request signed by ourselves (Signature V4).

As little of S3 as backups need: put (in parts, if large), get, list, delete. Buckets are in the path and not in the
host's name: that works with every server, behind every certificate.
"""

import asyncio
import hashlib
import hmac
import io
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from devpush.errors import Unavailable
from devpush.ports import Stored
from devpush.settings import Settings

PART = 64 << 20
PIECE = 1 << 20
NOTHING = hashlib.sha256(b"").hexdigest()
MOST_ANSWER = 4_000_000
SAYS = {
    "NoSuchBucket": "There is no such bucket: please make it, or mend BACKUP_PLACE.",
    "InvalidAccessKeyId": "The server doesn't know the key: please mend S3_ACCESS_KEY_ID.",
    "SignatureDoesNotMatch": "The server refuses our signature: please mend S3_SECRET_ACCESS_KEY (or S3_REGION).",
    "AccessDenied": "The key may not do this there: it needs to read, write, list and delete in the bucket.",
    "RequestTimeTooSkewed": "This server's clock is wrong: please set it (timedatectl set-ntp true).",
    "NoSuchKey": "There is no such backup.",
}
"""S3's word for what is wrong → what to do about it."""


@dataclass(frozen=True)
class Signer:
    """Signs requests as S3 wants it (AWS Signature Version 4)."""

    key_id: str
    secret: str
    region: str
    service: str = "s3"

    def sign(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], payload: str, at: datetime
    ) -> str:
        """The Authorization header. `path` is quoted already; `payload` is the body's SHA-256 in hex."""
        names = ";".join(sorted(name.lower() for name in headers))
        canonical = "\n".join(
            [
                method,
                path,
                canonical_query(query),
                *sorted(f"{name.lower()}:{' '.join(value.split())}" for name, value in headers.items()),
                "",
                names,
                payload,
            ]
        )
        scope = f"{at:%Y%m%d}/{self.region}/{self.service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{at:%Y%m%dT%H%M%SZ}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret}".encode()
        for word in (*scope.split("/"), text):
            key = hmac.digest(key, word.encode(), "sha256")
        return f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"


def canonical_query(query: Mapping[str, str]) -> str:
    return "&".join(sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items()))


class Bucket:
    def __init__(self, client: aiohttp.ClientSession, settings: Settings, name: str, prefix: str) -> None:
        self.client = client
        self.endpoint = settings.s3_endpoint or f"https://s3.{settings.s3_region}.amazonaws.com"
        self.signer = Signer(settings.s3_access_key_id, settings.s3_secret_access_key, settings.s3_region)
        below = urlsplit(self.endpoint).path
        self.server, self.path = self.endpoint.removesuffix(below), f"{below}/{name}"
        self.prefix = f"{prefix}/" if prefix else ""

    async def put(self, name: str, file: Path) -> None:
        if (await asyncio.to_thread(file.stat)).st_size <= PART:
            body = await asyncio.to_thread(file.read_bytes)
            async with self._ask("PUT", name, body=body):
                return
        await self._put_parts(name, file)

    async def _put_parts(self, name: str, file: Path) -> None:
        """A part at a time in memory; until the last word nobody sees any of it."""
        async with self._ask("POST", name, {"uploads": ""}) as answer:
            upload = _text(await _xml(answer), "UploadId")
        try:
            tags: list[str] = []
            with file.open("rb") as source:
                while body := await asyncio.to_thread(source.read, PART):
                    query = {"partNumber": str(len(tags) + 1), "uploadId": upload}
                    async with self._ask("PUT", name, query, body=body) as answer:
                        tags.append(answer.headers["ETag"])
            parts = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
                for number, tag in enumerate(tags, 1)
            )
            whole = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
            async with self._ask("POST", name, {"uploadId": upload}, body=whole) as answer:
                _check(await _xml(answer))  # it may say 200 and then fail
        except BaseException:
            with suppress(Unavailable):  # what went wrong first is what counts
                async with self._ask("DELETE", name, {"uploadId": upload}):
                    pass
            raise

    async def get(self, name: str, to: Path) -> None:
        async with self._ask("GET", name) as answer:
            with to.open("wb") as target:
                async for piece in answer.content.iter_chunked(PIECE):
                    await asyncio.to_thread(target.write, piece)

    async def list(self) -> Sequence[Stored]:
        found: list[Stored] = []
        query = {"list-type": "2", "prefix": self.prefix, "delimiter": "/"}
        while True:
            async with self._ask("GET", "", query) as answer:
                page = await _xml(answer)
            found += [_stored(entry, self.prefix) for entry in page.iterfind("{*}Contents")]
            if _text(page, "IsTruncated") != "true":
                return sorted(found, key=lambda stored: stored.name)
            query["continuation-token"] = _text(page, "NextContinuationToken")

    async def remove(self, name: str) -> None:
        async with self._ask("DELETE", name):
            pass

    @asynccontextmanager
    async def _ask(
        self, method: str, name: str, query: Mapping[str, str] | None = None, *, body: bytes = b""
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a signed request. Raises Unavailable unless it is a good one."""
        query, at = query or {}, datetime.now(UTC)
        path = self.path + (f"/{quote(self.prefix + name, safe='/-_.~')}" if name else "")
        payload = await asyncio.to_thread(lambda: hashlib.sha256(body).hexdigest()) if body else NOTHING
        target = URL(
            f"{self.endpoint.removesuffix(urlsplit(self.endpoint).path)}{path}?{canonical_query(query)}", encoded=True
        )
        signed = {"Host": target.authority if target.explicit_port else str(target.host)}
        signed |= {"X-Amz-Content-SHA256": payload, "X-Amz-Date": f"{at:%Y%m%dT%H%M%SZ}"}
        headers = signed | {"Authorization": self.signer.sign(method, path, query, signed, payload, at)}
        try:
            async with self.client.request(
                method, target, headers=headers, data=io.BytesIO(body) if body else None, allow_redirects=False
            ) as answer:
                if answer.status >= 300:
                    _refuse(answer.status, await answer.content.read(MOST_ANSWER), target)
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as trouble:
            raise Unavailable(
                f"The storage for backups ({target.host}) can't be reached: {str(trouble) or type(trouble).__name__}."
            ) from None


async def _xml(answer: aiohttp.ClientResponse) -> ET.Element:
    text = await answer.content.read(MOST_ANSWER) if answer.content_length is None else await answer.read()
    try:
        return ET.fromstring(text)  # noqa: S314  (expat bounds entities by itself, and this server is the operator's own)
    except ET.ParseError:
        raise Unavailable(
            "The storage for backups answers with something that isn't S3's. Is S3_ENDPOINT right?"
        ) from None


def _check(answer: ET.Element) -> None:
    if answer.tag.rpartition("}")[2] == "Error":
        raise Unavailable(f"The storage for backups failed: {_text(answer, 'Message')}")


def _refuse(status: int, text: bytes, target: URL) -> None:
    code = message = ""
    try:
        answer = ET.fromstring(text)  # noqa: S314
        code, message = _text(answer, "Code"), _text(answer, "Message")
    except ET.ParseError:
        pass
    known = SAYS.get(code) or f"{message or code or 'It said no more.'}"
    raise Unavailable(f"The storage for backups ({target.host}) answered {status}. {known}")


def _text(element: ET.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _stored(entry: ET.Element, prefix: str) -> Stored:
    at = datetime.fromisoformat(_text(entry, "LastModified").replace("Z", "+00:00"))
    return Stored(_text(entry, "Key").removeprefix(prefix), int(_text(entry, "Size")), at)
