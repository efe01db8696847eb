"""A site whose project was deleted, and restored: the same version answers again at the same address."""

from pathlib import Path

import pytest

from tests.life.platform import Operator, Platform, repository, until

pytestmark = pytest.mark.integration


async def test_a_deleted_site_is_gone_and_a_restored_one_is_as_it_was(platform: Platform, tmp_path: Path) -> None:
    regretted = await platform.live(repository(tmp_path, "regretted").path)
    operator = await Operator(platform).sign_in()
    page = "/projects/regretted/settings"
    [project] = await platform.sql("SELECT id FROM project WHERE slug = 'regretted'")
    before = await platform.newest("regretted")
    assert (await operator.post("/projects/regretted/removal", page=page, confirmation="regretted")).status == 303

    async def gone() -> bool:
        return (await regretted.get()).status == 404 and not await platform.containers("regretted")

    await until(gone, f"It is still there: {platform.said()[-2000:]}")
    assert (await operator.get("/projects/regretted")).status == 404
    [team] = await platform.sql(
        "SELECT t.slug FROM team t JOIN project p ON p.team_id = t.id WHERE p.slug = 'regretted'"
    )
    back = f"/teams/{team['slug']}/deleted/{project['id']}/restoration"
    assert (await operator.post(back, page=f"/teams/{team['slug']}/settings")).status == 303

    async def answers() -> bool:
        return (await regretted.get()).text == "one"

    await until(answers, f"It does not come back: {platform.said()[-2000:]}")
    assert (await regretted.get()).deployment == str(before["id"]), "nothing was built again"
    await platform.settled("regretted")
