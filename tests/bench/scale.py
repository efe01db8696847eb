"""Pages of a team with 1,000 projects and 100,000 deployments; the same pages with ten projects are the floor."""

import time

from tests.bench.stage import Stage, quiet
from tests.bench.table import Figure, against_floor

FEW, A_PAGE, MANY = 10, 24, 1_000
"""Projects. The projects list is compared with one page full: ten cards are drawn sooner than 24."""
EACH, OF_THE_FIRST = 50, 50_000
"""Deployments of each, and how many more the first project gets in the end."""
TIMES = 40
TARGET = 1.5
PROJECTS = """
WITH made AS (
    INSERT INTO project (id, team_id, slug, name, repo_url, repo_local, repo_username, repo_public_key, repo_trouble,
        hook_id, polled, watch_paths, preset, runner, root_dir, install, build, pre_deploy, start, dependency_files,
        health_path, cpu_quota, memory_mb, created_at, updated_at, active_at)
    SELECT gen_random_uuid(), t.id, 'many-' || n, 'Many ' || n, 'https://git.example.com/many-' || n || '.git', false,
        '', '', '', gen_random_uuid(), false, '[]', '', 'python-3.11', '', '', '', '', '', '[]', '/', 100000, 256,
        now(), now(), now() - n * interval '1 minute'
    FROM generate_series($2::int, $3::int) n JOIN team t ON t.slug = $1 RETURNING id
)
INSERT INTO environment (id, project_id, name, slug, color, branch, position, created_at)
SELECT gen_random_uuid(), id, initcap(slug), slug, 'green', branch, position, now()
FROM made, (VALUES ('production', 'main', 0), ('staging', 'feature/*', 1)) e (slug, branch, position)
"""
DEPLOYMENTS = """
INSERT INTO deployment (id, number, project_id, environment_id, trigger, branch, commit_sha, commit_message,
    commit_author, config, variables, state, reason, attempts, image, image_reused, health, health_note, created_at,
    building_at, starting_at, routing_at, finished_at)
SELECT gen_random_uuid(), nextval('act'), e.project_id, e.id, 'push', e.branch, md5(n::text) || left(md5(n::text), 8),
    'Change number ' || n, 'Ada', '{}', 'nobody reads it', CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'succeeded' END, '',
    1, 'sha256:1', false, '', '', now(), now(), now(), now(), now()
FROM generate_series(1, $3::int) n, environment e JOIN project p ON p.id = e.project_id
WHERE split_part(p.slug, '-', 2)::int BETWEEN $1 AND $2
    AND e.slug = CASE WHEN n % 3 = 0 THEN 'staging' ELSE 'production' END
"""


async def run(stage: Stage) -> list[Figure]:
    [team] = await stage.platform.sql("SELECT slug FROM team")
    pages = {
        "team overview": f"/teams/{team['slug']}",
        "projects list": f"/teams/{team['slug']}/projects",
        "deployments list": "/projects/many-1/deployments",
        "… failed ones of an environment": "/projects/many-1/deployments?environment=production&status=failed",
        "… of which there is none": "/projects/many-1/deployments?environment=production&status=cancelled",
        "search": "/search?q=change",
    }
    await _grow(stage, team["slug"], 1, FEW)
    floor = {name: await _asked(stage, path) for name, path in pages.items()}
    await _grow(stage, team["slug"], FEW + 1, A_PAGE)
    floor["projects list"] = await _asked(stage, pages["projects list"])
    await _grow(stage, team["slug"], A_PAGE + 1, MANY)
    await stage.platform.sql(DEPLOYMENTS, 1, 1, OF_THE_FIRST)
    await stage.platform.sql("VACUUM ANALYZE")
    return [against_floor(name, await _asked(stage, path), floor[name], TARGET) for name, path in pages.items()]


async def _grow(stage: Stage, team: str, first: int, last: int) -> None:
    """The projects with these numbers, each with its deployments. None has a hostname: nothing is to run."""
    await stage.platform.sql(PROJECTS, team, first, last)
    await stage.platform.sql(DEPLOYMENTS, first, last, EACH)
    await stage.platform.sql("VACUUM ANALYZE")


async def _asked(stage: Stage, path: str) -> list[float]:
    """Seconds of each answer, one after the other; the first, which compiles templates, doesn't count."""
    await quiet()
    took = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        async with stage.client.get(stage.dashboard + path) as answer:
            await answer.read()
            assert answer.status == 200, f"{path} answers {answer.status}"
        took.append(time.perf_counter() - began)
    return took[1:]
