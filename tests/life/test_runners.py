"""Every runner's bundled example, deployed for real; and what a Dockerfile may do and what not."""

import asyncio
import json
import socket
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from devpush.adapters.docker import DockerContainers
from devpush.deploy import runners
from devpush.settings import read
from tests.abuse.test_containers import GOLDEN
from tests.gitserver import Origin
from tests.images import DOCKER_HOST
from tests.life.platform import App, Operator, Platform, repository, until

pytestmark = pytest.mark.integration

SHOWS = {
    "python": "Your Flask app is running.",
    "node": "Your Node.js app is running.",
    "go": "Your Go app is running.",
    "php": "Your PHP app is running.",
    "static": "Your static site is up.",
    "docker": "Your image is running.",
}
SERVER = """
import http.server, os
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write({says}.encode())
http.server.ThreadingHTTPServer(("", 8000), App).serve_forever()
"""


@pytest.fixture(scope="module")
async def examples(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> dict[str, App]:
    """All of them at once. Their images are made first: that may take longer than a deployment."""
    await prepared(platform)
    folder = tmp_path_factory.mktemp("examples")

    async def live(slug: str) -> App:
        files = example(slug)
        return await platform.live(repository(folder, f"of-{slug}", files).path)

    apps = await asyncio.gather(*map(live, SHOWS))
    return dict(zip(SHOWS, apps, strict=True))


async def prepared(platform: Platform) -> None:
    settings = read(platform.environment())
    async with DockerContainers(DOCKER_HOST, "runners") as engine:
        for slug, runner in runners.runners().items():
            if not runner.own_dockerfile:
                await runners.prepare(settings, engine, slug, "", lambda _: None)


def example(slug: str) -> dict[str, str | bytes]:
    folder = runners.runner(slug).example
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_runner_has_its_test() -> None:
    assert set(SHOWS) == set(runners.runners())


@pytest.mark.parametrize("slug", SHOWS)
async def test_the_example_is_detected_built_and_live(slug: str, platform: Platform, examples: dict[str, App]) -> None:
    app = examples[slug]
    page = await app.says()
    assert SHOWS[slug] in page
    row = await platform.newest(app.project)
    assert json.loads(row["config"])["runner"] == slug
    if slug != "static":
        assert f"<dd>{row['commit_sha'][:7]}</dd>" in page, "the app was not told which commit it is"
        assert json.loads((await app.get("/health")).text)["status"] == "ok"
    assert (await app.get("/no-such-page")).status == 404


async def test_what_an_example_writes_is_its_log(platform: Platform, examples: dict[str, App]) -> None:
    async def logged() -> bool:
        rows = await platform.sql("SELECT text FROM log_line WHERE source <> 'build' AND text LIKE 'GET /health 200%'")
        return len(rows) >= 5

    await asyncio.gather(*(examples[slug].get("/health") for slug in SHOWS if slug != "static"))
    await until(logged, "Not every example's requests are in its log.")


async def test_what_was_compiled_once_is_not_compiled_again(
    platform: Platform, examples: dict[str, App], tmp_path: Path
) -> None:
    """The caches are the project's: its second build takes what the first one left."""
    count = """go build -x -o bin/app . 2>&1 | grep -c '/compile -o' || true"""
    again = await platform.live(repository(tmp_path, "of-go", example("go")).path, "--build", count)
    assert "The dependencies have not changed: nothing to install." in again.ended.out
    assert "0" in again.ended.out.splitlines(), again.ended.out


# Dockerfiles


def dockerfile(text: str, says: str = "'one'") -> dict[str, str | bytes]:
    start = 'COPY server.py /server.py\nCMD ["python3", "/server.py"]\n'
    return {
        "Dockerfile": f"ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\n{text}\n{start}",
        "server.py": SERVER.format(says=says),
    }


async def test_an_image_runs_as_nobody_in_particular_whatever_it_says(platform: Platform, tmp_path: Path) -> None:
    text = 'RUN echo "built as $(id -u)"\nUSER root\nVOLUME /kept\nENV MOTTO=baked\nWORKDIR /srv'
    says = 'f\'{os.getuid()} {os.getcwd()} {os.environ["MOTTO"]} {os.environ["DEVPUSH_ENVIRONMENT"]}\''
    live = await platform.live(repository(tmp_path, "imaged", dockerfile(text, says)).path)
    assert await live.says() == "1000 /srv baked production"
    assert "built as 0" in live.ended.out
    [container] = await platform.containers("imaged")
    async with platform.engine() as engine:
        raw = await engine.engine.ask(f"containers/{container.name}/json")
    assert raw["Config"]["User"] == "1000:1000"
    assert raw["HostConfig"]["CapDrop"] == GOLDEN["CapDrop"]
    assert raw["HostConfig"]["SecurityOpt"] == GOLDEN["SecurityOpt"]
    assert not raw["HostConfig"]["Binds"]


async def test_a_dockerfile_gets_at_nobody_elses_image(platform: Platform, tmp_path: Path) -> None:
    """A7, A14: neither by its name nor by its id, nor by the first digits of that."""
    await platform.live(repository(tmp_path, "owned", dockerfile("RUN echo treasure >/treasure")).path)
    row = await platform.newest("owned")
    async with platform.engine() as engine:
        id = await engine.image(row["image"]) or ""
    assert len(id) == 71
    copy = "FROM scratch\nCOPY --from={} /treasure /t\n"
    tries = [("FROM {}\n", id[7:19]), (copy, row["image"]), (copy, id)]

    async def stolen(number: int, how: str, name: str) -> str:
        origin = repository(tmp_path, f"robber-{number}", {"Dockerfile": how.format(name)})
        ended = await platform.deploy(origin.path)
        assert ended.code == 1
        return ended.err

    for said in await asyncio.gather(*(stolen(number, *each) for number, each in enumerate(tries))):
        assert "can't be had from its registry" in said or "no name of an image in a registry" in said


LOOK_AROUND = """
import json, socket
def reached(address, port):
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False
gateway = next(
    socket.inet_ntoa(int(row.split()[2], 16).to_bytes(4, "little"))
    for row in open("/proc/net/route").read().splitlines()[1:] if row.split()[1] == "00000000"
)
limits = {"memory": "/sys/fs/cgroup/memory/memory.limit_in_bytes", "v2": "/sys/fs/cgroup/memory.max"}
def read(path):
    try:
        return open(path).read().strip()
    except OSError:
        return ""
print("SEEN", json.dumps({
    "reached": [target for target in TARGETS if reached(target[0] or gateway, target[1])],
    "memory": read(limits["memory"]) or read(limits["v2"]),
    "gateway": gateway,
}))
"""


async def test_what_a_dockerfile_runs_is_on_the_projects_network_and_limited(
    platform: Platform, tmp_path: Path, examples: dict[str, App]
) -> None:
    [other] = [found for found in await platform.containers(examples["go"].project) if found.state == "running"]
    ports = [platform.port, *(int(path.read_text()) for path in (platform.folder / "run").glob("*.port"))]
    with socket.create_server(("0.0.0.0", 0)) as careless:  # a program of this machine that listens everywhere
        targets: list[list[object]] = [[host, port] for host in ("127.0.0.1", "") for port in ports]
        targets += [["", careless.getsockname()[1]], ["169.254.169.254", 80], [other.address, 8000]]
        files = dockerfile("COPY look.py /look.py\nRUN python3 /look.py")
        files["look.py"] = f"TARGETS = {targets!r}\n{LOOK_AROUND}"
        live = await platform.live(repository(tmp_path, "looking", files).path)
    seen = json.loads(next(line for line in live.ended.out.splitlines() if line.startswith("SEEN "))[5:])
    assert seen["reached"] == []
    assert seen["memory"] == str(512 * 1024 * 1024)
    [row] = await platform.sql("SELECT subnet FROM project WHERE slug = 'looking'")
    assert ip_address(seen["gateway"]) in ip_network(row["subnet"])


async def test_a_dockerfile_that_makes_processes_without_end_is_stopped(platform: Platform, tmp_path: Path) -> None:
    """A31: not by its memory, which may be large: the machine has so many process numbers for everybody."""
    forks = "RUN i=0; while [ $i -lt 3000 ]; do sleep 60 & i=$((i+1)); done"
    ended = await platform.deploy(repository(tmp_path, "forking", dockerfile(forks)).path)
    assert ended.code == 1
    assert "returned a non-zero code: 2" in ended.err
    assert "fork" in ended.err


async def test_cancelling_ends_what_a_dockerfile_runs(platform: Platform, tmp_path: Path) -> None:
    """Nothing of it stays: no container, no process. And nobody takes it for one of the project's apps meanwhile."""
    before = await platform.live(repository(tmp_path, "endless", dockerfile("RUN true")).path)
    [victim] = await platform.containers("endless")
    origin = Origin(tmp_path / "endless.git")
    origin.commit(dockerfile("RUN sleep 4242"))
    deploying = asyncio.create_task(platform.deploy(origin.path))

    async def running() -> bool:
        return "sleep 4242" in await asyncio.to_thread(processes)

    await until(running, f"The build never ran: {platform.said()[-2000:]}")
    assert [found.id for found in await platform.containers("endless")] == [victim.id]
    row = await platform.reaches("endless", "building", 2)
    operator = await Operator(platform).sign_in()
    assert (await operator.post(f"/projects/endless/deployments/{row['id']}/cancellation")).status == 303
    assert (await deploying).code == 1
    assert (await platform.newest("endless"))["state"] == "cancelled"

    async def ended() -> bool:
        return "sleep 4242" not in await asyncio.to_thread(processes)

    await until(ended, "What the Dockerfile ran runs on.")
    assert await before.says() == "one"


def processes() -> str:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return "\n".join(found)
