"""Git servers as they tell of pushes: payloads, and the requests that carry and prove them."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from quart import Quart
from quart.testing import QuartClient

from devpush.settings import Settings
from tests.visitor import Answer

PAYLOADS = Path(__file__).resolve().parent / "payloads"
SECRET = "the App's webhook secret"
GITHUB = "/api/github/webhook"
INSTALLATION, REPOSITORY = 77, 4711
_numbers = count(1)


def recorded(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return payload


def with_app(settings: Settings) -> Settings:
    """Settings with a GitHub App."""
    return replace(
        settings,
        github_app_id="1",
        github_app_name="Push",
        github_app_private_key="a key",
        github_app_webhook_secret=SECRET,
        github_app_client_id="Iv1",
        github_app_client_secret="a secret",
    )


def sha(number: int | None = None) -> str:
    """Another commit each time."""
    number = next(_numbers) if number is None else number
    return hashlib.sha1(f"commit {number}".encode(), usedforsecurity=False).hexdigest()


PUSH = recorded("github/push.branch")


def push(
    branch: str = "main",
    *,
    after: str = "",
    before: str = "",
    message: str = "Change it",
    changed: tuple[str, ...] | None = None,
    at: int | None = None,
    repository: int = REPOSITORY,
    installation: int = INSTALLATION,
) -> dict[str, Any]:
    """As GitHub tells it, made of a recorded one."""
    after = after or sha()
    payload = PUSH
    head = {
        **payload["head_commit"],
        "id": after,
        "message": message,
        "added": [],
        "modified": list(changed or ["README.md"]),
        "removed": [],
    }
    return payload | {
        "ref": f"refs/heads/{branch}",
        "before": before or "0" * 40,
        "after": after,
        "created": not before,
        "head_commit": head,
        "commits": [head],
        "repository": payload["repository"] | {"id": repository, "pushed_at": at},
        "installation": {"id": installation},
    }


@dataclass
class Server:
    """Somebody who sends webhooks to the application."""

    app: Quart
    address: str = "127.0.0.1"

    async def github(
        self, payload: Any, event: str = "push", *, key: str = "", secret: str = SECRET, form: bool = False, **more: str
    ) -> Answer:
        """A delivery of GitHub's to our App; `payload` may be bytes."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        if form:
            body = urlencode({"payload": body.decode()}).encode()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": key or str(uuid4()),
            "X-Hub-Signature-256": f"sha256={signature(secret, body)}",
        } | {name.replace("_", "-"): value for name, value in more.items()}
        return await self.send(GITHUB, body, headers)

    async def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        client = QuartClient(self.app, use_cookies=False)
        length = {"Content-Length": str(len(body))}
        sent = {"Host": "localhost:8000", "X-Forwarded-For": self.address} | length | dict(headers)
        scope = {"client": ("127.0.0.1", 1)}
        answer = await client.open(
            path, method="POST", headers={k: v for k, v in sent.items() if v}, data=body, scope_base=scope
        )
        return Answer(answer.status_code, answer.headers, await answer.get_data(as_text=False))


def signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
