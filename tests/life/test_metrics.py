"""What is asked of a live app through Traefik can be read in its log."""

from pathlib import Path

import pytest

from tests.life.platform import Platform, app, repository, until

pytestmark = pytest.mark.integration
LISTED = """
    SELECT l.text, l.level FROM log_line l
    JOIN deployment d ON d.id = l.deployment_id JOIN project p ON p.id = d.project_id
    WHERE p.slug = 'requests' AND l.source = 'request'
"""


async def test_requests_are_listed_without_their_queries_and_our_own_looks(platform: Platform, tmp_path: Path) -> None:
    made = await platform.live(repository(tmp_path, "requests", app("here")).path)
    await made.get("/cart?card=canary-4711")
    listed = await until(lambda: platform.sql(LISTED), "The request was not listed.")
    assert [tuple(row) for row in listed] == [("GET /cart", "info")]
