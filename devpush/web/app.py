"""The web application: what it is made of, what stands before every handler, and how errors become answers."""

import hmac
import logging
import re
import secrets
import zlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import brotli
from quart import Quart, Response, current_app, g, request
from quart.wrappers import BaseRequestWebsocket
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from devpush.access import Access
from devpush.errors import Forbidden, NotFound, Refused, Unavailable, WrongKey
from devpush.models.database import AWAY
from devpush.ports import REDIRECT_HEADER, World
from devpush.settings import ROOT, Settings
from devpush.web import (
    account,
    activity,
    assets,
    auth,
    avatars,
    bodies,
    csrf,
    deleted,
    deliveries,
    deployments,
    domains,
    door,
    email_change,
    environments,
    github,
    health,
    home,
    hosts,
    invitations,
    logs,
    members,
    metrics,
    new_project,
    oauth,
    operator,
    pages,
    picker,
    projects,
    repository,
    search,
    server,
    session,
    sign_in,
    streams,
    team_settings,
    teams,
    variables,
    webhooks,
)
from devpush.web.forms import answer, is_htmx, message_header, render
from devpush.web.world import world

log = logging.getLogger(__name__)

BLUEPRINTS = (
    account, activity, assets, avatars, deleted, deliveries, deployments, domains, email_change, environments, github,
    health, home, hosts, invitations, logs, members, metrics, new_project, oauth, operator, picker, projects,
    repository, search, server, sign_in, streams, team_settings, teams, variables, webhooks,
)  # fmt: skip
ANY_HOST = frozenset({"assets.file", "health.health", "health.ready"})
"""What answers on every hostname: /static/ because the page that says "nothing is live here" is shown there."""

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action {form_action}; frame-ancestors 'none'; object-src 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # no-referrer would make our own forms say `Origin: null`
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000"

PACKED = frozenset({"text/html", "application/json"})
SMALLEST_PACKED = 1000
QUICK_GZIP, QUICK_BROTLI = 4, 5
"""The levels that cost less time than they save on a page. Brotli makes it a sixth smaller in the same time."""

REDIRECT = re.compile(r"(?P<status>30[1278]) (?P<to>https?://[a-z0-9.-]+)")
HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
HEADINGS = {
    400: ("That was not understood", "The request was incomplete or garbled."),
    405: ("That can't be done here", "The address is right, but not what was asked of it."),
    408: ("That took too long", "The request didn't arrive whole in time. Please try again."),
    413: ("That is too large", "At most {} MB can be sent at once."),
}


class Dashboard(Quart):
    request_class = bodies.Asked

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """Quart binds a request to its Host header before any hook runs, and breaks where that isn't a name at all.
        Ours has one map for whatever host: `refuse_foreign_host` looks at the name."""
        if request is None:
            return None
        query = request.query_string.decode(errors="replace")
        return self.url_map.bind(
            "", None, None, request.scheme, request.method, path_info=request.path, query_args=query
        )


