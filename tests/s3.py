"""An S3 server that we didn't write (the npm package s3rver), behind a door that lets in only what is rightly signed.

s3rver knows keys, buckets and parts, but takes every signature of the fourth version: the door looks at them, as they
came over the wire. That it reckons rightly itself, Amazon's examples say (tests/unit/test_s3.py).

python -m tests.s3      installs it, if it isn't there
"""

import hashlib
import io
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from devpush.adapters.s3 import Signer
from tests import emulate

PACKAGE = Path(__file__).with_suffix("")
KEY_ID, SECRET = "S3RVER", "S3RVER"
"""The only key it knows."""
BUCKET = "backups"
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/[0-9]{8}/([a-z0-9-]+)/s3/aws4_request, SignedHeaders=([a-z0-9;-]+), "
)
REFUSAL = "<?xml version='1.0'?><Error><Code>SignatureDoesNotMatch</Code><Message>It does not.</Message></Error>"


@asynccontextmanager
async def behind_a_door(server: str) -> AsyncIterator[str]:
    """The address at which only what is rightly signed is passed on."""

    async def come_in(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        known = (SIGNED.match(request.headers["Authorization"]) or ["", KEY_ID])[1] == KEY_ID
        if known and not rightly_signed(request, body):
            return web.Response(status=403, text=REFUSAL, content_type="application/xml")
        async with aiohttp.request(
            request.method,
            f"{server}{request.raw_path}",
            headers=request.headers,
            data=io.BytesIO(body) if body else None,
        ) as answer:
            kept = {name: answer.headers[name] for name in ("ETag", "Content-Type") if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", come_in)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def rightly_signed(request: web.Request, body: bytes) -> bool:
    """Reckoned from what came: the path, the query and the headers as they were sent, and the body's own hash."""
    found = SIGNED.match(request.headers["Authorization"])
    payload, path = hashlib.sha256(body).hexdigest(), request.raw_path.partition("?")[0]
    if not found or {"host", "x-amz-content-sha256", "x-amz-date"} - set(found[3].split(";")):
        return False
    at = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    headers = {name: request.headers[name] for name in found[3].split(";")}
    query = dict(parse_qsl(request.raw_path.partition("?")[2], keep_blank_values=True))
    wanted = Signer(KEY_ID, SECRET, found[2]).sign(request.method, path, query, headers, payload, at)
    fresh = abs((datetime.now(UTC) - at).total_seconds()) < 900
    return fresh and request.headers["X-Amz-Content-SHA256"] == payload and request.headers["Authorization"] == wanted


@contextmanager
def running(port: int) -> Iterator[str]:
    """Its address; one empty bucket."""
    folder = Path(tempfile.mkdtemp(prefix="devpush-s3-"))
    program = str(installed() / "bin" / "s3rver.js")
    command = [str(emulate.NODE), program, "--no-vhost-buckets", "--configure-bucket", BUCKET]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "-d", str(folder), "-a", "127.0.0.1", "-p", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"]},
        )
    try:
        _wait(f"http://127.0.0.1:{port}/", process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def installed() -> Path:
    """Its folder; installed exactly as the lock file says, outside the checkout, if it isn't there."""
    return emulate.installed(PACKAGE) / "s3rver"


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + emulate.PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
        except OSError:
            time.sleep(0.05)
            continue
        return
    raise AssertionError(f"s3rver does not start:\n{log.read_text()[-2000:]}")


if __name__ == "__main__":
    installed()
