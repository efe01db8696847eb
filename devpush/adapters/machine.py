"""The machine we run on, and what can be seen from it, as ports.Machine has them."""

import asyncio
import os
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
from aiohttp import hdrs

from devpush.errors import Unavailable
from devpush.ports import PROBE, Disk, WebAnswer

CONNECT_WITHIN = 1.0
ANSWER_WITHIN = 5.0
LONGEST_TEXT = 16_384


class OwnMachine:
    """Implements ports.Machine."""

    async def disk(self, folder: Path) -> Disk | None:
        try:
            return await asyncio.to_thread(_disk, folder)
        except OSError:
            return None

    async def program(self, name: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                name,
                "--version",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            return ""
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return ""
        return said.decode(errors="replace").partition("\n")[0].strip()

    async def listens(self, address: str, port: int) -> bool:
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                _, writer = await asyncio.open_connection(address, port)
        except (OSError, TimeoutError):
            return False
        writer.transport.abort()
        return True

    async def get(self, url: str, *, host: str = "") -> WebAnswer:
        headers = {hdrs.USER_AGENT: PROBE} | ({hdrs.HOST: host} if host else {})
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as http,
                http.get(url, allow_redirects=False) as answer,
            ):
                text = (await answer.content.read(LONGEST_TEXT)).decode(errors="replace")
                return WebAnswer(answer.status, text, _date(answer.headers.get(hdrs.DATE, "")))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unavailable(f"{url} doesn't answer ({str(error) or 'timeout'}).") from error


def _disk(folder: Path) -> Disk:
    found = os.statvfs(folder)
    return Disk(
        id=folder.stat().st_dev,
        size=found.f_blocks * found.f_frsize,
        free=found.f_bavail * found.f_frsize,
        files=found.f_files,
        free_files=found.f_favail,
    )


def _date(text: str) -> datetime | None:
    with suppress(ValueError, TypeError):
        at = parsedate_to_datetime(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None
