"""The command line: migrate · serve · drain · deploy · prepare · sign-in-link."""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop

from devpush import checkup, safekeeping, terminal
from devpush import settings as environment
from devpush.adapters.docker import DockerContainers
from devpush.deploy import audit, runners
from devpush.errors import BadSettings, DeployFailed, Refused, Unavailable, WrongKey
from devpush.jobs import call
from devpush.models import database
from devpush.serve import (
    configure_logging,
    open_database,
    open_world,
    operator_link,
    running_services,
    serve,
    services,
)
from devpush.settings import Settings

Command = Callable[[Settings, argparse.Namespace], Awaitable[int | None]]


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; exit 1 with a sentence on stderr when it can't be done."""
    arguments = parser().parse_args(argv)
    try:
        settings = environment.read()
        configure_logging(settings.log_level)
        code = uvloop.run(arguments.run(settings, arguments))
    except (BadSettings, Refused, DeployFailed, Unavailable, WrongKey) as error:
        print(error, file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code or 0)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="devpush.py",
        description="/dev/push: push to deploy, on your own server. Settings: docs/configure.md",
    )
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add(commands, "serve", _serve, "run the platform: dashboard, deployments, everything; Ctrl-C stops it")
    _add(commands, "migrate", _migrate, "bring the database up to this version")
    prepare = _add(
        commands,
        "prepare",
        _prepare,
        "build the runner images and the bundled examples that are not there yet",
    )
    prepare.add_argument(
        "runner", nargs="*", metavar="RUNNER", help="only these runners' images (default: every one's)"
    )
    _add(
        commands,
        "drain",
        _drain,
        "ask the process with this PORT to finish its deployments, take no new ones, and exit",
    )
    _add(commands, "front", _front, "have the process with this PORT serve the dashboard (of two, during an update)")
    sweep = _add(
        commands, "sweep", _sweep, "remove the images, networks and volumes of ours that nobody needs any more"
    )
    sweep.add_argument("--dry-run", action="store_true", help="only show what would go, and why")
    doctor = _add(commands, "doctor", _doctor, "look whether everything is well, and say what to do about what isn't")
    doctor.add_argument("--json", action="store_true", help="for programs; exit 1 if anything is broken, as without")
    backup = _add(commands, "backup", _backup, "back up database, uploads, settings and keys, encrypted")
    backup.add_argument("--snapshot", action="store_true", help="onto this server, for the way back from an update")
    backup.add_argument("--logs", action="store_true", help="with log lines and metrics")
    backups = _add(commands, "backups", _backups, "list the backups, and which ones were proved to restore")
    restore = _add(commands, "restore", _restore, "bring a backup back; the platform must be stopped")
    restore.add_argument("name", metavar="NAME", nargs="?", default="latest", help="one of the list, or a file's path")
    for command in (backups, restore):
        command.add_argument("--from", dest="place", metavar="PLACE", default="", help="a folder or s3://bucket/prefix")
    restore.add_argument("--to", metavar="FOLDER", help="where its settings are written (default: DATA_DIR/restored)")
    restore.add_argument("--replace", action="store_true", help="what is here goes, after a snapshot of it")
    restore.add_argument("--passphrase-from", metavar="FILE", default="", help="not BACKUP_PASSPHRASE; - for stdin")
    _add(commands, "drill", _drill, "prove that the last backup restores, in a database that is thrown away again")
    rotate = _add(commands, "rotate-key", _rotate_key, "store every secret under the first key of ENCRYPTION_KEY")
    rotate.add_argument("--new", action="store_true", help="only print a fresh key, and what to do with it")
    _add(commands, "sign-in-link", _sign_in_link, "print a new one-time link that signs the operator in")
    deploy = _add(commands, "deploy", _deploy, "deploy a Git URL or a local repository and wait until it is live")
    deploy.add_argument("source", metavar="SOURCE", help="Git URL (https://…) or the path of a local repository")
    deploy.add_argument("--project", metavar="NAME", help="the project; made if there is none (default: SOURCE's name)")
    deploy.add_argument("--branch", metavar="B", help="the branch (default: the project's, or the repository's own)")
    deploy.add_argument(
        "--runner", metavar="R", choices=list(runners.runners()), help="python, node, go, php, static or docker"
    )
    deploy.add_argument("--root", metavar="DIR", help="the folder of the app inside the repository")
    deploy.add_argument("--install", metavar="CMD", help="install command; '' for none")
    deploy.add_argument("--build", metavar="CMD", help="build command; '' for none")
    deploy.add_argument("--start", metavar="CMD", help="start command")
    deploy.add_argument("--var", metavar="K=V", action="append", default=[], help="a variable; may be repeated")
    return root


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Command, help: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    command.set_defaults(run=run)
    return command


