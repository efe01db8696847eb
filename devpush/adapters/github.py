"""GitHub's REST API and OAuth over aiohttp: github.com and Enterprise Server."""

import asyncio
import base64
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from yarl import URL

from devpush.adapters.github_http import MAX_ANSWER, NONSENSE, PAUSES, TIMEOUT, Answer, GitHubHttp, Question
from devpush.errors import Unavailable
from devpush.ports import (
    App,
    GitHubAccount,
    GitHubRefused,
    GitHubRepository,
    GitHubUser,
    Hook,
    Page,
    Token,
    TokenRefused,
)
from devpush.settings import Settings

PER_PAGE = 100
MAX_PAGES = 50
LISTING_TIMEOUT = 30.0
"""Of all pages of a listing together."""
MAX_DESCRIPTION = 140
"""GitHub refuses longer ones."""
LAST_DELIVERIES = 20
SKEW, JWT_LIFE = 60, 480
"""Our clock may be this far ahead of GitHub's; GitHub takes no token that lasts longer than ten minutes."""
OAUTH_SENTENCES = {
    "bad_verification_code": "This sign-in with GitHub is used up or too old. Please start again.",
    "incorrect_client_credentials": "GitHub doesn't accept the client secret of this server's GitHub App. "
    "Please tell whoever runs this server.",
    "redirect_uri_mismatch": "The GitHub App of this server doesn't know this server's callback address. "
    "Please tell whoever runs this server.",
    "unverified_user_email": "Please verify your e-mail address on GitHub, then sign in again.",
    "access_denied": "You didn't give permission on GitHub.",
}


