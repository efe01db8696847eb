"""Migrations on a database that is in use: what was there before stays, and gets what it needs."""

import asyncio
import contextvars
import shutil
from pathlib import Path

import asyncpg
import pytest
from aerich import Command
from tortoise.context import TortoiseContext

from devpush.models import Project, User, database
from devpush.models.secret import use_keys
from tests.conftest import KEY, Template, execute

pytestmark = pytest.mark.integration

OLD = """
    INSERT INTO "user" (id, email, name, is_operator, created_at) VALUES
        ('00000000-0000-4000-8000-000000000001', 'ada.lovelace@example.com', 'Ada', true, now()),
        ('00000000-0000-4000-8000-000000000002', 'ada.lovelace@example.org', 'Ada too', false, now()),
        ('00000000-0000-4000-8000-000000000003', '!!!@example.org', '', false, now());
    INSERT INTO team (id, slug, name, created_at) VALUES
        ('00000000-0000-4000-8000-000000000004', 'ada', 'Ada', now());
    INSERT INTO project (id, team_id, slug, name, repo_url, repo_local, repo_username, preset, runner, root_dir,
        install, build, pre_deploy, start, dependency_files, health_path, cpu_quota, memory_mb, created_at, updated_at)
    SELECT gen_random_uuid(), '00000000-0000-4000-8000-000000000004', 'shop-' || n, 'Shop',
        'https://git.example.com/shop', false, '', 'flask', 'python', '', '', '', '', 'x', '[]', '/',
        100000, 256, now(), now()
    FROM generate_series(1, 2) AS n;
"""


async def test_users_and_projects_from_before_there_was_github_are_there_afterwards(
    template: Template, tmp_path: Path
) -> None:
    name = "test_from_before"
    await template.make(name, "template1")
    dsn = template.dsn(name)
    await _upgrade(dsn, _until(tmp_path, 1))
    await execute(dsn, OLD)
    await _upgrade(dsn, database.MIGRATIONS)
    use_keys([KEY])
    async with TortoiseContext() as context:
        await context.init(config=database.config(dsn, pool=2))
        names = [user.username for user in await User.all().order_by("id")]
        projects = await Project.all()
        await Project.filter(id=projects[0].id).update(hook_secret="kept")
    assert [name.rpartition("-")[0] for name in names] == ["ada-lovelace", "ada-lovelace", "user"]
    assert len(set(names)) == 3
    assert projects[0].hook_id != projects[1].hook_id
    assert not projects[0].hook_secret
    assert projects[0].polled
    assert projects[0].watch_paths == []
    await execute(template.admin, f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_username_is_held_to_its_grammar_by_the_database_too(db: str) -> None:
    user = await User.join("ada@example.com")
    connection = await asyncpg.connect(db)
    try:
        for bad in ("Ada", "-ada", "a/b", "", "a" * 41):
            with pytest.raises(asyncpg.PostgresError):
                await connection.execute('UPDATE "user" SET username = $1 WHERE id = $2', bad, user.id)
    finally:
        await connection.close()


def _until(folder: Path, last: int) -> Path:
    """The migrations as they were: those up to a number."""
    old = folder / "migrations"
    (old / "models").mkdir(parents=True)
    for path in (database.MIGRATIONS / "models").glob("[0-9]*.py"):
        if int(path.name.partition("_")[0]) <= last:
            shutil.copy(path, old / "models")
    return old


async def _upgrade(dsn: str, migrations: Path) -> None:
    """In a context of its own, as Tortoise keeps what it opened there."""
    await asyncio.create_task(_upgraded(dsn, migrations), context=contextvars.Context())


async def _upgraded(dsn: str, migrations: Path) -> None:
    async with Command(tortoise_config=database.config(dsn), app="models", location=str(migrations)) as command:
        await command.upgrade()
