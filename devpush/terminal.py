"""What a person at the server's terminal sees: a deployment with its log, a drain with its progress."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tortoise.expressions import Q

from devpush.deploy import create, detect, disk, front, images, push, runners, traffic
from devpush.deploy.create import Draft
from devpush.deploy.sweep import leftovers
from devpush.errors import Refused, Unavailable
from devpush.jobs.call import TOPIC
from devpush.models import Deployment, Environment, Project, State, Team, User, Variable, rules
from devpush.models.database import AWAY
from devpush.models.names import slugify
from devpush.models.project import PRODUCTION
from devpush.ports import Happening, Repository, World
from devpush.serve import what_it_says

SEEN_TIMEOUT = 20
ANSWER_WITHIN = 5
SILENT_AT_MOST = 30
ENDS_WITHIN = 60
"""Seconds that a drain takes when its deployments have ended: requests are waited for."""


async def deploy(world: World, arguments: argparse.Namespace) -> int:
    """Deploy, print the log as it happens, then the URL; 0 only once that URL answered with this version."""
    source, is_local = source_of(arguments.source)
    variables = _variables(arguments.var)
    name = arguments.project or _name_of(source)
    operator = await User.operator(world.settings.hostname)
    project = await Project.filter(Q(slug=slugify(name, "project")) | Q(name=name), removing_at=None).first()
    if project:
        await _change(project, arguments, source, is_local, variables)
    else:
        project = await _create(world, operator, name, arguments, source, is_local, variables)
    branch = arguments.branch or (await Environment.get(project_id=project.id, slug=PRODUCTION)).branch
    deployment = await push.deploy_branch(world, project, branch, by=operator, trigger="cli")
    try:
        return await _follow(world, deployment)
    except (Unavailable, *AWAY):
        raise Unavailable(
            "The platform was stopped, or a part of it is away, so how the deployment ends can't be shown here. "
            "It goes on by itself as soon as the platform is back: the dashboard tells how."
        ) from None


async def sweep(world: World, *, dry_run: bool) -> None:
    """Show what of ours nobody needs, and unless it is only looked, remove it. The process itself does so each hour."""
    found = await images.needless(world)
    caches = await disk.too_large(world, sizes := await world.containers.sizes())
    networks, volumes = await leftovers(world)
    for image in found:
        print(f"image    {image.name}  {image.why}")
    for cache in caches:
        print(f"cache    {cache.name}  {cache.why}")
    for kind, names in (("network", networks), ("volume", volumes)):
        for name in names:
            print(f"{kind:<8} {name}  its project is gone")
    if not dry_run:
        await images.retire(world)
        await disk.trim(world, sizes)
        world.jobs.sweep_soon()
    done = "would go" if dry_run else "were not needed, and are removed unless a container uses them"
    print(f"{len(found) + len(caches) + len(networks) + len(volumes)} {done}. Nothing that isn't ours is looked at.")


def source_of(text: str) -> tuple[str, bool]:
    """(URL or absolute path, whether it is a repository on this server). Raises Refused."""
    if "://" in text:
        return rules.repository_url(text), False
    with suppress(OSError, ValueError):
        path = Path(text).expanduser().resolve()
        if path.is_dir():
            return str(path), True
    raise Refused(f"{text} is neither a Git URL (https://…) nor a folder with a Git repository.")


def _name_of(source: str) -> str:
    return source.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git") or "project"


def _variables(pairs: Sequence[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Refused(f"--var {key}: please write --var KEY=VALUE.")
        found[rules.variable_key(key)] = rules.variable_value(value)
    return found


async def _create(
    world: World,
    operator: User,
    name: str,
    arguments: argparse.Namespace,
    source: str,
    is_local: bool,
    variables: Mapping[str, str],
) -> Project:
    """A new project in the operator's own team: what isn't said comes from detection."""
    root_dir = rules.root_dir(arguments.root or "")
    found = await detect.look(
        world, Repository(source, local=is_local), branch=arguments.branch or "", root_dir=root_dir
    )
    runner = arguments.runner or found.preset.runner
    print(f"New project {name}: {found.preset.title}. {found.why}")
    # Another runner than the detected one: its own defaults fit better than the preset's.
    if runner == found.preset.runner:
        preset, install, build, start = found.preset.slug, found.preset.install, found.preset.build, found.preset.start
        dependency_files = found.preset.dependency_files
    else:
        chosen = runners.runner(runner)
        preset, install, build, start = "", chosen.install, chosen.build, chosen.start
        dependency_files = chosen.dependency_files
    draft = Draft(
        name=name,
        source=source,
        local=is_local,
        branch=arguments.branch or found.default_branch,
        runner=runner,
        runner_version=found.version if preset else "",
        preset=preset,
        root_dir=root_dir,
        install=_said(arguments.install, install),
        build=_said(arguments.build, build),
        pre_deploy=found.preset.pre_deploy if preset else "",
        start=_said(arguments.start, start),
        dependency_files=dependency_files,
        variables=variables,
    )
    team = await Team.filter(members__user=operator).order_by("created_at").first()
    if team is None:
        team = await Team.found(operator)
    return await create.create_project(world, team, draft, by=operator)


def _said(argument: str | None, default: str) -> str:
    """An empty argument means none; a missing one the default."""
    return default if argument is None else argument


async def _change(
    project: Project, arguments: argparse.Namespace, source: str, is_local: bool, variables: Mapping[str, str]
) -> None:
    """What was said on the command line becomes the project's; the rest stays."""
    changes: dict[str, Any] = {
        "root_dir": None if arguments.root is None else rules.root_dir(arguments.root),
        "runner": arguments.runner,
        "runner_version": arguments.runner and "",
        "install": arguments.install,
        "build": arguments.build,
        "start": arguments.start,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if source != project.repo_url:
        changes |= {"repo_url": source, "repo_local": is_local, "repo_token": None, "repo_username": ""}
    for name in ("install", "build", "start"):
        if name in changes:
            changes[name] = rules.command(changes[name], name)
    if changes:
        await project.update_from_dict(changes).save(update_fields=[*changes, "updated_at"])
    await Variable.keep(project.id, variables)


async def _follow(world: World, deployment: Deployment) -> int:
    """Print lines until the deployment has ended, then how."""
    last = 0
    async with world.live.subscribe([f"deployment:{deployment.id}", f"log:{deployment.id}"]) as happenings:
        while True:
            now = await Deployment.get(id=deployment.id).select_related("project", "environment")
            last = await _print_lines(world, now, last)
            if now.finished:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await anext(happenings)
    await asyncio.sleep(0.1)  # the log's last lines are kept just after the last state
    await _print_lines(world, now, last)
    return await _outcome(world, now)


async def _print_lines(world: World, deployment: Deployment, last: int) -> int:
    """Print what came after that line; which was the last one now."""
    project, id = str(deployment.project.id), str(deployment.id)
    while lines := await world.logs.search(project, deployments=[id], source="build", after=last, limit=1000):
        for line in lines:
            print(line.text, flush=True)
        last = lines[-1].id
    return last


async def _outcome(world: World, deployment: Deployment) -> int:
    if deployment.state != State.succeeded:
        print(deployment.reason or f"The deployment was {deployment.state}.", file=sys.stderr)
        return 1
    environment = await Environment.get(id=deployment.environment_id)
    alias = await traffic.name_environment(deployment.project, environment)
    host = traffic.hostname(world.settings, alias)
    path = deployment.config["health_path"]
    if not await world.proxy.seen(host, path, str(deployment.id), timeout=SEEN_TIMEOUT):
        print(
            f"{host} does not answer with this deployment: a newer one may have taken its place.",
            file=sys.stderr,
        )
        return 1
    print(world.settings.app_url(host), flush=True)
    return 0


async def drain(world: World) -> int:
    """Ask the process with our PORT to drain and print how it goes; 0 once it is done."""
    port = world.settings.port
    async with world.live.subscribe(["drain"]) as happenings:
        await world.live.publish([Happening(TOPIC, "drain", {"port": port})])
        loop = asyncio.get_running_loop()
        patience = loop.time() + world.settings.job_completion_wait + ENDS_WITHIN
        silence = loop.time() + ANSWER_WITHIN
        while loop.time() < patience:
            try:
                async with asyncio.timeout_at(silence):
                    happening = await anext(happenings)
            except TimeoutError:
                print(f"No running process answered at port {port}. Is the platform running?", file=sys.stderr)
                return 1
            if happening is None or happening.kind == "gap" or happening.payload.get("port", port) != port:
                continue  # before version 0.4 a process didn't say which one it is
            silence = loop.time() + SILENT_AT_MOST
            left, requests = happening.payload["left"], happening.payload.get("requests", 0)
            if happening.kind == "done":
                print(f"Drained; {left} handed over to the next process." if left else "Drained: nothing was left.")
                return 0
            print(f"Draining: {left} still running, {_counted(requests)} open …", flush=True)
    print("The process did not finish in time.", file=sys.stderr)
    return 1


def _counted(requests: object) -> str:
    return "1 request" if requests == 1 else f"{requests} requests"


async def come_to_front(world: World) -> int:
    """Have the process with our PORT serve the dashboard."""
    here = front.here(world.settings)
    said = await what_it_says(here, "/ready")
    if said.state == "draining":
        raise Refused(f"The process at {here} is draining: it can't serve the dashboard any more.")
    await front.take(world, (await what_it_says(here, "/health")).mark)
    print(f"The dashboard is served by the process at {here}.")
    return 0
