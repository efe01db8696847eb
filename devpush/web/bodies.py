"""How much a request may carry: 2 MB, and more where a file or a webhook is expected."""

import asyncio
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from quart import Request, request
from quart.formparser import FormDataParser, ParserFunc
from quart.wrappers.request import Body
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

MOST_BYTES = 2 * 1024 * 1024
A_PICTURE = 10 * 1024 * 1024 + 100_000
"""10 MB, and the form around it."""
A_WEBHOOK = 25 * 1024 * 1024
LARGER: Mapping[str, int] = {
    "account.save_avatar": A_PICTURE,
    "team_settings.save_avatar": A_PICTURE,
    "projects.save_avatar": A_PICTURE,
    "webhooks.github": A_WEBHOOK,
    "webhooks.project": A_WEBHOOK,
}
"""Endpoint → bytes, for those that take more than `MOST_BYTES`. Each one is a decision."""
MOST_OF_ALL = max(MOST_BYTES, *LARGER.values())
MOST_FIELDS = 1000
"""Of a form, whichever way it is sent."""
URLENCODED = ("application/x-www-form-urlencoded", "application/x-url-encoded")
LONG = 32 * 1024
"""Bytes from which a form is read in a thread, where it keeps nobody waiting."""


class CountedBody(Body):
    """Counts all that arrives. Quart's own looks only at what nobody has read yet: a form sent in pieces, its length
    untold, had no end."""

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(expected_content_length, None)
        self.limit = max_content_length
        self._expected = expected_content_length or 0
        self._arrived = 0

    def append(self, data: bytes) -> None:
        self._arrived += len(data)
        super().append(data)
        self.at_most(self.limit)

    async def __anext__(self) -> bytes:
        """Too much may have come while somebody was waiting for more: that is no end."""
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            if self._must_raise:
                raise self._must_raise from None
            raise

    def at_most(self, limit: int | None) -> None:
        """Raise the limit or lower it; whoever reads more than that gets a 413."""
        self.limit = limit
        if limit is not None and max(self._expected, self._arrived) > limit and self._must_raise is None:
            self._must_raise = RequestEntityTooLarge()
            self.clear()
            self.set_complete()


class BoundedForms(FormDataParser):
    """Bounds what anybody may send before we know who they are: a million fields in two megabytes, or as many encoded
    letters, took seconds in which nobody else was answered. (Quart itself bounds forms that come in parts.)"""

    def get_parse_func(self, mimetype: str, options: dict[str, str]) -> ParserFunc | None:
        return _read_urlencoded if mimetype in URLENCODED else super().get_parse_func(mimetype, options)


async def _read_urlencoded(
    _: FormDataParser, body: Body, *__: object
) -> tuple[MultiDict[str, str], MultiDict[str, Any]]:
    sent = await body
    if len(sent) > MOST_BYTES or sent.count(b"&") >= MOST_FIELDS:
        raise RequestEntityTooLarge
    fields = await asyncio.to_thread(_fields, sent) if len(sent) > LONG else _fields(sent)
    return MultiDict(fields), MultiDict()


def _fields(sent: bytes) -> list[tuple[str, str]]:
    return parse_qsl(sent.decode(), keep_blank_values=True)


class Asked(Request):
    """A request whose body is counted. Its limit is the largest of all until its endpoint is known."""

    body_class = CountedBody
    form_data_parser_class = BoundedForms

    def make_form_data_parser(self) -> FormDataParser:
        """Files stay in memory: they are counted, and a full disk is no concern of theirs."""
        parser = super().make_form_data_parser()
        parser.stream_factory = lambda *_: BytesIO()
        return parser


async def limit() -> None:
    """Before everything else: what this endpoint takes. Nothing was read of the body so far."""
    most = LARGER.get(request.endpoint or "", MOST_BYTES)
    request.max_content_length = most
    if isinstance(request.body, CountedBody):
        request.body.at_most(most)


def most_megabytes() -> int:
    """What a person is told when it was too much."""
    return (request.max_content_length or MOST_BYTES) // (1024 * 1024)
