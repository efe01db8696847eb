"""One question to GitHub and its answer: in time, in bounds, again where that is safe, no sooner than asked to."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from yarl import URL

from devpush.errors import Unavailable
from devpush.ports import GitHubRefused

TIMEOUT = 10.0
"""Of one question with all its tries."""
PATIENCE = 3.0
"""How long a wait GitHub asks for we sit out; whoever asks hears of longer ones."""
PAUSES = (0.3, 1.0)
"""Between the tries."""
LONGEST_WAIT = 3600.0
MAX_ANSWER = 20_000_000
MAX_HOPS = 4
NONSENSE = "GitHub's answer can't be understood. Please try again later."
HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
    "User-Agent": "devpush",
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    method: str
    url: str
    authorization: str = field(default="", repr=False)
    who: str = ""
    """By what GitHub counts it, where `authorization` is another one each time."""
    json: Any = None
    form: Mapping[str, str] | None = field(default=None, repr=False)
    again: bool = True
    """To ask twice is the same as to ask once. Where it isn't, nothing is sent again that may have arrived."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    following: str = ""
    """The address of the next page, by the Link header."""

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Unavailable(NONSENSE) from None


class GitHubHttp:
    """Asks questions, and remembers who was told to wait. Proxies of the environment are not used: aiohttp would read
    ~/.netrc with them, and add what it finds there to our questions."""

    def __init__(self, *, timeout: float = TIMEOUT, pauses: Sequence[float] = PAUSES, limit: int = MAX_ANSWER) -> None:
        self._timeout = timeout
        self._pauses = pauses
        self._limit = limit
        self._quiet_until: dict[str, float] = {}
        """Who asks → when they may ask again (GitHub counts for each apart)."""

    async def __aenter__(self) -> Self:
        self._kept = self._session(aiohttp.TCPConnector())
        # GitHub closes a kept connection when it likes. What must not be sent twice must not get lost that way either.
        self._fresh = self._session(aiohttp.TCPConnector(force_close=True))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._kept.close()
        await self._fresh.close()

    @staticmethod
    def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None),
            headers=HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def ask(self, question: Question) -> Answer:
        """Raises Unavailable; every other answer is for whoever asked to judge."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(question)
        except TimeoutError:
            raise Unavailable(f"GitHub doesn't answer within {self._timeout:g} seconds.") from None

    async def _ask(self, question: Question) -> Answer:
        for pause in self._pauses:
            try:
                return await self._try(question)
            except _Again as again:
                log.info("GitHub is asked again", extra={"url": _place(question), "why": again})
            await asyncio.sleep(pause)
        try:
            return await self._try(question)
        except _Again as last:
            raise Unavailable(str(last)) from None

    async def _try(self, question: Question) -> Answer:
        """Raises _Again where another try is safe and may help, and Unavailable where not."""
        await self._sit_out(question)
        try:
            answer = await self._follow(question)
        except aiohttp.ClientConnectorCertificateError:
            raise Unavailable("GitHub's certificate isn't trusted here.") from None
        except aiohttp.ClientConnectorError:
            raise _Again("GitHub can't be reached.") from None
        except (aiohttp.ClientError, OSError) as trouble:
            raise _failed(question, f"The connection to GitHub broke off ({type(trouble).__name__}).") from None
        except ValueError:  # an address in a header that is none
            raise Unavailable(NONSENSE) from None
        wait = _asked_to_wait(answer)
        if wait is not None:
            self._remember(question, wait)
            raise (_Again if wait <= PATIENCE else Unavailable)(_try_again_in(wait))
        if answer.status >= 500:
            raise _failed(question, f"GitHub doesn't work as it should now (status {answer.status}).")
        return answer

    # Waiting

    async def _sit_out(self, question: Question) -> None:
        wait = self._quiet_until.get(question.who or question.authorization, 0.0) - time.monotonic()
        if wait > PATIENCE:
            raise Unavailable(_try_again_in(wait))
        if wait > 0:
            await asyncio.sleep(wait)

    def _remember(self, question: Question, wait: float) -> None:
        now = time.monotonic()
        log.warning("GitHub asks us to wait", extra={"url": _place(question), "seconds": round(wait)})
        self._quiet_until = {who: until for who, until in self._quiet_until.items() if until > now}
        self._quiet_until[question.who or question.authorization] = now + wait

    # Sending

    async def _follow(self, question: Question) -> Answer:
        """Renamed repositories answer with a redirect. It is followed within the origin only: our token goes along."""
        url = URL(question.url, encoded=True)
        for _ in range(MAX_HOPS):
            answer = await self._send(question, url)
            if answer.status not in (301, 302, 307, 308):
                return answer
            url = _next_hop(question, url, answer)
        raise GitHubRefused("GitHub sends us round in circles.", status=answer.status)

    async def _send(self, question: Question, url: URL) -> Answer:
        session = self._kept if question.again else self._fresh
        headers = {"Authorization": question.authorization} if question.authorization else {}
        if question.form is not None:
            headers["Accept"] = "application/json"
        async with session.request(
            question.method, url, headers=headers, json=question.json, data=question.form, allow_redirects=False
        ) as answer:
            body = await self._bounded(answer)
            following = answer.links.get("next")
            return Answer(answer.status, answer.headers, body, str(following["url"]) if following else "")

    async def _bounded(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for piece in answer.content.iter_chunked(65_536):
            body += piece
            if len(body) > self._limit:
                answer.close()
                raise Unavailable(f"GitHub's answer is larger than {self._limit // 1_000_000} MB.")
        return bytes(body)


class _Again(Exception):
    """It may be tried again; the text says why, should this have been the last time."""


def _failed(question: Question, why: str) -> Exception:
    return _Again(why) if question.again else Unavailable(why)


def _place(question: Question) -> str:
    """What of a question may stand in a log: single-use codes are in paths, searches in queries."""
    return f"{question.method} {URL(question.url, encoded=True).raw_path.split('/app-manifests/')[0]}"


def _next_hop(question: Question, url: URL, answer: Answer) -> URL:
    refused = GitHubRefused(
        f"{url.host} sends us to another address, which we don't follow. "
        "Please see GITHUB_URL and GITHUB_API_URL, and whether the repository has moved.",
        status=answer.status,
    )
    if question.method != "GET" and answer.status in (301, 302):
        raise refused  # would become a GET
    try:
        to = url.join(URL(answer.headers.get("Location", ""), encoded=True))
        same = to.origin() == url.origin()
    except ValueError:
        raise refused from None
    if not same or to.user is not None:
        raise refused
    return to


def _asked_to_wait(answer: Answer) -> float | None:
    """Seconds, if this is about one of GitHub's rate limits and not about what we may do."""
    if answer.status not in (403, 429):
        return None
    after = answer.headers.get("Retry-After", "")
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if after.isdecimal():
        wait = float(after[:9])
    elif answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isdecimal():
        wait = float(reset[:12]) - time.time() + 1
    elif answer.status == 429 or b"rate limit" in answer.body[:2000].lower():
        wait = 60.0  # as GitHub's documentation says where its answer doesn't
    else:
        return None
    return min(max(wait, 0.0), LONGEST_WAIT)


def _try_again_in(seconds: float) -> str:
    if seconds < 90:
        when = f"{max(round(seconds), 1)} seconds" if seconds >= 1.5 else "a second"
    else:
        when = f"{round(seconds / 60)} minutes"
    return f"GitHub asks us to slow down. Please try again in {when}."
