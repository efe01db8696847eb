"""Asks an app whether it answers, at its own address on its project's network."""

import aiohttp
from yarl import URL

from devpush.ports import APP_PORT, PROBE


class HttpProbe:
    """Implements ports.Probe. One connection a question: an app that is starting must not see reused ones."""

    async def status(self, address: str, path: str, *, timeout: float = 5) -> int | None:
        target = URL(f"http://{address}:{APP_PORT}{path}", encoded=True)
        if target.host != address or target.port != APP_PORT:  # a path can't lead elsewhere
            return None
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout)) as client,
                client.get(target, allow_redirects=False, headers={"User-Agent": PROBE}) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None