def create_app(
    world: World,
    readiness: Callable[[], Awaitable[dict[str, str]]],
    state: Callable[[], str],
    *,
    access: Access | None = None,
) -> Quart:
    """`state` is "starting", "ready" or "draining"; `readiness` says of each part beside us "ok" or what is wrong."""
    settings = world.settings
    app = Dashboard(__name__, static_folder=None, template_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=bodies.MOST_OF_ALL,
        PROVIDE_AUTOMATIC_OPTIONS=False,
        SECRET_KEY=hmac.digest(settings.secret_key.encode(), b"flashes", "sha256").hex(),
        SESSION_COOKIE_NAME=session.cookie_name(settings, "devpush_flash"),
        SESSION_COOKIE_SECURE=settings.url_scheme == "https",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.url_map.merge_slashes = False  # redirects of the router would name a host
    for module in BLUEPRINTS:
        app.register_blueprint(module.bp)
    auth.refuse_forgotten(app)
    static = assets.Assets()
    app.extensions |= {
        "world": world,
        "readiness": readiness,
        "state": state,
        "process": secrets.token_hex(8),
        "assets": static,
        "pages": pages.environment(settings.app_name, static, app.url_map),
        "door": door.Door(access or Access(ROOT / "access.json")),
    }
    app.extensions["policy"] = policy(settings)
    for hook in (bodies.limit, refuse_foreign_host, session.load, auth.ask_to_sign_in, csrf.check, auth.guard):
        app.before_request(hook)
    app.after_request(finish)
    for error, handler in ANSWERS.items():
        app.register_error_handler(error, handler)
    return app


# Before a handler runs: the hooks stand in `create_app` in their order; this is the first


async def refuse_foreign_host() -> Response | None:
    """Names of apps that aren't live end here as well, and get nothing of the dashboard."""
    host = _hostname(request.host)
    if host in _own_names(world().settings):
        return None
    if elsewhere := REDIRECT.fullmatch(request.headers.get(REDIRECT_HEADER, "")):
        return _redirect(int(elsewhere["status"]), elsewhere["to"])
    if request.endpoint in ANY_HOST:
        return None
    shown = host if HOSTNAME.fullmatch(host) else "this address"
    html = render("errors/not_live.html", host=shown, dashboard_url=world().settings.dashboard_url)
    return Response(html, 404, content_type="text/html; charset=utf-8")


def _redirect(status: int, to: str) -> Response:
    """Path and query as they came, byte by byte."""
    path, query = request.scope["raw_path"].decode("latin-1"), request.query_string.decode("latin-1")
    place = f"{to}/{path.removeprefix('/')}" + (f"?{query}" if query else "")
    return Response("", status, {"Location": place})


def _own_names(settings: Settings) -> frozenset[str]:
    if settings.production:
        return frozenset({settings.hostname})
    return frozenset({settings.hostname, "localhost", "127.0.0.1", "[::1]", settings.bind})


def _hostname(host: str) -> str:
    """Without its port, in lower case."""
    return re.sub(r":[0-9]*$", "", host).lower().rstrip(".")


# After it ran


async def finish(response: Response) -> Response:
    """Every answer passes here: pages, fragments, errors, files, streams."""
    response.headers.update(HEADERS)
    response.headers["Content-Security-Policy"] = current_app.extensions["policy"]
    settings = world().settings
    if settings.url_scheme == "https" and _hostname(request.host) in _own_names(settings):  # others' is theirs to say
        response.headers["Strict-Transport-Security"] = HSTS
    response.headers.setdefault("Cache-Control", "no-store")
    if "visit" in g:
        session.set_cookies(response)
        csrf.set_cookies(response)
    if response.mimetype in PACKED:
        await _pack(response, request.headers.get("Accept-Encoding", ""))
    return response


def policy(settings: Settings) -> str:
    """A form of ours may end at a provider: Chromium asks for the targets of redirects after a form, too."""
    providers = [settings.github_url, *([settings.google_issuer] if settings.google_configured else [])]
    return CSP.format(form_action=" ".join(["'self'", *filter(None, map(_origin, providers))]))


def _origin(url: str) -> str:
    """ "" for what doesn't belong into a header."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
    return origin if re.fullmatch(r"https?://[a-z0-9.:\[\]-]+", origin) else ""


async def _pack(response: Response, accepted: str) -> None:
    body = await response.get_data(as_text=False)
    if len(body) < SMALLEST_PACKED:
        return
    if assets.BROTLI.search(accepted):
        response.set_data(brotli.compress(body, mode=brotli.MODE_TEXT, quality=QUICK_BROTLI))
        response.headers["Content-Encoding"] = "br"
    elif "gzip" in accepted:
        packer = zlib.compressobj(QUICK_GZIP, wbits=31)
        response.set_data(packer.compress(body) + packer.flush())
        response.headers["Content-Encoding"] = "gzip"
    response.headers.add("Vary", "Accept-Encoding")


# Errors: the class says what we do, the text is a sentence for a person


async def not_found(_: NotFound) -> Response:
    return _say(404, "There is nothing here.", "errors/404.html")


async def forbidden(error: Forbidden) -> Response:
    return _say(403, str(error) or "You may not do that.", "errors/403.html", message=str(error))


async def refused(error: Refused) -> Response:
    return _say(422, str(error), heading="That can't be done", message=str(error))


async def unavailable(error: Unavailable) -> Response:
    log.warning("part unavailable", extra={"endpoint": request.endpoint, "reason": str(error)})
    return _say(503, str(error), heading="Not now", message=str(error))


async def database_away(error: Exception) -> Response:
    log.error("database away", extra={"endpoint": request.endpoint, "reason": f"{type(error).__name__}: {error}"})
    return await unavailable(Unavailable("The database doesn't answer now. Your sites go on serving; try again soon."))


async def socket_or_mistake(error: OSError) -> Response:
    """PostgreSQL's driver lets them through as they come; those of files name the file."""
    socket = isinstance(error, ConnectionError) or (isinstance(error, FileNotFoundError) and error.filename is None)
    return await (database_away(error) if socket else mistake(error))


async def wrong_key(error: WrongKey) -> Response:
    log.error("wrong key", extra={"endpoint": request.endpoint})
    return _say(500, str(error), heading="Stored secrets can't be read", message=str(error))


async def http_error(error: HTTPException) -> Response:
    """Those of the router and the parser."""
    if error.code == 404:
        return await not_found(NotFound())
    heading, message = HEADINGS.get(error.code or 400, HEADINGS[400])
    message = message.format(bodies.most_megabytes())
    return _say(error.code or 400, message, heading=heading, message=message)


async def mistake(error: Exception) -> Response:
    """Ours. The id brings the person's report and the log together; the person sees nothing else of it."""
    error_id = secrets.token_hex(4)
    place = {"error_id": error_id, "endpoint": request.endpoint, "method": request.method}
    log.error("request failed", extra=place, exc_info=error)
    return _say(500, f"Something broke on our side (number {error_id}).", "errors/500.html", error_id=error_id)


def _say(status: int, sentence: str, template: str = "errors/sentence.html", **context: Any) -> Response:
    """A page, or for htmx, which doesn't swap errors in, a sentence to show as a toast."""
    if is_htmx():
        headers = message_header(sentence)
        return Response(sentence, status, headers, content_type="text/plain; charset=utf-8")
    return answer(template, status=status, **context)


ANSWERS: dict[type[Exception], Callable[..., Awaitable[Response]]] = {
    NotFound: not_found,
    Forbidden: forbidden,
    Refused: refused,
    Unavailable: unavailable,
    WrongKey: wrong_key,
    HTTPException: http_error,
    **dict.fromkeys(AWAY, database_away),
    OSError: socket_or_mistake,
    Exception: mistake,
}
