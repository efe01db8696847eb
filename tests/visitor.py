"""A browser without a screen: keeps cookies, proves its forms, and says where they came from."""

import html
import re
from collections.abc import Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from quart import Quart
from quart.datastructures import FileStorage
from quart.testing import QuartClient
from werkzeug.datastructures import Headers

from devpush.access import Access
from devpush.models import Session, User
from devpush.ports import World
from devpush.web.app import create_app
from devpush.web.session import COOKIE, cookie_name

TOKEN = re.compile(r'name="(?:csrf-token|csrf_token)" (?:content|value)="([^"]*)"')


def dashboard(world: World, *, state: str = "ready", parts: Mapping[str, str] | None = None) -> Quart:
    """The web application, with an access.json that only this test has."""

    async def readiness() -> dict[str, str]:
        return dict(parts or {"database": "ok", "redis": "ok", "docker": "ok", "traefik": "ok"})

    world.settings.data_dir.mkdir(parents=True, exist_ok=True)
    return create_app(world, readiness, lambda: state, access=Access(access_file(world)))


def access_file(world: World) -> Path:
    return world.settings.data_dir / "access.json"


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers.get("Location") or self.headers.get("HX-Redirect") or ""

    @property
    def words(self) -> str:
        """What a person reads of it."""
        return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.text)))

    def field(self, name: str) -> str:
        """The value of a field of a form."""
        found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', self.text)
        if found is None:
            found = re.search(rf'<textarea[^>]* name="{name}"[^>]*>\n([^<]*)</textarea>', self.text)
        assert found, f"no field {name}"
        return html.unescape(found[1])


class Visitor:
    """Somebody's browser; `await Visitor(app).signed_in(user)` for somebody who is in."""

    def __init__(self, app: Quart) -> None:
        self.app = app
        self.host = "localhost:8000"
        self.cookies: dict[str, str] = {}
        self._client = QuartClient(app, use_cookies=False)

    async def signed_in(self, user: User) -> "Visitor":
        token = await Session.begin(user, ip="127.0.0.1", user_agent="Mozilla/5.0 (X11; Linux) Firefox/140.0")
        self.cookies[cookie_name(self.app.extensions["world"].settings, COOKIE)] = token
        return self

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, form: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """Send a form as a page of ours would: with the token of a page, and from our origin."""
        return await self.ask("POST", path, form={"csrf_token": await self.csrf_token(), **(form or {})}, **more)

    async def csrf_token(self) -> str:
        """As a page shows it: the account's, or without a session the sign-in page's."""
        page = await self.get("/account")
        if page.status != 200:
            page = await self.get("/auth/sign-in")
        found = TOKEN.search(page.text)
        return found[1] if found else ""

    async def ask(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        htmx: bool = False,
        files: dict[str, FileStorage] | None = None,
    ) -> Answer:
        sent = {"Host": self.host, "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if method not in ("GET", "HEAD"):
            sent |= {"Origin": f"http://{self.host}", "Sec-Fetch-Site": "same-origin"}
        if htmx:
            sent["HX-Request"] = "true"
        fields = dict(form) if form is not None else None
        answer = await self._client.open(
            path, method=method, headers=sent | dict(headers or {}), form=fields, files=files
        )
        self._keep_cookies(answer.headers)
        return Answer(answer.status_code, answer.headers, await answer.get_data(as_text=False))

    def _keep_cookies(self, headers: Headers) -> None:
        for line in headers.getlist("Set-Cookie"):
            for name, cookie in SimpleCookie(line).items():
                if cookie["max-age"] == "0" or not cookie.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = cookie.value
