"""What handlers share: reading a form, refusing it with what was typed, answering pages and fragments alike."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import quote, urlsplit

import jinja2
from quart import Response, current_app, g, request, session

from devpush.errors import Refused
from devpush.web import csrf
from devpush.web.world import world

__all__ = [
    "Errors",
    "Form",
    "answer",
    "flash",
    "is_htmx",
    "path_to",
    "read_form",
    "redirect_to",
    "redirect_to_path",
    "refusal",
    "render",
    "same_site",
    "world",
]

LONGEST_VALUE = 1_000_000
LONGEST_PATH = 2000


# Reading


class Form:
    """What was sent, field by field; of a field sent twice, the first."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = {name: value.replace("\r\n", "\n") for name, value in values.items() if name != "csrf_token"}
        """As typed, for showing the form again. Browsers send line ends as \\r\\n whatever was typed."""

    def text(self, name: str, *, limit: int = 10_000) -> str:
        return _short(self.values.get(name, "").strip(), name, limit)

    def raw(self, name: str, *, limit: int = LONGEST_VALUE) -> str:
        """With the spaces around it."""
        return _short(self.values.get(name, ""), name, limit)

    def confirm(self, word: str) -> None:
        """Whether the word was typed that what is about to go is called by. Raises Refused."""
        if self.text("confirmation", limit=400) != word:
            raise Refused(f"Please type {word} to confirm.", field="confirmation")


async def read_form() -> Form:
    return Form((await request.form).to_dict())


class Errors(dict[str, str]):
    """Field → sentence. `form` is the form as a whole."""

    @contextmanager
    def of(self, field: str) -> Iterator[None]:
        """Refusals inside belong to the field they name, or to this one."""
        try:
            yield
        except Refused as error:
            self.setdefault(error.field or field, str(error))


def refusal(error: Refused) -> dict[str, str]:
    return {error.field or "form": str(error)}


def _short(value: str, name: str, limit: int) -> str:
    if len(value) > limit:
        raise Refused(f"That is too long: at most {limit} characters.", field=name)
    return value


# Answering


def render(template: str, **context: Any) -> str:
    """A template with nothing but what is given: for streams and mails."""
    return _pages().get_template(template).render(context)


def answer(template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any) -> Response:
    """A page, or a fragment of one. A fragment takes what was flashed along as toasts; a page shows it itself."""
    fragment = posixpath.basename(template).startswith("_")
    html = render(template, **(_surroundings(flashes=[] if fragment else _flashed()) | context))
    if fragment and is_htmx() and (flashes := _flashed()):
        html += render("_toasts.html", flashes=flashes)
    return Response(html, status, dict(headers or {}), content_type="text/html; charset=utf-8")


def redirect_to(endpoint: str, **values: Any) -> Response:
    return redirect_to_path(path_to(endpoint, **values))


def redirect_to_path(path: str) -> Response:
    """The browser goes there by GET; htmx is told to take the whole page along."""
    if is_htmx():
        return Response("", 204, {"HX-Redirect": path})
    return Response("", 303, {"Location": path})


def path_to(endpoint: str, **values: Any) -> str:
    """The path of one of our pages; needs no request."""
    return cast(Callable[..., str], _pages().globals["url_for"])(endpoint, **values)


def is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def flash(kind: str, text: str, *link: str) -> None:
    """Say it on the page that comes next. Kinds: success, info, warning, error. A link is a path and its word."""
    session["flashes"] = [*session.get("flashes", []), (kind, text, *link)]


def message_header(sentence: str) -> dict[str, str]:
    """How a sentence reaches app.js, which shows it as a toast, when the answer isn't swapped in."""
    return {"X-Message": quote(sentence)}


def same_site(path: str) -> str:
    """The path if it leads to a page of ours, else "": what comes from a URL never sends people elsewhere."""
    if len(path) > LONGEST_PATH or not re.match(r"/(?![/\\])", path) or re.search(r"[\\\x00-\x20\x7f]", path):
        return ""
    try:
        parts = urlsplit(path)
    except ValueError:
        return ""
    return "" if parts.scheme or parts.netloc else path


def _surroundings(flashes: list[tuple[str, ...]]) -> dict[str, Any]:
    """What every page shows around its own. An answer before anybody was asked for (an error) has nobody in it."""
    return {
        "me": g.get("me"),
        "team": g.get("team"),
        "teams": g.get("teams", []),
        "project": g.get("project"),
        "waiting": g.get("waiting", 0),
        "tab": "",
        "csrf_token": csrf.token() if "visit" in g else "",
        "flashes": flashes,
        "is_htmx": is_htmx(),
    }


def _flashed() -> list[tuple[str, ...]]:
    return [tuple(said) for said in session.pop("flashes", [])] if "flashes" in session else []


def _pages() -> jinja2.Environment:
    return cast(jinja2.Environment, current_app.extensions["pages"])
