"""A GitHub to test with, at one address: what `emulate` lacks, standing in front of it, and told what goes wrong.

with GitHubServer(emulate).serving() as github:     # the fixture `github_server` does this
    shop = github.have_repository("acme/shop", files={"main.py": "print(1)"}, pushers=["alice"])
    settings = github.settings()                    # GITHUB_URL … for a process of its own
"""

import base64
import binascii
import hashlib
import hmac
import html
import http.client
import json
import re
import secrets
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import aiohttp

from devpush.ports import App
from tests.emulate import (
    ACCOUNTS,
    INSTALLATIONS,
    MEMBERS,
    ORGANIZATION,
    PERMISSIONS,
    Emulate,
)

RECORDED = json.loads((Path(__file__).parent / "emulate" / "recorded.json").read_text())
"""Of the package @octokit/webhooks-examples 7.6.1: what GitHub once sent."""
PATIENCE = 30.0


@dataclass
class Served:
    """A repository. `pushers` and `readers` are logins; everybody reads what is public."""

    id: int
    full_name: str
    private: bool
    default_branch: str
    clone_url: str
    pushers: set[str]
    readers: set[str]
    origin: Path | None = None
    """The bare repository whose branches and files it shows; None: those that emulate has of it."""
    former: list[str] = field(default_factory=list)
    """Names it had: they redirect."""
    removed: bool = False

    @property
    def owner(self) -> str:
        return self.full_name.partition("/")[0]

    def open_to(self, login: str) -> bool:
        return not self.removed and (not self.private or login in self.pushers | self.readers)


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    below: str = ""
    """/api/v3, where it was asked as Enterprise Server is."""

    def json(self) -> dict[str, Any]:
        with suppress(ValueError):
            said = json.loads(self.body or b"{}")
            if isinstance(said, dict):
                return said
        return {}

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").partition(" ")[2]


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Any, status: int = 200, **headers: str) -> "Reply":
        return cls(status, json.dumps(said).encode(), {"Content-Type": "application/json; charset=utf-8", **headers})

    @classmethod
    def page(cls, title: str, body: str, status: int = 200) -> "Reply":
        whole = f"<!doctype html><html lang=en><title>{html.escape(title)}</title><h1>{html.escape(title)}</h1>{body}"
        return cls(status, whole.encode(), {"Content-Type": "text/html; charset=utf-8"})

    @classmethod
    def to(cls, url: str, status: int = 302) -> "Reply":
        return cls(status, b"", {"Location": url})


