"""Backups: made, kept, proved, brought back; on a real PostgreSQL and, where they lie, a real S3."""

import gzip
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from cryptography.fernet import Fernet
from tortoise.context import TortoiseContext

from devpush import __version__
from devpush.adapters import s3
from devpush.adapters.dump import PgDumps
from devpush.adapters.logtable import LogTable
from devpush.adapters.vault import Places
from devpush.deploy import backup, restore, rotate, sealed
from devpush.errors import Refused, Unavailable, WrongKey
from devpush.models import Backup, Installation, Project, User, Variable, database
from devpush.models.people import now
from devpush.models.secret import use_keys
from devpush.ports import NewLine
from devpush.settings import Settings
from tests import cast
from tests import s3 as server
from tests.conftest import KEY, Template, execute, free_port
from tests.fakes import FakeWorld

pytestmark = pytest.mark.integration

PASSPHRASE = "a passphrase nobody will guess, of some length"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys from passphrases cost nothing here (tests/unit/test_sealed.py looks at what they cost)."""
    monkeypatch.setattr(sealed, "COST", (4, 8, 1))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, backup_passphrase=PASSPHRASE)


@pytest.fixture
async def world(db: str, world: FakeWorld, template: Template) -> AsyncIterator[FakeWorld]:
    """With a real database and real folders."""
    installation = await Installation.this()
    world.installation = installation.id
    async with Places(world.settings) as places:
        world.vault, world.dumps = places, PgDumps(db, template.admin)  # type: ignore[assignment]
        yield world


@asynccontextmanager
async def empty_database(template: Template) -> AsyncIterator[PgDumps]:
    """Another server's."""
    name = f"other_{os.urandom(4).hex()}"
    await execute(template.admin, f'CREATE DATABASE {name} OWNER "devpush-app" TEMPLATE template0')
    yield PgDumps(template.dsn(name), template.admin)
    await execute(template.admin, f"DROP DATABASE {name} WITH (FORCE)")


def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    """The settings of another server, which looks for backups in the same place."""
    return replace(
        settings,
        data_dir=tmp_path / "other",
        upload_dir=tmp_path / "other-upload",
        backup_place=backup.place_of(settings),
    )


async def back(world: FakeWorld, dumps: PgDumps, tmp_path: Path, **wish: object) -> restore.Restored:
    there = elsewhere(world.settings, tmp_path)
    return await restore.restore(there, dumps, world.vault, **wish)  # type: ignore[arg-type]


async def rows(dsn: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


# There and back


async def test_alices_projects_come_back_on_another_server_with_their_secrets_and_pictures(
    world: FakeWorld, template: Template, tmp_path: Path
) -> None:
    project = await cast.project()
    await Variable.keep(project.id, {"TOKEN": "zażółć \n $secret"})
    picture = world.settings.upload_dir / "project" / f"{project.id}-0123456789abcdef.webp"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"RIFF a picture")
    made = await backup.back_up(world)
    assert (made.error, made.version) == ("", __version__)
    assert made.size == (Path(made.place) / made.name).stat().st_size
    async with empty_database(template) as other:
        done = await back(world, other, tmp_path)
        assert (done.manifest.name, done.migrations, done.before) == (made.name, [], "")
        assert await other.tables() == {**await world.dumps.tables(), "backup": 0}
        async with TortoiseContext() as context:
            await context.init(config=database.config(other.dsn, pool=2))
            assert (await Project.get()).slug == project.slug
            assert (await Variable.get(key="TOKEN")).value == "zażółć \n $secret"
            assert (await Installation.this()).id == world.installation
    copies = [path for path in (tmp_path / "other-upload").rglob("*") if path.is_file()]
    assert [(copy.name, copy.read_bytes()) for copy in copies] == [(picture.name, b"RIFF a picture")]


async def test_log_lines_stay_behind_unless_they_are_asked_for(
    world: FakeWorld, db: str, template: Template, tmp_path: Path
) -> None:
    project = await cast.project()
    deployment = await cast.deployment(project)
    line = NewLine(str(project.id), str(deployment.id), now(), "build", "out", "hello")
    async with LogTable(db) as table:
        await table.append([line], cursors={"container": "1"})
    await backup.back_up(world)
    async with empty_database(template) as other:
        await back(world, other, tmp_path)
        assert (await other.tables())["log_line"] == 0
        async with LogTable(other.dsn) as table:  # and new ones are kept as ever
            await table.append([line])
    await backup.back_up(world, logs=True)
    async with empty_database(template) as other:
        await back(world, other, tmp_path)
        assert (await other.tables())["log_line"] == 1