class GitHubApi:
    """Implements ports.GitHub. Open it with `async with`. A GitHubRefused of OAuth has status 200, as GitHub answers
    so; an App whose key GitHub doesn't accept raises TokenRefused, as any other credential."""

    def __init__(
        self,
        settings: Settings,
        *,
        timeout: float = TIMEOUT,
        pauses: Sequence[float] = PAUSES,
        max_answer: int = MAX_ANSWER,
        per_page: int = PER_PAGE,
    ) -> None:
        self._url = settings.github_url
        self._api = settings.github_api_url
        self._http = GitHubHttp(timeout=timeout, pauses=pauses, limit=max_answer)
        self._per_page = per_page

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.__aexit__(*error)

    # signing in

    def authorize_url(self, app: App, *, redirect_uri: str, state: str, challenge: str, login: str = "") -> str:
        url: str = prepare_grant_uri(
            f"{self._url}/login/oauth/authorize",
            app.client_id,
            "code",
            redirect_uri=redirect_uri,
            state=state,
            code_challenge=challenge,
            code_challenge_method="S256",
            login=login or None,
        )
        return url

    async def exchange(self, app: App, *, code: str, redirect_uri: str, verifier: str) -> Token:
        return await self._oauth(app, {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier})

    async def refresh(self, app: App, refresh: str) -> Token:
        return await self._oauth(app, {"grant_type": "refresh_token", "refresh_token": refresh})

    async def user(self, token: Token) -> GitHubUser:
        said = (await self._get(token, "/user")).json()
        try:
            emails = (await self._get(token, "/user/emails")).json()
        except GitHubRefused:  # the App may not read addresses
            emails = []
        with _understood():
            return GitHubUser(int(said["id"]), str(said["login"]), said.get("name") or "", _primary(emails))

    # the App

    async def convert_manifest(self, code: str) -> App:
        path = f"{self._api}/app-manifests/{quote(code, safe='')}/conversions"
        said = (await self._answered(Question("POST", path, again=False))).json()
        with _understood():
            return App(
                id=int(said["id"]),
                slug=str(said["slug"]),
                client_id=str(said["client_id"]),
                client_secret=str(said["client_secret"]),
                private_key=str(said["pem"]),
                webhook_secret=str(said["webhook_secret"] or ""),
                name=str(said["name"]),
            )

    async def hook(self, app: App) -> Hook:
        said = (await self._as_app(app, "GET", "/app")).json()
        try:
            config = (await self._as_app(app, "GET", "/app/hook/config")).json()
            sent = (await self._as_app(app, "GET", f"/app/hook/deliveries?per_page={LAST_DELIVERIES}")).json()
        except GitHubRefused as refused:
            if refused.status != 404:  # an App that was made without a webhook has neither
                raise
            config, sent = {}, []
        with _understood():
            return Hook(
                url=str(config.get("url") or ""),
                events=tuple(said.get("events") or ()),
                permissions=dict(said.get("permissions") or {}),
                answers=[(_time(one["delivered_at"]), int(one["status_code"] or 0)) for one in sent],
            )

    async def installation(self, app: App, id: int) -> GitHubAccount:
        answer = await self._as_app(app, "GET", f"/app/installations/{id:d}")
        with _understood():
            return _account(answer.json())

    async def installation_token(
        self, app: App, installation: int, *, repositories: Sequence[int] = (), permissions: Mapping[str, str]
    ) -> Token:
        wanted: dict[str, Any] = {"permissions": dict(permissions)} if permissions else {}
        if repositories:
            wanted["repository_ids"] = list(repositories)
        answer = await self._as_app(app, "POST", f"/app/installations/{installation:d}/access_tokens", wanted)
        with _understood():
            said = answer.json()
            return Token(str(said["token"]), _time(said["expires_at"]))

    # what a user may do there

    async def accounts(self, token: Token) -> Sequence[GitHubAccount]:
        pages = await self._every_page(token, "/user/installations")
        with _understood():
            return [_account(one) for page in pages for one in page["installations"]]

    async def repositories(self, token: Token, installation: int, *, page: int = 1) -> Page[GitHubRepository]:
        query = urlencode({"per_page": self._per_page, "page": page})
        answer = await self._get(token, f"/user/installations/{installation:d}/repositories?{query}")
        with _understood():
            found = [_repository(one) for one in answer.json()["repositories"]]
        return Page(found, more=bool(answer.following))

    async def repository(self, token: Token, id: int) -> GitHubRepository:
        answer = await self._get(token, f"/repositories/{id:d}")
        with _understood():
            return _repository(answer.json())

    async def files(self, token: Token, repository: str, ref: str) -> tuple[str, Sequence[str]]:
        sha = ref if re.fullmatch(r"[0-9a-f]{40}", ref) else await self._head(token, repository, ref)
        answer = await self._get(token, f"/repos/{_name(repository)}/git/trees/{sha}?recursive=1")
        with _understood():
            # Beyond 100,000 entries GitHub leaves out the rest (`truncated`): enough to see what a project is.
            return sha, [str(one["path"]) for one in answer.json()["tree"] if one["type"] == "blob"]

    async def read(self, token: Token, repository: str, sha: str, path: str, *, limit: int = 1_000_000) -> bytes | None:
        where = f"/repos/{_name(repository)}/contents/{quote(path)}?{urlencode({'ref': sha})}"
        try:
            said = (await self._get(token, where)).json()
        except GitHubRefused as refused:
            if refused.status == 404:
                return None
            raise
        with _understood():
            # A folder is a list; a file of more than 1 MB comes without its content.
            if isinstance(said, list) or said["type"] != "file" or said["size"] > limit or said["encoding"] != "base64":
                return None
            return base64.b64decode(said["content"])

    async def heads(self, token: Token, repository: str) -> Mapping[str, str]:
        pages = await self._every_page(token, f"/repos/{_name(repository)}/branches")
        with _understood():
            return {str(one["name"]): str(one["commit"]["sha"]) for page in pages for one in page}

    # speaking back

    async def set_status(
        self, token: Token, repository: str, sha: str, *, state: str, context: str, description: str, url: str
    ) -> None:
        said = {"state": state, "context": context, "description": _brief(description)}
        path = f"/repos/{_name(repository)}/statuses/{quote(sha, safe='')}"
        await self._post(token, path, said | ({"target_url": url} if url else {}))

    async def create_deployment(
        self, token: Token, repository: str, sha: str, *, environment: str, description: str, production: bool
    ) -> int:
        said = {
            "ref": sha,
            "environment": environment,
            "description": _brief(description),
            "auto_merge": False,  # else GitHub may merge the default branch into this one
            "required_contexts": [],  # else it refuses while another check runs
            "production_environment": production,
            "transient_environment": False,
        }
        answer = await self._post(token, f"/repos/{_name(repository)}/deployments", said, again=False)
        with _understood():
            return int(answer.json()["id"])

    async def set_deployment_status(
        self, token: Token, repository: str, deployment: int, *, state: str, description: str, log_url: str, url: str
    ) -> None:
        said = {"state": state, "description": _brief(description)}
        said |= {name: value for name, value in (("log_url", log_url), ("environment_url", url)) if value}
        await self._post(token, f"/repos/{_name(repository)}/deployments/{deployment:d}/statuses", said)

    # Asking

    async def _get(self, token: Token, path: str) -> Answer:
        return await self._answered(Question("GET", self._api + path, _bearer(token.value)), token)

    async def _post(self, token: Token, path: str, said: Mapping[str, Any], *, again: bool = True) -> Answer:
        question = Question("POST", self._api + path, _bearer(token.value), json=dict(said), again=again)
        return await self._answered(question, token)

    async def _as_app(self, app: App, method: str, path: str, said: Mapping[str, Any] | None = None) -> Answer:
        question = Question(method, self._api + path, _app_pass(app), who=f"app {app.id}", json=said)
        return await self._answered(question)

    async def _head(self, token: Token, repository: str, branch: str) -> str:
        answer = await self._get(token, f"/repos/{_name(repository)}/git/ref/heads/{quote(branch)}")
        with _understood():
            return str(answer.json()["object"]["sha"])

    async def _every_page(self, token: Token, path: str) -> list[Any]:
        """At most MAX_PAGES of them: nobody picks from more than 5,000."""
        found: list[Any] = []
        url = f"{self._api}{path}?per_page={self._per_page}"
        try:
            async with asyncio.timeout(LISTING_TIMEOUT):
                while url and len(found) < MAX_PAGES:
                    answer = await self._answered(Question("GET", url, _bearer(token.value)), token)
                    found.append(answer.json())
                    url = self._same_origin(answer.following)
        except TimeoutError:
            raise Unavailable(f"GitHub doesn't give the whole list within {LISTING_TIMEOUT:g} seconds.") from None
        return found

    def _same_origin(self, url: str) -> str:
        """The next page's address. Our token goes there: nowhere but to the API."""
        with _understood():
            if url and URL(url).origin() != URL(self._api).origin():
                raise ValueError
        return url

    async def _answered(self, question: Question, token: Token | None = None) -> Answer:
        """The answer, if it is a good one. Raises TokenRefused, GitHubRefused, Unavailable."""
        answer = await self._http.ask(question)
        if answer.status < 300:
            return answer
        if answer.status == 401:
            whose = "our token any more" if token else "our App's key"
            raise TokenRefused(f"GitHub doesn't accept {whose}.")
        raise GitHubRefused(_sentence(answer), status=answer.status)

    async def _oauth(self, app: App, form: Mapping[str, str]) -> Token:
        """A code or a refresh token works once: what may have arrived is never sent again."""
        whole = {"client_id": app.client_id, "client_secret": app.client_secret, **form}
        url = f"{self._url}/login/oauth/access_token"
        answer = await self._answered(Question("POST", url, form=whole, again=False))
        with _understood():
            said = dict(answer.json())
        if error := str(said.get("error") or ""):
            if error == "bad_refresh_token":
                raise TokenRefused("GitHub doesn't accept the refresh token any more.")
            said_by_github = _tidy(said.get("error_description") or error)
            raise GitHubRefused(OAUTH_SENTENCES.get(error, f"GitHub says: {said_by_github}"), status=answer.status)
        with _understood():
            expires_in = said.get("expires_in")
            expires_at = datetime.now(UTC) + timedelta(seconds=int(expires_in)) if expires_in else None
            return Token(str(said["access_token"]), expires_at, str(said.get("refresh_token") or ""))


