"""`devpush.py deploy`, as the operator types it, and what becomes of what is typed or pushed wrong."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.gitserver import GitServer, Origin
from tests.life.platform import App, Ended, Operator, Platform, app, new_platform, own_platform, repository, until

pytestmark = pytest.mark.integration


# What goes well


async def test_a_local_repository_becomes_a_live_site_and_a_push_the_next_version(
    platform: Platform, tmp_path: Path
) -> None:
    origin = repository(tmp_path, "hello", app("one") | {"requirements.txt": "# nothing"})
    first = await platform.live(origin.path)
    assert first.url == f"http://hello.localhost:{platform.http_port}"
    assert await first.says() == "one"
    assert "$ pip install -r requirements.txt" in first.ended.out
    origin.commit(app("two") | {"requirements.txt": "# nothing"})
    second = await platform.live(origin.path)
    assert await second.says() == "two"
    assert "The dependencies have not changed: nothing to install." in second.ended.out
    third = await platform.live(origin.path)
    assert "the earlier image is used again" in third.ended.out
    await platform.settled("hello")


async def test_every_option_of_the_command_line_is_kept_to(platform: Platform, tmp_path: Path) -> None:
    origin = repository(tmp_path, "options", app("wrong branch"))
    says = 'body = " ".join([VERSION, os.environ["COLOUR"], open("built").read()])'
    files = {f"site/{name}": text for name, text in app("right", handle=says).items()}
    files["site/requirements.txt"] = "no-such-package-anywhere"
    origin.commit(files, branch="next")
    made = await platform.live(
        origin.path,
        *("--project", "Many options", "--branch", "next", "--root", "site", "--install", "", "--runner", "python"),
        *("--build", 'echo "built in $COLOUR" >built', "--start", "python3 main.py"),
        *("--var", "COLOUR=green"),
    )
    assert made.url.startswith("http://many-options.localhost:")
    assert await made.says() == "right green built in green\n"
    assert "pip" not in made.ended.out
    # What is not said again stays; what is said changes.
    assert await (await platform.live(origin.path, "--project", "Many options", "--var", "COLOUR=red")).says() == (
        "right red built in red\n"
    )


async def test_a_build_that_prints_without_end_is_cut_short_in_the_log_and_goes_well(
    platform: Platform, tmp_path: Path
) -> None:
    flood = """python3 -c 'import time
for second in range(5):
    print((chr(120) * 99 + chr(10)) * 10_000, flush=True)
    time.sleep(1)
print("the end of the flood")'"""
    deploying = asyncio.create_task(platform.live(repository(tmp_path, "flood").path, "--build", flood))
    await platform.reaches("flood", "building")
    async with asyncio.timeout(30):
        assert (await platform.dashboard("/health")).status == 200
    ended = (await deploying).ended
    assert "the end of the flood" in ended.out
    assert "dropped: more came than can be kept." in ended.out
    assert len(ended.out) < 10_000_000


# What goes wrong


async def test_a_port_in_use_is_told_before_anything_is_started(platform: Platform) -> None:
    late = new_platform()
    late.port = platform.port
    try:
        await late.begin()
        assert late.process
        assert await late.process.wait() == 1
        assert "Please stop what uses it, or set another PORT." in late.said()
        assert "Traceback" not in late.said()
        assert "is up" not in late.said()
    finally:
        await late.clear()


@dataclass(frozen=True)
class Wrong:
    """What is pushed (or nothing), and typed, after a first version serves, and what a person reads then."""

    says: tuple[str, ...]
    files: Mapping[str, str | bytes] = field(default_factory=lambda: app("two"))
    options: tuple[str, ...] = ()


