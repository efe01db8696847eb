"""python -m tests.zero_downtime [--requests N] [--visitors N]: the long form, with a Docker daemon of its own that is
restarted in the middle (live-restore). Ends with 1 if one request failed. Needs root, and says how far it is."""

import argparse
import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.life.platform import base_image
from tests.zero_downtime.story import Story, play, story

PLAN = {"deploy": 50, "roll back": 10, "promote": 10, "fail": 10, "domain": 5, "update": 4, "restart docker": 2}
INSIDE = "DEVPUSH_ZERO_DOWNTIME"
"""Set to the folder of the daemon, in the process that runs in a network of its own."""
DAEMON_UP_WITHIN = 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.zero_downtime", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="go on until so many were sent")
    parser.add_argument("--visitors", type=int, default=8, help="each asks in ten ways at once")
    options = parser.parse_args()
    if INSIDE not in os.environ:
        return _in_a_network_of_its_own()
    return asyncio.run(_run(options.requests, options.visitors))


async def _run(requests: int, visitors: int) -> int:
    folder = Path(os.environ[INSIDE])
    scenes = [name for name, times in PLAN.items() for _ in range(times)]
    random.Random(1).shuffle(scenes)
    scenes.insert(0, "deploy")  # so that there is something to roll back to
    with _daemon(folder) as daemon:
        async with story(folder) as told:
            told.more["restart docker"] = lambda: _restart(daemon, told)
            began = time.monotonic()
            async with told.load.running(visitors):
                await play(told, scenes, _tell)
                while told.load.sent < requests and not told.load.failures:
                    await play(told, ["deploy"], _tell)
            print(told.load.table())
            print(f"{time.monotonic() - began:.0f} s, {visitors} visitors, {told.done} deployments")
            for failure in told.load.failures[:50]:
                print(failure)
            await told.all_were_taken_once()
            return 1 if told.load.failures else 0


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


# The daemon, in a network of its own: two daemons in one would take each other's firewall rules away


def _in_a_network_of_its_own() -> int:
    folder = Path(tempfile.mkdtemp(prefix="devpush-zero-"))
    folder.chmod(0o711)
    base = base_image()
    listed = subprocess.run(
        ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=devpush-runner-python"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    try:
        names = [name for name in {base, *listed.stdout.split()} if name]
        subprocess.run(["docker", "save", "--output", str(folder / "images.tar"), *names], check=True)
        environment = os.environ | {
            INSIDE: str(folder),
            "BASE_IMAGE": base,
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
        }
        inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-m", "tests.zero_downtime"]
        return subprocess.run(["unshare", "--net", *inside, *sys.argv[1:]], env=environment, check=False).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Daemon:
    """A Docker Engine with everything of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        own = [f"--{name}={self.folder / name}" for name in ("data-root", "exec-root", "pidfile")]
        command = ["dockerd", *own, f"--host=unix://{self.folder}/docker.sock", "--live-restore"]
        with (self.folder / "dockerd.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        ends = time.monotonic() + DAEMON_UP_WITHIN
        while subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
            if time.monotonic() > ends:
                raise TimeoutError(f"dockerd does not start; see {self.folder}/dockerd.log")
            time.sleep(0.2)

    def stop(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


@contextmanager
def _daemon(folder: Path) -> Iterator[Daemon]:
    daemon = Daemon(folder)
    daemon.start()
    try:
        subprocess.run(["docker", "load", "--quiet", "--input", str(folder / "images.tar")], check=True)
        (folder / "images.tar").unlink()
        yield daemon
    finally:
        left = subprocess.run(["docker", "ps", "-aq"], capture_output=True, text=True, check=False).stdout.split()
        if left:
            subprocess.run(["docker", "rm", "--force", *left], stdout=subprocess.DEVNULL, check=False)
        daemon.stop()


async def _restart(daemon: Daemon, told: Story) -> None:
    """Containers go on meanwhile, and so does what they answer."""
    await asyncio.to_thread(daemon.stop)
    await asyncio.sleep(2)
    await asyncio.to_thread(daemon.start)
    await told.working.ready()


if __name__ == "__main__":
    sys.exit(main())