def _bearer(token: str) -> str:
    return f"Bearer {token}"


def _app_pass(app: App) -> str:
    """By which the App itself is known: signed with its private key, good for some minutes."""
    now = int(time.time())
    claims = {"iss": str(app.id), "iat": now - SKEW, "exp": now + JWT_LIFE}
    try:
        return _bearer(jwt.encode({"alg": "RS256"}, claims, RSAKey.import_key(app.private_key)))
    except (JoseError, ValueError, TypeError):
        raise TokenRefused("The private key of the GitHub App can't be read.") from None


def _name(repository: str) -> str:
    """owner/name, fit to be a part of a path."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}", repository) or ".." in repository:
        raise GitHubRefused(f"{_tidy(repository)} isn't the name of a repository on GitHub.", status=404)
    return repository


# Understanding the answers


@contextmanager
def _understood() -> Iterator[None]:
    """What isn't as GitHub's documentation has it is GitHub's trouble, not ours."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise Unavailable(NONSENSE) from None


def _account(said: Any) -> GitHubAccount:
    account = said["account"]
    kind: Literal["User", "Organization"] = "Organization" if account.get("type") == "Organization" else "User"
    # An enterprise has a slug where others have a login.
    login = str(account.get("login") or account["slug"])
    return GitHubAccount(int(said["id"]), int(account["id"]), login, kind, bool(said.get("suspended_at")))


def _repository(said: Any) -> GitHubRepository:
    return GitHubRepository(
        id=int(said["id"]),
        full_name=str(said["full_name"]),
        private=bool(said["private"]),
        default_branch=str(said["default_branch"]),
        clone_url=str(said["clone_url"]),
        can_push=bool((said.get("permissions") or {}).get("push")),
        pushed_at=_time(said["pushed_at"]) if said.get("pushed_at") else None,
    )


def _primary(emails: Any) -> str:
    return next((str(one["email"]) for one in emails if one["primary"] and one["verified"]), "")


def _time(said: Any) -> datetime:
    at = datetime.fromisoformat(said)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _brief(description: str) -> str:
    return description if len(description) <= MAX_DESCRIPTION else description[: MAX_DESCRIPTION - 1] + "…"


def _sentence(answer: Answer) -> str:
    """GitHub's no, for a person."""
    said = _message(answer)
    if answer.status == 404:
        return "GitHub doesn't know this, or doesn't show it to us."
    if "suspended" in said.lower():
        return "The installation of our GitHub App is suspended."
    if answer.status == 403:
        return f"GitHub doesn't allow this: {said}"
    return f"GitHub refused this (status {answer.status}): {said}"


def _message(answer: Answer) -> str:
    """What GitHub says about it, with the errors of a validation."""
    try:
        said = answer.json()
    except Unavailable:
        said = None
    if not isinstance(said, dict):
        return "no reason given"
    errors = said["errors"] if isinstance(said.get("errors"), list) else []
    reasons = [one.get("message") or one.get("code") if isinstance(one, dict) else one for one in errors]
    return _tidy(", ".join(str(word) for word in [said.get("message"), *reasons] if word)) or "no reason given"


def _tidy(text: str) -> str:
    """One short line of it, nothing that a terminal or a log would act on."""
    plain = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return " ".join(plain.split())[:200]