FORKS = "i=0; while [ $i -lt 3000 ]; do sleep 60 & i=$((i+1)); done"
HOG = "hog = b'x' * (2 << 30)"
WRONG = {
    "no-branch": Wrong(("No environment takes the branch nowhere",), {}, ("--branch", "nowhere")),
    "no-root": Wrong(("There is no folder nowhere in commit",), options=("--root", "nowhere")),
    "no-start": Wrong(("There is no start command.",), options=("--start", "")),
    "build-fails": Wrong(
        ("The build command (echo almost; exit 3) exited with code 3.", "almost"),
        options=("--build", "echo almost; exit 3"),
    ),
    "build-hangs": Wrong(
        ("The deployment took longer than 45 seconds and was stopped while building.",),
        options=("--build", "sleep 600"),
    ),
    "build-forks": Wrong(("The build command", "exited with code 2.", "fork"), options=("--build", FORKS)),
    "build-hogs": Wrong(
        ("used more than its 512 MB of memory.", "Raise the project's memory"),
        options=("--build", f'python3 -c "{HOG}"'),
    ),
    "app-exits": Wrong(
        ("The app exited with code 1 before it answered on port 8000.", "no database"),
        app(before='sys.exit("no database")'),
    ),
    "app-not-found": Wrong(("The start command was not found: gunicorn",), options=("--start", "gunicorn main:app")),
    "app-hogs": Wrong(("used more than its 256 MB of memory before it answered",), app(before=HOG)),
    "never-listens": Wrong(("it runs, but listens on no port",), app(before="time.sleep(600)")),
    "wrong-port": Wrong(("it listens on port 3000.", "the variable PORT (8000)"), app(port=3000)),
    "loopback": Wrong(("The app listens on 127.0.0.1:8000", "0.0.0.0:8000"), app(address="127.0.0.1")),
    "answers-500": Wrong(("The app answered 500 at / for 15 seconds",), app(handle="status = 500")),
}


@pytest.fixture(scope="module")
async def failing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with own_platform(JOB_TIMEOUT="45", MAX_CONCURRENT_DEPLOYMENTS="8") as platform:
        await platform.unhurried()
        yield platform


@pytest.fixture(scope="module")
async def wrong(failing: Platform, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[App, Ended]]:
    """Everything that goes wrong, at once: most of it is waiting."""
    folder, some = tmp_path_factory.mktemp("wrong"), asyncio.Semaphore(5)

    async def gone_wrong(name: str, what: Wrong) -> tuple[App, Ended]:
        origin = repository(folder, name)
        async with some:
            before = await failing.live(origin.path)
        if what.files:
            origin.commit(what.files)
        if name != "build-hangs":
            await some.acquire()
        try:
            return before, await failing.deploy(origin.path, *what.options)
        finally:
            if name != "build-hangs":
                some.release()

    ended = await asyncio.gather(*(gone_wrong(name, what) for name, what in WRONG.items()))
    return dict(zip(WRONG, ended, strict=True))


@pytest.mark.parametrize("name", WRONG)
async def test_what_goes_wrong_is_told_and_what_served_serves(
    name: str, wrong: dict[str, tuple[App, Ended]], failing: Platform
) -> None:
    before, ended = wrong[name]
    assert ended.code == 1, ended
    for words in WRONG[name].says:
        assert words in ended.err
    assert "Traceback" not in ended.err
    assert await before.says() == "one"
    await failing.settled(name)


async def test_a_new_project_that_can_not_be_is_refused_and_nothing_is_made(platform: Platform, tmp_path: Path) -> None:
    good = repository(tmp_path, "refused")
    Origin.make(tmp_path / "empty.git")
    (tmp_path / "plain").mkdir()
    refusals = {
        (str(good.path), "--branch", "nowhere"): "There is no branch nowhere. There is: main.",
        (str(good.path), "--root", "nowhere"): "There is no folder nowhere",
        (str(tmp_path / "empty.git"),): "empty",
        (str(tmp_path / "plain"),): "",
        (str(tmp_path / "nothing"),): "is neither a Git URL (https://…) nor a folder",
        ("https://127.0.0.1:1/somebody/something.git",): "",
        ("https://user:secret@example.com/a/b",): "",
        ("http://example.com/a/b",): "https://",
        ("ext::sh -c touch% /tmp/canary",): "is neither a Git URL",
    }
    ended = await asyncio.gather(*(platform.deploy(*arguments) for arguments in refusals))
    for (arguments, words), each in zip(refusals.items(), ended, strict=True):
        assert each.code == 1, arguments
        assert words in each.err
        assert each.err.strip()
        assert "Traceback" not in each.err
        assert "secret" not in each.err
    rows = await platform.sql("SELECT slug FROM project")
    assert not {"refused", "empty", "plain", "nothing", "something"} & {row["slug"] for row in rows}


async def test_a_repository_with_too_many_files_is_refused(platform: Platform, tmp_path: Path) -> None:
    origin = Origin.make(tmp_path / "huge.git")
    blob = origin.blob(b"x")
    tree = origin.tree({f"file-{number}": ("100644", blob) for number in range(100_001)})
    origin.commit_tree(tree)
    ended = await platform.deploy(origin.path)
    assert ended.code == 1
    assert "more than 100,000 files" in ended.err