async def test_settings_and_keys_come_back_in_a_file_for_the_operator_only(
    world: FakeWorld, template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_NAME", "Alice's 'push' for $5")
    monkeypatch.setenv("POSTGRES_PASSWORD", "of this server only")
    monkeypatch.setenv("SECRET_KEY", world.settings.secret_key)
    monkeypatch.setenv("ENCRYPTION_KEY", KEY)
    await backup.back_up(world)
    monkeypatch.setenv("APP_NAME", "Another")
    async with empty_database(template) as other:
        done = await back(world, other, tmp_path, to=tmp_path / "to")
    assert done.settings_file == tmp_path / "to" / "settings.env"
    assert done.settings_file.stat().st_mode & 0o777 == 0o600
    text = done.settings_file.read_text()
    assert f"ENCRYPTION_KEY='{KEY}'" in text
    assert "APP_NAME=\"Alice's 'push' for $$5\"" in text
    assert "POSTGRES" not in text
    assert done.differing == ["APP_NAME"]
    kept = tmp_path / "other" / "keys" / "encryption_key"  # a first try has its keys in files
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (KEY, 0o600)


@pytest.mark.abuse
async def test_nothing_secret_can_be_read_where_backups_lie(world: FakeWorld) -> None:
    await Variable.keep((await cast.project()).id, {"KEY": "canary-4711"})
    made = await backup.back_up(world)
    content = (Path(made.place) / made.name).read_bytes()
    for secret in (b"canary-4711", KEY.encode(), world.settings.secret_key.encode(), b"alice@example.com", b"CREATE"):
        assert secret not in content
    assert (Path(made.place) / made.name).stat().st_mode & 0o777 == 0o600
    assert not list((world.settings.data_dir / "backing-up").iterdir()), "nothing is left of the work"


# What is refused, before anything is touched


async def test_a_restore_goes_into_an_empty_database_only_unless_it_may_replace_what_is_there(
    world: FakeWorld, template: Template, tmp_path: Path
) -> None:
    await cast.project()
    await backup.back_up(world)
    async with empty_database(template) as other:
        await back(world, other, tmp_path)
        await execute(other.dsn, "INSERT INTO receipt SELECT * FROM receipt; UPDATE installation SET id = 'ffffffff'")
        await execute(other.dsn, "CREATE TABLE of_somebody (id int)")
        with pytest.raises(Refused, match=r"isn't empty \(1 projects, 1 users\)"):
            await back(world, other, tmp_path)
        done = await back(world, other, tmp_path, replace=True)
        assert done.before == "ffffffff"
        assert "of_somebody" not in await other.tables()
        [row] = await rows(other.dsn, "SELECT id FROM installation")
        assert row["id"] == world.installation
        # and back again to what was there, from the snapshot that was made of it
        there = elsewhere(world.settings, tmp_path)
        snapshots = backup.snapshots(there)
        await restore.restore(there, other, world.vault, done.snapshot, place=snapshots, replace=True)
        assert "of_somebody" in await other.tables()


async def test_a_restore_refuses_while_the_platform_runs(world: FakeWorld, template: Template, tmp_path: Path) -> None:
    await backup.back_up(world)
    with pytest.raises(Refused, match="The platform is running"):
        await restore.restore(elsewhere(world.settings, tmp_path), world.dumps, world.vault, replace=True)


@pytest.mark.parametrize("what", ["passphrase", "cut off", "damaged", "missing", "no file", "newer"])
async def test_what_is_no_good_backup_is_refused_with_a_sentence_and_nothing_is_changed(
    world: FakeWorld, template: Template, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "newer":
        monkeypatch.setattr(database, "MIGRATIONS", tmp_path / "of-an-older-version")
    made = await backup.back_up(world)
    file, wish = Path(made.place) / made.name, {}
    match what:
        case "passphrase":
            wish = {"passphrase": "another one"}
        case "cut off":
            file.write_bytes(file.read_bytes()[:-20])
        case "damaged":
            content = bytearray(file.read_bytes())
            content[-5000] ^= 1
            file.write_bytes(content)
        case "missing":
            file.unlink()
        case "no file":
            wish = {"wanted": "/tmp/nothing.backup"}
    says = {
        "passphrase": "The passphrase isn't",
        "missing": "There is no backup in",
        "no file": "There is no file /tmp/nothing.backup",
        "newer": "Please update first",
    }
    async with empty_database(template) as other:
        with pytest.raises(Refused, match=says.get(what, "This backup is damaged")):
            await back(world, other, tmp_path, **wish)
        assert await other.tables() == {}
    assert not (tmp_path / "other-upload").exists()
    assert not (tmp_path / "other" / "restored").exists()


async def test_a_load_that_breaks_in_the_middle_leaves_the_database_as_it_was(
    world: FakeWorld, template: Template, tmp_path: Path
) -> None:
    with gzip.open(tmp_path / "broken.sql.gz", "wt") as file:
        file.write("CREATE TABLE one (id int);\nINSERT INTO nowhere VALUES (1);\n")
    before = await world.dumps.tables()
    async with empty_database(template) as other:
        with pytest.raises(Unavailable, match='relation "nowhere" does not exist'):
            await other.load(tmp_path / "broken.sql.gz")
        assert await other.tables() == {}
    with pytest.raises(Unavailable, match="nowhere"):
        await world.dumps.load(tmp_path / "broken.sql.gz", replace=True)
    assert await world.dumps.tables() == before


async def test_of_two_installations_in_one_place_one_must_be_named(
    world: FakeWorld, template: Template, tmp_path: Path
) -> None:
    made = await backup.back_up(world)
    folder = Path(made.place)
    (folder / made.name.replace(world.installation, "0badcafe")).write_bytes(b"somebody else's")
    async with empty_database(template) as other:
        with pytest.raises(Refused, match="several installations"):
            await back(world, other, tmp_path)
        await back(world, other, tmp_path, wanted=made.name)
    assert (await restore.drill(world)).name == made.name


# Made by the clock


async def test_without_a_passphrase_nothing_is_made_but_a_snapshot_for_this_server(world: FakeWorld) -> None:
    world.settings = replace(world.settings, backup_passphrase="")
    with pytest.raises(Refused, match="BACKUP_PASSPHRASE"):
        await backup.back_up(world)
    made = await backup.back_up(world, snapshot=True)
    assert Path(made.place) == world.settings.data_dir / "snapshots"
    await backup.back_up_if_due(world)
    assert await Backup.all().count() == 1


async def test_the_newest_are_kept_and_nothing_of_others_is_touched(world: FakeWorld) -> None:
    world.settings = replace(world.settings, backup_keep=2)
    folder = Path(backup.place_of(world.settings))
    folder.mkdir(parents=True)
    others = {"devpush-0badcafe-20200101T000000Z-aaaa.backup", "holiday.jpg"}
    for name in (*others, f"devpush-{world.installation}-20200101T000000Z-aaaa.backup"):
        (folder / name).write_bytes(b"x")
    made = [await backup.back_up(world) for _ in range(3)]
    kept = {path.name for path in folder.iterdir()} - others
    assert len(kept) == 2
    assert others < {path.name for path in folder.iterdir()}
    assert {row.name for row in await Backup.filter(removed_at=None)} == kept
    assert len(made) == 3


async def test_one_is_made_when_it_is_due_and_after_a_failure_an_hour_later(world: FakeWorld) -> None:
    await backup.back_up_if_due(world)
    await backup.back_up_if_due(world)
    assert await Backup.all().count() == 1
    await Backup.all().update(started_at=now() - timedelta(hours=25))
    file_in_the_way = Path(backup.place_of(world.settings))
    file_in_the_way.rename(file_in_the_way.with_name("earlier"))
    file_in_the_way.touch()
    for _ in range(2):
        await backup.back_up_if_due(world)
    failed = await Backup.exclude(error="").get()
    assert "The folder for backups can't be used" in failed.error
    assert "The last try failed: The folder" not in await backup.trouble(world.settings)
    await Backup.filter(id=failed.id).update(started_at=now() - timedelta(hours=1, minutes=1))
    file_in_the_way.unlink()
    await backup.back_up_if_due(world)
    assert await Backup.filter(error="", finished_at__isnull=False).count() == 2


async def test_two_never_make_one_at_a_time_and_one_that_was_cut_off_is_told(world: FakeWorld) -> None:
    dead = await Backup.create(place=backup.place_of(world.settings), name="x", version="0")
    async with world.leases.hold("backup"):
        with pytest.raises(Refused, match="just now"):
            await backup.back_up(world)
    await backup.back_up(world)
    await dead.refresh_from_db()
    assert dead.error == "It was cut off."


async def test_operators_hear_of_missing_backups_once_a_day_and_no_more_once_there_is_one(world: FakeWorld) -> None:
    operator = await User.operator("push.example.com")
    await cast.alice()
    await backup.alarm(world)
    assert not world.mailer.sent, "a fresh installation has some time"
    await Installation.all().update(created_at=now() - timedelta(days=3))
    for _ in range(2):
        await backup.alarm(world)
    [mail] = world.mailer.sent
    assert mail.to == operator.email
    assert "There is no backup yet, but one is due every 24 hours." in mail.text
    await Installation.all().update(alarmed_at=now() - timedelta(hours=25))
    await backup.alarm(world)
    assert len(world.mailer.sent) == 2
    await backup.back_up(world)
    await backup.alarm(world)
    assert len(world.mailer.sent) == 2
    assert (await Installation.this()).alarmed_at is None


# The drill


async def test_a_drill_proves_the_last_backup_and_leaves_nothing_behind(world: FakeWorld, template: Template) -> None:
    await cast.project()
    made = await backup.back_up(world)
    await restore.drill_if_due(world)
    await made.refresh_from_db()
    assert made.drilled_at
    assert made.drill_error == ""
    assert not await rows(template.admin, "SELECT 1 FROM pg_database WHERE datname LIKE 'devpush_drill%'")
    assert await Project.all().count() == 1
    before = made.drilled_at
    await restore.drill_if_due(world)
    await made.refresh_from_db()
    assert made.drilled_at == before, "once a week is enough"


@pytest.mark.parametrize("what", ["damaged", "fewer rows", "wrong key"])
async def test_a_drill_finds_what_would_not_come_back(
    world: FakeWorld, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "fewer rows":
        count = PgDumps.dump

        async def more(self: PgDumps, to: Path, **wish: tuple[str, ...]) -> dict[str, int]:
            return {**await count(self, to, **wish), "user": 7}

        monkeypatch.setattr(PgDumps, "dump", more)
    if what == "wrong key":
        world.settings = replace(world.settings, encryption_keys=(Fernet.generate_key().decode(),))
    made = await backup.back_up(world)
    if what == "damaged":
        file = Path(made.place) / made.name
        file.write_bytes(file.read_bytes()[:-1])
    says = {"damaged": "is damaged", "fewer rows": "differs.*user", "wrong key": "don't open the secrets"}[what]
    with pytest.raises(Refused, match=says):
        await restore.drill(world)
    assert "could not be restored in a drill" in await backup.trouble(world.settings)


async def test_a_drill_says_what_it_needs_where_it_may_make_no_database(world: FakeWorld, db: str) -> None:
    await backup.back_up(world)
    world.dumps = PgDumps(db)  # type: ignore[assignment]
    with pytest.raises(Unavailable, match='ALTER ROLE "devpush-app" CREATEDB'):
        await restore.drill(world)


# Where they lie


@pytest.fixture(scope="module")
async def bucket() -> AsyncIterator[str]:
    """The address of an S3 server with an empty bucket."""
    with server.running(free_port()) as url:
        async with server.behind_a_door(url) as door:
            yield door


async def test_backups_go_to_s3_and_come_back_from_there(
    world: FakeWorld, bucket: str, template: Template, tmp_path: Path
) -> None:
    world.settings = s3_settings(world.settings, bucket)
    async with Places(world.settings) as places:
        world.vault = places  # type: ignore[assignment]
        made = await backup.back_up(world)
        stored = await places.list(made.place)
        assert [(each.name, each.size) for each in stored] == [(made.name, made.size)]
        assert (await restore.drill(world)).name == made.name
        async with empty_database(template) as other:
            done = await back(world, other, tmp_path)
            assert done.manifest.name == made.name


async def test_s3_takes_large_files_in_parts_and_lists_many(
    settings: Settings, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PART", 5 << 20)  # the smallest that S3 allows
    place, content = "s3://backups/large/ones", os.urandom((11 << 20) + 7)
    (tmp_path / "file").write_bytes(content)
    async with Places(s3_settings(settings, bucket)) as places:
        await places.put(place, "in parts, & named ü", tmp_path / "file")
        await places.get(place, "in parts, & named ü", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == content
        assert [each.size for each in await places.list(place)] == [len(content)]
        await places.remove(place, "in parts, & named ü")
        await places.remove(place, "in parts, & named ü")
        assert await places.list(place) == []


@pytest.mark.parametrize(
    ("changed", "place", "says"),
    [
        ({"s3_secret_access_key": "wrong"}, "s3://backups/x", "mend S3_SECRET_ACCESS_KEY"),
        ({"s3_access_key_id": "nobody"}, "s3://backups/x", "mend S3_ACCESS_KEY_ID"),
        ({}, "s3://no-such-bucket/x", "There is no such bucket"),
        ({"s3_endpoint": "http://127.0.0.1:9"}, "s3://backups/x", "can't be reached"),
    ],
)
async def test_what_s3_has_against_it_is_said_in_a_sentence(
    settings: Settings, bucket: str, tmp_path: Path, changed: dict[str, str], place: str, says: str
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    async with Places(replace(s3_settings(settings, bucket), **changed)) as places:  # type: ignore[arg-type]
        with pytest.raises(Unavailable, match=says):
            await places.put(place, "x", tmp_path / "file")


def s3_settings(settings: Settings, url: str) -> Settings:
    return replace(
        settings,
        backup_place="s3://backups/prod",
        s3_endpoint=url,
        s3_access_key_id=server.KEY_ID,
        s3_secret_access_key=server.SECRET,
    )


# Another key


async def test_every_secret_moves_under_the_first_key_and_the_old_one_may_go(world: FakeWorld, db: str) -> None:
    project = await cast.project(repo_token="a token", repo_key="a key")
    await Variable.keep(project.id, {f"KEY_{number}": f"value {number}" for number in range(7)})
    await cast.deployment(project, variables={"A": "b"})
    await cast.github_app()
    new = Fernet.generate_key().decode()
    use_keys([new, KEY])
    moved = dict([each async for each in rotate.rotate((new, KEY))])
    assert moved["variable.value"] == 7
    assert moved["installation.key_check"] == 1
    assert moved["github_app.private_key"] == 1
    assert sum(dict([each async for each in rotate.rotate((new, KEY))]).values()) == 0, "and twice changes nothing"
    use_keys([new])
    assert (await Project.get()).repo_token == "a token"
    assert {variable.value for variable in await Variable.all()} == {f"value {number}" for number in range(7)}
    assert (await Installation.this()).key_check == "devpush"


async def test_no_encrypted_column_is_forgotten(world: FakeWorld, db: str) -> None:
    found = await rows(
        db,
        "SELECT table_name || '.' || column_name AS name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type = 'bytea'",
    )
    walked = {f"{model._meta.db_table}.{name}" for model, name in rotate.secret_columns()}
    assert walked == {row["name"] for row in found}


async def test_a_rotation_goes_on_in_pages_and_takes_nothing_from_who_writes_meanwhile(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotate, "BATCH", 3)
    project = await cast.project()
    await Variable.keep(project.id, {f"KEY_{number}": "old" for number in range(10)})
    new = Fernet.generate_key().decode()
    use_keys([new, KEY])
    ask = database.fetch

    async def somebody_writes(sql: str, *values: object) -> list[dict[str, object]]:
        if sql.startswith("UPDATE") and '"variable"' in sql:
            await Variable.filter(id=values[0]).update(value="new")
        return await ask(sql, *values)

    monkeypatch.setattr(rotate, "fetch", somebody_writes)
    assert [name async for name, _ in rotate.rotate((new, KEY))]
    assert {variable.value for variable in await Variable.all()} == {"new"}


async def test_what_no_key_opens_is_named_and_everything_else_is_done(world: FakeWorld) -> None:
    project = await cast.project(repo_token="a token")
    new = Fernet.generate_key().decode()
    use_keys([Fernet.generate_key().decode()])
    await Variable.keep(project.id, {"LOST": "x"})
    use_keys([new, KEY])
    with pytest.raises(WrongKey, match=r"1 in variable\.value"):
        assert [each async for each in rotate.rotate((new, KEY))]
    use_keys([new])
    assert (await Project.get()).repo_token == "a token"