NOT_FOUND = Reply.of(
    {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}, 404
)
BAD_CREDENTIALS = Reply.of({"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}, 401)


@dataclass
class Trouble:
    """What happens to requests whose "METHOD /path" fits the pattern, so many times (-1: always)."""

    where: re.Pattern[str]
    after: float = 0.0
    """Seconds until it answers (as it would, unless there is a `reply`)."""
    reply: Reply | None = None
    silent: bool = False
    """It never answers."""
    lost: bool = False
    """It does what it was asked, and the connection breaks off before its answer."""
    times: int = -1


@dataclass(frozen=True)
class Issued:
    """An installation's token."""

    installation: int
    repositories: frozenset[int]
    """Empty: all."""
    permissions: Mapping[str, str]


class GitHubServer:
    """Its lists are what it was told: `statuses`, `deployments`, `deployment_statuses`; `asked` is every request."""

    def __init__(self, emulate: Emulate) -> None:
        self.emulate = emulate
        self.app: App = emulate.app
        self.url = ""
        self.asked: list[Asked] = []
        self.troubles: list[Trouble] = []
        self.statuses: list[dict[str, Any]] = []
        self.deployments: dict[int, dict[str, Any]] = {}
        self.deployment_statuses: list[dict[str, Any]] = []
        self.repositories: dict[int, Served] = {}
        self.installed: dict[int, str] = {INSTALLATIONS[ORGANIZATION]: ORGANIZATION}
        """Installation → account; `install` adds one, `uninstall` takes it away."""
        self.suspended: set[int] = set()
        self.users: dict[str, str] = {}
        """User token → login; take one out, and it is refused."""
        self.refreshes: dict[str, str] = {}
        """Refresh token → login; each works once."""
        self.expire_in: int | None = None
        """Seconds; when set, user tokens expire and come with a refresh token."""
        self.issued: dict[str, Issued] = {}
        self.manifests: dict[str, dict[str, Any]] = {}
        """Code → manifest, each converted once."""
        self.manifest: dict[str, Any] = {}
        """Of the App, once it was made: where its callback, setup and webhook addresses are."""
        self.deliveries: list[tuple[str, int]] = []
        """(event, the answer's status) of the webhooks it sent by itself."""
        self._challenges: dict[str, tuple[str, str]] = {}
        """State → (challenge, redirect_uri), then code → the same."""
        self._logins: dict[str, str] = {}
        """Code → login."""
        self._ending = threading.Event()

    @contextmanager
    def serving(self) -> Iterator["GitHubServer"]:
        server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            self._ending.set()
            server.shutdown()
            server.server_close()

    def settings(self) -> dict[str, str]:
        """For the environment of a platform that has our App by its settings."""
        return {
            "GITHUB_URL": self.url,
            "GITHUB_API_URL": self.url,
            "GITHUB_APP_ID": str(self.app.id),
            "GITHUB_APP_NAME": self.app.slug,
            "GITHUB_APP_PRIVATE_KEY": self.app.private_key,
            "GITHUB_APP_WEBHOOK_SECRET": self.app.webhook_secret,
            "GITHUB_APP_CLIENT_ID": self.app.client_id,
            "GITHUB_APP_CLIENT_SECRET": self.app.client_secret,
        }

    # What is there

    def have_repository(
        self,
        full_name: str,
        *,
        pushers: Sequence[str] = (),
        readers: Sequence[str] = (),
        private: bool = False,
        files: Mapping[str, str] | None = None,
        origin: Path | None = None,
        clone_url: str = "",
        default_branch: str = "main",
    ) -> Served:
        """Made at emulate as well, so that its tokens can be for it. With `origin` (a bare repository) branches and
        files are read there, and `clone_url` is where a server gives it out."""
        owner, name = full_name.split("/")
        path = f"/orgs/{owner}/repos" if owner == ORGANIZATION else "/user/repos"
        member = "alice" if owner == ORGANIZATION else owner
        made = self._seed(member, "POST", path, {"name": name, "private": private, "auto_init": files is not None})
        for file, text in (files or {}).items():
            content = base64.b64encode(text.encode()).decode()
            self._seed(
                member,
                "PUT",
                f"/repos/{full_name}/contents/{quote(file)}",
                {"message": "Change it", "content": content},
            )
        served = Served(
            made["id"],
            full_name,
            private,
            default_branch,
            clone_url or f"{self.url}/{full_name}.git",
            set(pushers),
            set(readers),
            origin,
        )
        self.repositories[served.id] = served
        return served

    def rename(self, repository: Served, full_name: str) -> None:
        """Its former name redirects."""
        repository.former.append(repository.full_name)
        repository.full_name = full_name

    def install(self, account: str) -> int:
        """Our App is installed there from now on; the installation's id."""
        self.installed[INSTALLATIONS[account]] = account
        return INSTALLATIONS[account]

    def uninstall(self, account: str) -> int:
        self.installed.pop(INSTALLATIONS[account], None)
        self.issued = {token: one for token, one in self.issued.items() if one.installation != INSTALLATIONS[account]}
        return INSTALLATIONS[account]

    def user_token(self, login: str) -> str:
        """Somebody let us in, as if they had clicked."""
        code = self._emulates_code(login)
        return self._emulates_token(code, login)

    def agree(self, url: str, login: str) -> str:
        """Somebody follows an authorize address and clicks their name; where their browser is sent back to."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert _http("GET", f"{self.url}/login/oauth/authorize?{urlencode(asked)}").status == 200
        form = {name: asked.get(name, "") for name in ("redirect_uri", "state", "client_id", "scope")}
        return _http("POST", f"{self.url}/login/oauth/callback", form=form | {"login": login}).headers["location"]

    # What goes wrong

    def trouble(
        self,
        where: str = "",
        *,
        after: float = 0.0,
        status: int = 0,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        silent: bool = False,
        lost: bool = False,
        times: int = -1,
    ) -> None:
        """`where` is a pattern for "METHOD /path", found anywhere in it; `well` ends all trouble."""
        reply = None
        if status:
            said = json.dumps({"message": http.client.responses.get(status, "")}).encode() if body is None else body
            reply = Reply(status, said, {"Content-Type": "application/json", **(headers or {})})
        self.troubles.append(Trouble(re.compile(where), after, reply, silent, lost, times))

    def well(self) -> None:
        self.troubles.clear()

    def troubled(self, asked: Asked) -> Trouble | None:
        """The trouble this request meets, counted."""
        for trouble in self.troubles:
            if trouble.times and trouble.where.search(f"{asked.method} {asked.path}"):
                trouble.times -= 1 if trouble.times > 0 else 0
                return trouble
        return None

    def waits(self, seconds: float) -> bool:
        """Whether the server ended meanwhile."""
        return self._ending.wait(seconds) if seconds else self._ending.is_set()

    # Webhooks

    def push_payload(
        self,
        repository: Served,
        sha: str,
        *,
        branch: str = "main",
        message: str = "Change it",
        by: str = "alice",
        before: str = "0" * 40,
        added: Sequence[str] = (),
        modified: Sequence[str] = ("main.py",),
        removed: Sequence[str] = (),
    ) -> dict[str, Any]:
        """As GitHub tells of a push: what was recorded, about this one."""
        payload = self._recorded(RECORDED["push"], repository)
        person = {"name": by, "email": f"{by}@example.com", "username": by}
        commit = payload["head_commit"] | {
            "id": sha,
            "message": message,
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "url": f"{self.url}/{repository.full_name}/commit/{sha}",
            "author": person,
            "committer": person,
            "added": list(added),
            "modified": list(modified),
            "removed": list(removed),
        }
        payload |= {"ref": f"refs/heads/{branch}", "before": before, "after": sha, "created": before == "0" * 40}
        payload |= {"commits": [commit], "head_commit": commit, "sender": self._user(by), "base_ref": None}
        payload["pusher"] = {"name": by, "email": f"{by}@example.com"}
        payload["installation"] = {"id": INSTALLATIONS[repository.owner], "node_id": "MDIz"}
        payload["repository"] |= {"private": repository.private, "default_branch": repository.default_branch}
        payload["repository"] |= {"clone_url": repository.clone_url, "id": repository.id}
        return payload

    def installation_payload(self, action: str, account: str) -> dict[str, Any]:
        """Of the events `installation` (created, deleted, suspend, unsuspend)."""
        return {
            "action": action,
            "installation": self._installation(INSTALLATIONS[account], account),
            "repositories": [
                {"id": one.id, "node_id": "R_", "name": one.full_name.partition("/")[2], "full_name": one.full_name}
                | {"private": one.private}
                for one in self.repositories.values()
                if one.owner == account
            ],
            "sender": self._user("alice"),
        }

    # Answering

    def answer(self, asked: Asked) -> Reply:
        if not asked.headers.get("user-agent"):
            return Reply.of({"message": "Request forbidden by administrative rules."}, 403)
        moved = self._moved_path(asked)
        if isinstance(moved, Reply):
            return moved
        asked = moved
        for method, pattern, act in ROUTES:
            found = re.fullmatch(pattern, asked.path)
            if method == asked.method and found:
                reply = act(self, asked, *(unquote(word) for word in found.groups()))
                if reply is not None:
                    return reply
        if asked.token and not asked.token.startswith("eyJ") and not self._known(asked.token):
            return BAD_CREDENTIALS  # emulate takes unknown tokens for its first user's
        return self._forwarded(asked)

    def _moved_path(self, asked: Asked) -> Asked | Reply:
        """Enterprise Server has its API below /api/v3; a repository is found by its id too, and by its former names."""
        below = "/api/v3" if asked.path.startswith("/api/v3/") else ""
        path = asked.path.removeprefix(below)
        if found := re.fullmatch(r"/repositories/(\d+)(/.*)", path):
            served = self.repositories.get(int(found[1]))
            path = f"/repos/{served.full_name}{found[2]}" if served else path
        for served in self.repositories.values():
            for name in served.former:
                if path == f"/repos/{name}" or path.startswith(f"/repos/{name}/"):
                    query = f"?{urlencode(asked.query)}" if asked.query else ""
                    to = f"{self.url}{below}/repositories/{served.id}{path.removeprefix(f'/repos/{name}')}{query}"
                    said = {"message": "Moved Permanently", "url": to}
                    return Reply.of(said, 301 if asked.method == "GET" else 307, Location=to)
        return replace(asked, path=path, below=below)

    # Signing in

    def _authorize(self, asked: Asked) -> Reply | None:
        if asked.query.get("client_id") != self.app.client_id:
            return Reply.page("404", "There is no such App.", 404)
        known = self.manifest.get("callback_urls")
        if known and asked.query.get("redirect_uri") not in known:
            return Reply.page("Be careful!", "The redirect_uri is not associated with this application.", 400)
        self._challenges[asked.query.get("state", "")] = (
            asked.query.get("code_challenge", ""),
            asked.query.get("redirect_uri", ""),
        )
        return None  # the page is emulate's

    def _clicked(self, asked: Asked) -> Reply:
        """Emulate's page was clicked. It forgets PKCE: we remember what belongs to the code it gives."""
        reply = self._forwarded(asked)
        form = asked.form()
        query = dict(parse_qsl(urlsplit(reply.headers.get("location", "")).query))
        if code := query.get("code"):
            self._challenges[code] = self._challenges.pop(form.get("state", ""), ("", ""))
            self._logins[code] = form.get("login", "")
        return reply

    def _access_token(self, asked: Asked) -> Reply:
        form = asked.form() or asked.json()
        if (form.get("client_id"), form.get("client_secret")) != (self.app.client_id, self.app.client_secret):
            return _oauth_error("incorrect_client_credentials")
        if form.get("grant_type") == "refresh_token":
            login = self.refreshes.pop(form.get("refresh_token", ""), None)
            return self._let_in(login) if login else _oauth_error("bad_refresh_token")
        code = form.get("code", "")
        challenge, redirect_uri = self._challenges.pop(code, ("", ""))
        login = self._logins.pop(code, None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not login or (challenge and proof.decode().rstrip("=") != challenge):
            return _oauth_error("bad_verification_code")
        if form.get("redirect_uri") != redirect_uri:
            return _oauth_error("redirect_uri_mismatch")
        return self._let_in(login, code)

    def _let_in(self, login: str, code: str = "") -> Reply:
        said: dict[str, Any] = {"access_token": self._emulates_token(code or self._emulates_code(login), login)}
        if self.expire_in is not None:
            refresh = f"ghr_{secrets.token_hex(20)}"
            self.refreshes[refresh] = login
            said |= {"expires_in": self.expire_in, "refresh_token": refresh, "refresh_token_expires_in": 15_897_600}
        return Reply.of(said | {"token_type": "bearer", "scope": ""})

    def _emulates_code(self, login: str) -> str:
        form = {"login": login, "redirect_uri": "http://127.0.0.1/", "client_id": self.app.client_id, "state": ""}
        got = _http("POST", f"{self.emulate.github}/login/oauth/callback", form=form)
        return dict(parse_qsl(urlsplit(got.headers["location"]).query))["code"]

    def _emulates_token(self, code: str, login: str) -> str:
        form = {"code": code, "client_id": self.app.client_id, "client_secret": self.app.client_secret}
        got = _http("POST", f"{self.emulate.github}/login/oauth/access_token", form=form)
        token: str = json.loads(got.body)["access_token"]
        self.users[token] = login
        return token

    def _known(self, token: str) -> bool:
        return token in self.users or token in self.issued

    # The App

    def _new_app(self, asked: Asked) -> Reply:
        """The page that a manifest is posted to. One click makes the App."""
        manifest, state = asked.form().get("manifest", ""), asked.query.get("state", "")
        try:
            name = json.loads(manifest)["name"]
        except (ValueError, KeyError):
            return Reply.page("Invalid GitHub App configuration", "The manifest can't be read.", 422)
        fields = _hidden({"manifest": manifest, "state": state})
        button = f"<button>Create GitHub App for {html.escape(str(name))}</button>"
        return Reply.page("Create GitHub App", f'<form method=post action="/settings/apps">{fields}{button}</form>')

    def _made_app(self, asked: Asked) -> Reply:
        manifest = json.loads(asked.form()["manifest"])
        code = secrets.token_hex(20)
        self.manifests[code] = manifest
        query = {"code": code, "state": asked.form().get("state", "")}
        return Reply.to(f"{manifest['redirect_url']}?{urlencode({k: v for k, v in query.items() if v})}")

    def _convert(self, asked: Asked, code: str) -> Reply:
        """Whatever the manifest says, it becomes the App that emulate knows, under the name it wants."""
        if code not in self.manifests:
            return NOT_FOUND
        self.manifest = self.manifests.pop(code)
        self.app = replace(self.app, name=self.manifest["name"])
        return Reply.of(
            {
                "id": self.app.id,
                "slug": self.app.slug,
                "node_id": "MDM6QXBwMQ==",
                "owner": self._user("alice"),
                "name": self.app.name,
                "description": self.manifest.get("description"),
                "external_url": self.manifest.get("url"),
                "html_url": f"{self.url}/apps/{self.app.slug}",
                "created_at": _now(),
                "updated_at": _now(),
                "permissions": self.manifest.get("default_permissions", {}),
                "events": self.manifest.get("default_events", []),
                "client_id": self.app.client_id,
                "client_secret": self.app.client_secret,
                "webhook_secret": self.app.webhook_secret,
                "pem": self.app.private_key,
            },
            201,
        )

    def _install_page(self, asked: Asked, slug: str) -> Reply:
        if slug != self.app.slug:
            return Reply.page("404", "There is no such App.", 404)
        buttons = [f"<p><button name=account value={name}>Install on {name}</button>" for name in ACCOUNTS]
        fields = _hidden({"state": asked.query.get("state", "")})
        return Reply.page(f"Install {self.app.name}", f"<form method=post>{fields}{''.join(buttons)}</form>")

    def _install_clicked(self, asked: Asked, slug: str) -> Reply:
        form = asked.form()
        id = self.install(form["account"])
        self._tell("installation", self.installation_payload("created", form["account"]))
        query = {"installation_id": str(id), "setup_action": "install", "state": form.get("state", "")}
        setup = self.manifest.get("setup_url") or f"{self.url}/settings/installations/{id}"
        return Reply.to(f"{setup}?{urlencode({name: value for name, value in query.items() if value})}")

    def _tell(self, event: str, payload: Mapping[str, Any]) -> None:
        """The App's own webhook address hears of it."""
        hook = self.manifest.get("hook_attributes", {})
        if hook.get("url") and hook.get("active", True):
            headers, body = signed(self.app.webhook_secret, event, payload)
            with suppress(OSError):
                self.deliveries.append((event, _http("POST", hook["url"], body=body, headers=headers).status))

    def _app(self, asked: Asked) -> Reply:
        if fault := _jwt_fault(asked.token):
            return Reply.of({"message": fault, "documentation_url": "https://docs.github.com/rest"}, 401)
        permissions = self.manifest.get("default_permissions", PERMISSIONS)
        events = self.manifest.get("default_events", [])
        return Reply.of({"id": self.app.id, "slug": self.app.slug, "permissions": permissions, "events": events})

    def _hook(self, asked: Asked, what: str) -> Reply:
        """An App that was made without a webhook has neither."""
        if fault := _jwt_fault(asked.token):
            return Reply.of({"message": fault, "documentation_url": "https://docs.github.com/rest"}, 401)
        if not (url := self.manifest.get("hook_attributes", {}).get("url")):
            return NOT_FOUND
        if what == "config":
            return Reply.of({"url": url, "content_type": "json", "insecure_ssl": "0", "secret": "********"})
        return Reply.of(
            [
                {"id": number, "event": event, "delivered_at": _now(), "status": "", "status_code": status}
                for number, (event, status) in reversed(list(enumerate(self.deliveries)))
            ]
        )

    def _app_route(self, asked: Asked, id: str, rest: str) -> Reply | None:
        """Is it our App, and installed? GitHub is stricter about the App's pass than emulate."""
        if fault := _jwt_fault(asked.token):
            return Reply.of({"message": fault, "documentation_url": "https://docs.github.com/rest"}, 401)
        if int(id) not in self.installed:
            return NOT_FOUND
        if not rest:
            reply = self._forwarded(asked)
            if reply.status != 200:
                return reply
            return Reply.of(self._installation(int(id), self.installed[int(id)]))
        if int(id) in self.suspended:
            return Reply.of({"message": "This installation has been suspended"}, 403)
        reply = self._forwarded(asked)
        if reply.status == 201:
            said, wanted = json.loads(reply.body), asked.json()
            scope = frozenset(wanted.get("repository_ids", ()))
            self.issued[said["token"]] = Issued(int(id), scope, said["permissions"])
        return reply

    # Who sees what

    def _user_installations(self, asked: Asked) -> Reply:
        login = self.users.get(asked.token)
        if login is None:
            return BAD_CREDENTIALS
        seen = [self._installation(id, name) for id, name in self.installed.items() if login in MEMBERS[name]]
        return self._listing(asked, seen, "installations")

    def _user_repositories(self, asked: Asked, id: str) -> Reply:
        login = self.users.get(asked.token)
        if login is None:
            return BAD_CREDENTIALS
        account = self.installed.get(int(id), "")
        if login not in MEMBERS.get(account, ()):
            return NOT_FOUND
        if int(id) in self.suspended:
            return Reply.of({"message": "This installation has been suspended"}, 403)
        seen = [one for one in self.repositories.values() if one.owner == account and one.open_to(login)]
        return self._listing(asked, [self._repository(one, login) for one in seen], "repositories")

    def _installation_repositories(self, asked: Asked) -> Reply:
        issued = self.issued.get(asked.token)
        if issued is None:
            return BAD_CREDENTIALS
        seen = [one for one in self.repositories.values() if self._covered(issued, one)]
        return self._listing(asked, [self._repository(one) for one in seen], "repositories")

    def _repository_by_id(self, asked: Asked, id: str) -> Reply:
        return self._shown(asked, self.repositories.get(int(id)))

    def _repository_by_name(self, asked: Asked, full_name: str) -> Reply:
        return self._shown(asked, self._named(full_name))

    def _shown(self, asked: Asked, served: Served | None) -> Reply:
        if asked.token and not self._known(asked.token):
            return BAD_CREDENTIALS
        if served is None or not self._visible(asked, served):
            return NOT_FOUND
        return Reply.of(self._repository(served, self.users.get(asked.token)))

    def _named(self, full_name: str) -> Served | None:
        return next((one for one in self.repositories.values() if one.full_name == full_name), None)

    def _visible(self, asked: Asked, served: Served) -> bool:
        issued = self.issued.get(asked.token)
        return self._covered(issued, served) if issued else served.open_to(self.users.get(asked.token, ""))

    def _covered(self, issued: Issued, served: Served) -> bool:
        inside = self.installed.get(issued.installation) == served.owner and not served.removed
        return inside and (not issued.repositories or served.id in issued.repositories)

    def _writable(self, asked: Asked, full_name: str, permission: str) -> Served | Reply:
        issued = self.issued.get(asked.token)
        if issued is None:
            return BAD_CREDENTIALS
        served = self._named(full_name)
        if served is None or not self._covered(issued, served):
            return NOT_FOUND
        if issued.permissions.get(permission) != "write":
            return Reply.of({"message": "Resource not accessible by integration", "status": "403"}, 403)
        return served

    # What it is told

    def _set_status(self, asked: Asked, full_name: str, sha: str) -> Reply:
        served, said = self._writable(asked, full_name, "statuses"), asked.json()
        if isinstance(served, Reply):
            return served
        if said.get("state") not in {"error", "failure", "pending", "success"} or not re.fullmatch("[0-9a-f]{40}", sha):
            return _invalid("Status", "state")
        if len(said.get("description") or "") > 140:
            return _invalid("Status", "description")
        made = {"context": "default", "description": None, "target_url": None} | said
        made |= {"id": len(self.statuses) + 1, "repository": served.full_name, "sha": sha, "created_at": _now()}
        self.statuses.append(made)
        return Reply.of(made | {"url": f"{self.url}/repos/{full_name}/statuses/{sha}", "updated_at": _now()}, 201)

    def _list_statuses(self, asked: Asked, full_name: str, sha: str) -> Reply:
        served = self._named(full_name)
        if served is None or not self._visible(asked, served):
            return NOT_FOUND
        found = [one for one in self.statuses if (one["repository"], one["sha"]) == (served.full_name, sha)]
        return self._listing(asked, found[::-1])

    def _create_deployment(self, asked: Asked, full_name: str) -> Reply:
        served, said = self._writable(asked, full_name, "deployments"), asked.json()
        if isinstance(served, Reply):
            return served
        if not said.get("ref") or len(said.get("description") or "") > 140:
            return _invalid("Deployment", "ref")
        if said.get("required_contexts") != []:
            return Reply.of({"message": "Conflict: Commit status checks failed for main."}, 409)
        id = len(self.deployments) + 1
        made = {"environment": "production", "task": "deploy", "payload": {}} | said
        made |= {"id": id, "repository": served.full_name, "sha": said["ref"], "created_at": _now()}
        self.deployments[id] = made
        where = f"{self.url}/repos/{full_name}/deployments/{id}"
        return Reply.of(made | {"url": where, "statuses_url": f"{where}/statuses", "updated_at": _now()}, 201)

    def _set_deployment_status(self, asked: Asked, full_name: str, id: str) -> Reply:
        served, said = self._writable(asked, full_name, "deployments"), asked.json()
        if isinstance(served, Reply):
            return served
        if self.deployments.get(int(id), {}).get("repository") != served.full_name:
            return NOT_FOUND
        states = {"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}
        if said.get("state") not in states or len(said.get("description") or "") > 140:
            return _invalid("DeploymentStatus", "state")
        made = said | {"id": len(self.deployment_statuses) + 1, "deployment": int(id), "created_at": _now()}
        self.deployment_statuses.append(made | {"repository": served.full_name})
        return Reply.of(made | {"deployment_url": f"{self.url}/repos/{full_name}/deployments/{id}"}, 201)

    # A repository of Git's, shown as GitHub shows it

    def _readable(self, asked: Asked, full_name: str) -> Served | Reply | None:
        """None: emulate has its files."""
        served = self._named(full_name)
        if served is None:
            return None
        if asked.token and not self._known(asked.token):
            return BAD_CREDENTIALS
        issued = self.issued.get(asked.token)
        if not self._visible(asked, served) or (issued and served.private and "contents" not in issued.permissions):
            return NOT_FOUND
        return served if served.origin else None

    def _branches(self, asked: Asked, full_name: str) -> Reply | None:
        served = self._readable(asked, full_name)
        if not isinstance(served, Served):
            return served
        heads = _git(served, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads")
        found = [line.split(" ") for line in (heads or b"").decode().splitlines()]
        said = [{"name": name, "commit": {"sha": sha, "url": ""}, "protected": False} for name, sha in found]
        return self._listing(asked, said)

    def _ref(self, asked: Asked, full_name: str, branch: str) -> Reply | None:
        served = self._readable(asked, full_name)
        if not isinstance(served, Served):
            return served
        sha = _git(served, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
        if sha is None:
            return NOT_FOUND
        return Reply.of({"ref": f"refs/heads/{branch}", "object": {"sha": sha.decode().strip(), "type": "commit"}})

    def _tree(self, asked: Asked, full_name: str, sha: str) -> Reply | None:
        served = self._readable(asked, full_name)
        if not isinstance(served, Served):
            return served
        listing = _git(served, "ls-tree", "-r", "-t", "-l", "-z", sha)
        if listing is None:
            return NOT_FOUND
        entries: list[dict[str, Any]] = []
        for line in listing.decode().split("\0")[:-1]:
            facts, path = line.split("\t", 1)
            mode, kind, id, size = facts.split()
            entries.append({"path": path, "mode": mode, "type": kind, "sha": id})
            entries[-1] |= {"size": int(size)} if size != "-" else {}
        return Reply.of({"sha": sha, "url": "", "tree": entries, "truncated": False})

    def _contents(self, asked: Asked, full_name: str, path: str) -> Reply | None:
        served = self._readable(asked, full_name)
        if not isinstance(served, Served):
            return served
        ref = asked.query.get("ref", served.default_branch)
        if _git(served, "rev-parse", "--verify", "--quiet", f"{ref}:{path}") is None:
            return NOT_FOUND
        body = _git(served, "cat-file", "blob", f"{ref}:{path}")
        if body is None:
            return Reply.of([{"type": "file", "path": path}])  # a folder
        small = len(body) <= 1_000_000
        content = base64.encodebytes(body).decode() if small else ""
        said = {"type": "file", "path": path, "name": path.rpartition("/")[2], "size": len(body)}
        return Reply.of(said | {"encoding": "base64" if small else "none", "content": content})

    # Shapes

    def _listing(self, asked: Asked, items: Sequence[Any], name: str = "") -> Reply:
        """A page of it, with the Link header."""
        size = min(max(int(asked.query.get("per_page", "30")), 1), 100)
        page = max(int(asked.query.get("page", "1")), 1)
        shown = list(items[(page - 1) * size : page * size])
        following = {"Link": f'<{self._address(asked, page + 1)}>; rel="next"'} if len(items) > page * size else {}
        return Reply.of({"total_count": len(items), name: shown} if name else shown, 200, **following)

    def _address(self, asked: Asked, page: int) -> str:
        return f"{self.url}{asked.below}{asked.path}?{urlencode({**asked.query, 'page': page})}"

    def _repository(self, served: Served, login: str | None = None) -> dict[str, Any]:
        said = self._recorded(RECORDED["repository"], served)
        push = login is not None and login in served.pushers
        said |= {
            "private": served.private,
            "default_branch": served.default_branch,
            "clone_url": served.clone_url,
            "visibility": "private" if served.private else "public",
            "permissions": {"admin": False, "maintain": False, "push": push, "triage": push, "pull": True},
        }
        said["owner"]["type"] = "Organization" if served.owner == ORGANIZATION else "User"
        return said

    def _installation(self, id: int, account: str) -> dict[str, Any]:
        text = json.dumps(RECORDED["installation"]).replace("Codertocat", account).replace("957387", str(id))
        said: dict[str, Any] = json.loads(self._own_addresses(text))
        kind = "Organization" if account == ORGANIZATION else "User"
        said["account"] |= {"type": kind, "id": _number(account)}
        said |= {"app_id": self.app.id, "app_slug": self.app.slug, "target_type": kind, "permissions": PERMISSIONS}
        said |= {"repository_selection": "all", "suspended_at": _now() if id in self.suspended else None}
        return said

    def _user(self, login: str) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(json.dumps(RECORDED["user"]).replace("Codertocat", login))
        return said | {"id": _number(login)}

    def _recorded(self, recorded: Any, served: Served) -> dict[str, Any]:
        """What GitHub sent of Codertocat/Hello-World, as if it were about this one."""
        owner, name = served.full_name.split("/")
        text = json.dumps(recorded).replace("Codertocat", owner).replace("Hello-World", name)
        said: dict[str, Any] = json.loads(self._own_addresses(text).replace("186853002", str(served.id)))
        return said

    def _own_addresses(self, text: str) -> str:
        return text.replace("https://api.github.com", self.url).replace("https://github.com", self.url)

    # emulate

    def _forwarded(self, asked: Asked) -> Reply:
        """As emulate answers, with our address where it gives its own."""
        query = f"?{urlencode(asked.query)}" if asked.query else ""
        headers = {
            name: value
            for name, value in asked.headers.items()
            if name not in {"content-length", "connection", "accept-encoding"}
        }
        got = _http(
            asked.method, f"{self.emulate.github}{quote(asked.path)}{query}", body=asked.body or None, headers=headers
        )
        body = got.body.replace(self.emulate.github.encode(), self.url.encode())
        kept = {name: value for name, value in got.headers.items() if name not in HOP_BY_HOP}
        return Reply(got.status, body, kept)

    def _seed(self, login: str, method: str, path: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody does something at emulate; a repository of an earlier test by the same name makes way."""
        headers = {"Authorization": f"Bearer seed-token-of-{login}", "Content-Type": "application/json"}
        body = json.dumps(said).encode()
        got = _http(method, self.emulate.github + path, body=body, headers=headers)
        if got.status == 422 and method == "POST":
            owner = ORGANIZATION if path.startswith("/orgs/") else login
            _http("DELETE", f"{self.emulate.github}/repos/{owner}/{said['name']}", headers=headers)
            got = _http(method, self.emulate.github + path, body=body, headers=headers)
        assert got.status in (200, 201), got
        made: dict[str, Any] = json.loads(got.body)
        return made


REPO = r"/repos/([^/]+/[^/]+)"
Act = Callable[..., Reply | None]
ROUTES: list[tuple[str, str, Act]] = [
    ("GET", "/login/oauth/authorize", GitHubServer._authorize),
    ("POST", "/login/oauth/callback", GitHubServer._clicked),
    ("POST", "/login/oauth/access_token", GitHubServer._access_token),
    ("POST", r"/settings/apps/new|/organizations/[^/]+/settings/apps/new", GitHubServer._new_app),
    ("POST", "/settings/apps", GitHubServer._made_app),
    ("POST", r"/app-manifests/([^/]+)/conversions", GitHubServer._convert),
    ("GET", r"/(?:github-)?apps/([^/]+)/installations/new", GitHubServer._install_page),
    ("POST", r"/(?:github-)?apps/([^/]+)/installations/new", GitHubServer._install_clicked),
    ("GET", "/app", GitHubServer._app),
    ("GET", "/app/hook/(config|deliveries)", GitHubServer._hook),
    ("GET", r"/app/installations/(\d+)()", GitHubServer._app_route),
    ("POST", r"/app/installations/(\d+)/(access_tokens)", GitHubServer._app_route),
    ("GET", "/user/installations", GitHubServer._user_installations),
    ("GET", r"/user/installations/(\d+)/repositories", GitHubServer._user_repositories),
    ("GET", "/installation/repositories", GitHubServer._installation_repositories),
    ("GET", r"/repositories/(\d+)", GitHubServer._repository_by_id),
    ("GET", REPO, GitHubServer._repository_by_name),
    ("POST", REPO + r"/statuses/([^/]+)", GitHubServer._set_status),
    ("GET", REPO + r"/commits/([^/]+)/statuses", GitHubServer._list_statuses),
    ("POST", REPO + "/deployments", GitHubServer._create_deployment),
    ("POST", REPO + r"/deployments/(\d+)/statuses", GitHubServer._set_deployment_status),
    ("GET", REPO + "/branches", GitHubServer._branches),
    ("GET", REPO + "/git/ref/heads/(.+)", GitHubServer._ref),
    ("GET", REPO + "/git/trees/([^/]+)", GitHubServer._tree),
    ("GET", REPO + "/contents/(.+)", GitHubServer._contents),
]
HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "keep-alive", "date"}


# Webhooks


def signed(secret: str, event: str, payload: Mapping[str, Any], *, delivery: str = "") -> tuple[dict[str, str], bytes]:
    """(headers, body) as GitHub sends them."""
    body = json.dumps(payload, separators=(",", ":")).encode()
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": "292430182",
        "X-GitHub-Hook-Installation-Target-ID": "4711",
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }
    return headers, body


async def send_webhook(
    url: str, secret: str, event: str, payload: Mapping[str, Any], *, delivery: str = ""
) -> tuple[int, str]:
    """GitHub tells `url`; (status, text) of its answer. With `delivery` of an earlier one it is GitHub's redelivery."""
    headers, body = signed(secret, event, payload, delivery=delivery)
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as client,
        client.post(url, data=body, headers=headers) as answer,
    ):
        return answer.status, await answer.text()


# Pieces


def _oauth_error(error: str) -> Reply:
    return Reply.of({"error": error, "error_description": f"It is {error}.", "error_uri": "https://docs.github.com"})


def _invalid(resource: str, field: str) -> Reply:
    errors = [{"resource": resource, "code": "custom", "field": field, "message": f"{field} is not right"}]
    return Reply.of({"message": "Validation Failed", "errors": errors, "status": "422"}, 422)


def _jwt_fault(token: str) -> str:
    """What emulate doesn't look at: how long it is good for, and whether it begins in the future."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        begin, end = int(claims["iat"]), int(claims["exp"])
    except (IndexError, ValueError, KeyError, binascii.Error):
        return "A JSON web token could not be decoded"
    if begin > time.time():
        return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
    if end > time.time() + 600:
        return "'Expiration time' claim ('exp') is too far in the future"
    return ""


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type=hidden name={name} value="{html.escape(value)}">' for name, value in fields.items() if value
    )


def _number(login: str) -> int:
    """An account's id, always the same."""
    return 10_000 + int(hashlib.sha256(login.encode()).hexdigest()[:6], 16)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _git(served: Served, *arguments: str) -> bytes | None:
    done = subprocess.run(["git", "--git-dir", str(served.origin), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


@dataclass(frozen=True)
class _Got:
    status: int
    headers: Mapping[str, str]
    body: bytes


def _http(
    method: str,
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> _Got:
    """One request, no redirect followed."""
    parts = urlsplit(url)
    wanted = {"User-Agent": "tests", **(headers or {})}
    if form is not None:
        body, wanted["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
    try:
        connection.request(method, url.removeprefix(f"http://{parts.netloc}") or "/", body, wanted)
        answer = connection.getresponse()
        return _Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked is gone: nothing to say."""


def _handler(server: GitHubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes

        def answer(self) -> None:
            asked = self.asked()
            server.asked.append(asked)
            trouble = server.troubled(asked)
            if trouble and (trouble.silent or server.waits(trouble.after)):
                server.waits(PATIENCE if trouble.silent else 0)
                self.close_connection = True
                return
            reply = trouble.reply if trouble and trouble.reply else server.answer(asked)
            if trouble and trouble.lost:
                self.close_connection = True
                return
            self.give(reply)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  # the standard library looks for them

        def asked(self) -> Asked:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            return Asked(self.command, unquote(parts.path), query, headers, self.rfile.read(length))

        def give(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            """Not to the terminal."""

    return Handler