async def _serve(settings: Settings, _: argparse.Namespace) -> None:
    await serve(settings)


async def _migrate(settings: Settings, _: argparse.Namespace) -> None:
    """On the running process's database, or on our own, started for the moment."""
    try:
        done = await database.migrate(str(running_services(settings).postgres_dsn))
    except BadSettings:
        async with services(settings) as found:
            done = await database.migrate(str(found.postgres_dsn))
    print(f"Migrated: {', '.join(done)}." if done else "The database is up to date.")


async def _prepare(settings: Settings, arguments: argparse.Namespace) -> None:
    chosen = arguments.runner or [slug for slug, runner in runners.runners().items() if not runner.own_dockerfile]
    async with DockerContainers(settings.docker_host, "runners") as containers:
        for slug in chosen:
            await runners.prepare(settings, containers, slug, "", print)
    for runner in runners.runners().values():
        await asyncio.to_thread(_bare_example, runner, settings.data_dir / "examples")
    print(f"Runner images are ready: {', '.join(chosen)}.")


def _bare_example(runner: runners.Runner, folder: Path) -> None:
    """The runner's example app as a bare repository; a new commit only when its files have changed."""
    bare, work = folder / f"{runner.slug}.git", ("--work-tree", str(runner.example))
    bare.mkdir(parents=True, exist_ok=True)
    author = (
        "-c",
        "user.name=/dev/push",
        "-c",
        "user.email=devpush@localhost",
        "-c",
        "core.hooksPath=/dev/null",
    )
    git = ("git", "--git-dir", str(bare), *author)

    def run(*argv: str) -> int:
        return subprocess.run([*git, *argv], check=False, capture_output=True).returncode

    run("init", "--bare", "--initial-branch", "main")
    run(*work, "-c", "core.bare=false", "add", "--all", "--force", ".")
    run(*work, "-c", "core.bare=false", "commit", "--message", f"{runner.title} example")


async def _drain(settings: Settings, _: argparse.Namespace) -> int:
    async with open_world(settings, running_services(settings), call.Caller) as world:
        return await terminal.drain(world)


async def _front(settings: Settings, _: argparse.Namespace) -> int:
    async with open_world(settings, running_services(settings), call.Caller) as world:
        return await terminal.come_to_front(world)


async def _sweep(settings: Settings, arguments: argparse.Namespace) -> None:
    async with open_world(settings, running_services(settings), call.Caller) as world:
        await terminal.sweep(world, dry_run=arguments.dry_run)


async def _doctor(settings: Settings, arguments: argparse.Namespace) -> int:
    return await checkup.examine(settings, as_json=arguments.json)


async def _backup(settings: Settings, arguments: argparse.Namespace) -> None:
    await safekeeping.make(settings, snapshot=arguments.snapshot, logs=arguments.logs)


async def _backups(settings: Settings, arguments: argparse.Namespace) -> None:
    await safekeeping.show(settings, arguments.place)


async def _restore(settings: Settings, arguments: argparse.Namespace) -> None:
    await safekeeping.bring_back(settings, arguments)


async def _drill(settings: Settings, _: argparse.Namespace) -> None:
    await safekeeping.drill(settings)


async def _rotate_key(settings: Settings, arguments: argparse.Namespace) -> None:
    await safekeeping.rotate_key(settings, new=arguments.new)


async def _sign_in_link(settings: Settings, _: argparse.Namespace) -> None:
    async with open_database(settings, running_services(settings)):
        print(await operator_link(settings))
        await audit.record(audit.COMMAND_LINE, "sign_in_link.made")


async def _deploy(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_world(settings, running_services(settings), call.Caller) as world:
        return await terminal.deploy(world, arguments)
