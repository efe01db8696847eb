"""kill -9 right after webhooks were answered: what we said we received is deployed, once."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.gitserver import Origin
from tests.hooks import signature
from tests.life.platform import Operator, Platform, app, own_platform, repository, until

pytestmark = pytest.mark.integration
PUSHES = 8


async def test_pushes_that_were_answered_survive_kill_9_and_are_deployed_once(tmp_path: Path) -> None:
    origin = repository(tmp_path, "told", app("first"))
    async with own_platform() as platform:
        live = await platform.live(origin.path)
        secret = (await (await Operator(platform).sign_in()).get("/projects/told/settings/hook/secret")).text
        pushes = [pushed(origin, f"push {number}") for number in range(PUSHES)]
        assert [await tell(platform, secret, body) for body in pushes] == [202] * PUSHES
        await platform.killed()
        await platform.start()

        async def newest_is_live() -> bool:
            return await live.says() == f"push {PUSHES - 1}"

        await until(newest_is_live, f"The newest push is not live:\n{platform.said()[-2000:]}")
        assert [await tell(platform, secret, body) for body in pushes] == [200] * PUSHES
        rows = await platform.sql(
            "SELECT d.commit_sha, d.state FROM deployment d WHERE d.trigger = 'push' ORDER BY d.number"
        )
        told = await platform.sql("SELECT count(*) AS count FROM receipt WHERE handled_at IS NULL")
    assert [row["commit_sha"] for row in rows] == [json.loads(body)["after"] for body in pushes]
    assert {row["state"] for row in rows} <= {"succeeded", "skipped"}
    assert rows[-1]["state"] == "succeeded"
    assert told[0]["count"] == 0


def pushed(origin: Origin, says: str) -> bytes:
    """Somebody pushes to main; how Gitea tells it."""
    before = origin.git("rev-parse", "main")
    after = origin.commit(app(says), message=says)
    commit: dict[str, Any] = {"id": after, "message": says, "author": {"name": "Alice"}}
    return json.dumps({"ref": "refs/heads/main", "before": before, "after": after, "commits": [commit]}).encode()


async def tell(platform: Platform, secret: str, body: bytes) -> int:
    [project] = await platform.sql("SELECT hook_id FROM project WHERE slug = 'told'")
    headers = {
        "Content-Type": "application/json",
        "X-Gitea-Event": "push",
        "X-Gitea-Delivery": json.loads(body)["after"],
        "X-Gitea-Signature": signature(secret, body),
    }
    url = f"http://localhost:{platform.port}/api/hooks/{project['hook_id']}"
    async with aiohttp.ClientSession() as client, client.post(url, data=body, headers=headers) as answer:
        return answer.status