async def test_a_private_repository_without_its_token_is_told(tmp_path: Path, platform: Platform) -> None:
    with ExitStack() as stack:
        repository(tmp_path / "private", "secret")
        server = GitServer(tmp_path / "private", tmp_path / "ca.pem", password="open sesame")
        stack.enter_context(server.serving())
        platform.settings["GIT_SSL_CAINFO"] = str(server.ca)  # of the command line only: the process runs already
        stack.callback(platform.settings.pop, "GIT_SSL_CAINFO")
        ended = await platform.deploy(server.url("secret.git"))
    assert ended.code == 1
    assert "private" in ended.err


# Afterwards


async def test_rollback_and_redeploy_and_cancel_by_the_dashboard(platform: Platform, tmp_path: Path) -> None:
    operator = await Operator(platform).sign_in()
    origin = repository(tmp_path, "back", app("one", handle='body = VERSION + os.environ["WORD"]'))
    live = await platform.live(origin.path, "--var", "WORD=first")
    origin.commit(app("two", handle='body = VERSION + os.environ["WORD"]'))
    await platform.live(origin.path, "--var", "WORD=second")
    assert await live.says() == "twosecond"
    await platform.settled("back")
    first, second = (row["id"] for row in await platform.deployments("back"))
    assert (await operator.post(f"/projects/back/deployments/{first}/rollback")).status == 303
    assert await live.says() == "onefirst"
    await platform.settled("back")
    assert (await operator.post(f"/projects/back/deployments/{second}/redeployment")).status == 303
    assert (await platform.finished("back", 3))["state"] == "succeeded"
    assert await live.says() == "twosecond"
    await platform.sql("UPDATE project SET build = 'sleep 600' WHERE slug = 'back'")
    assert (await operator.post(f"/projects/back/deployments/{second}/redeployment")).status == 303
    row = await platform.reaches("back", "building", 4)
    assert (await operator.post(f"/projects/back/deployments/{row['id']}/cancellation")).status == 303
    assert (await platform.finished("back", 4))["state"] == "cancelled"
    await platform.settled("back")
    assert await live.says() == "twosecond"


async def test_an_app_that_dies_or_is_stopped_comes_back_by_itself(platform: Platform, tmp_path: Path) -> None:
    dies = 'if self.path == "/die":\n    os._exit(7)'
    live = await platform.live(repository(tmp_path, "phoenix", app(handle=dies)).path)
    [before] = await platform.containers("phoenix")
    answer = await live.get("/die")
    assert answer.status == 502

    async def noted() -> bool:
        row = await platform.newest("phoenix")
        return row["health"] == "restarting" and "exited with code 7" in row["health_note"]

    await until(noted, "Nobody noticed that it died.")
    await answers(live)
    async with platform.engine() as engine:
        await engine.stop(before.name, grace=0)
    await answers(live)
    async with platform.engine() as engine:
        await engine.remove(before.name)
    await answers(live)
    [again] = await platform.containers("phoenix")
    assert again.address == before.address


async def answers(live: App) -> None:
    async def does() -> bool:
        return (await live.get()).status == 200

    await until(does, f"{live.project} does not come back: {live.platform.said()[-3000:]}")


async def test_two_installations_on_one_engine_leave_each_other_alone(platform: Platform, tmp_path: Path) -> None:
    origin = repository(tmp_path, "twin", app("one"))
    async with own_platform() as other:
        mine, theirs = await asyncio.gather(platform.live(origin.path), other.live(origin.path))
        [here], [there] = await platform.containers("twin"), await other.containers("twin")
        assert here.id != there.id
        assert here.address != there.address
        assert not {found.id for found in await platform.containers()} & {
            found.id for found in await other.containers()
        }
        async with platform.engine() as engine:
            assert await engine.inspect(there.name) is None
            await engine.remove(there.name)
        operator = await Operator(platform).sign_in()
        page = "/projects/twin/settings"
        assert (await operator.post("/projects/twin/removal", page=page, confirmation="twin")).status == 303

        await platform.sql("UPDATE project SET ends_at = now() WHERE slug = 'twin'")  # its days of grace are over

        async def gone() -> bool:
            return not await platform.sql("SELECT 1 FROM project WHERE slug = 'twin'")

        await until(gone, "The project is not removed.")
        async with platform.engine() as engine:
            assert not [found for found in await engine.list() if found.id == here.id]
        assert (await mine.get()).status == 404
        assert await theirs.says() == "one"
        assert await other.running("twin") == [there.labels["devpush.deployment"]]
