"""From source to image: install under the key of the dependency files, then build under the key of everything."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devpush.deploy import environment, plan, runners, source
from devpush.deploy.network import have_network
from devpush.deploy.plan import Names
from devpush.deploy.shipper import BuildLog
from devpush.deploy.source import Source
from devpush.errors import DeployFailed
from devpush.models import Deployment
from devpush.ports import Exit, TreeEntry, World

TAIL = 12


@dataclass(frozen=True)
class Built:
    """The image a deployment runs, and whether it was there already."""

    image: str
    key: str
    reused: bool


class Builder:
    """Builds one deployment's image. Every step may run twice: names are fixed, and an image is there or not."""

    def __init__(self, world: World, deployment: Deployment, log: BuildLog) -> None:
        self.world, self.deployment, self.log = world, deployment, log
        self.names = Names(world.installation)
        self.config = deployment.config
        self.runner = runners.runner(self.config["runner"])

    async def build(self) -> Built:
        """Raises DeployFailed with a reason a person understands."""
        if not self.config["start"].strip():
            raise DeployFailed(
                "There is no start command. Say how the app starts under Settings → Build and deploy, "
                "or with a Procfile's web line."
            )
        self.log.system(f"Fetching commit {self.deployment.commit_sha[:7]} of {self.deployment.branch}.")
        tree, runner_image = await asyncio.gather(
            source.fetch(self.world, self.deployment),
            runners.image(self.world.settings, self.world.containers, self.runner.slug, self.log.system),
        )
        variables = environment.building(self.deployment)
        key = plan.build_key(tree.tree, runner_image, self.config, variables)
        name = self.names.image(self.deployment.project, "app", key)
        if await self.world.containers.image(name):
            self.log.system("Nothing that goes into the image has changed: the earlier image is used again.")
            return Built(name, key, reused=True)
        await have_network(self.world, self.deployment.project)
        base = await self._installed(runner_image, tree, variables)
        await self._built(base, name, tree, variables)
        return Built(name, key, reused=False)

    async def _installed(self, runner_image: str, tree: Source, variables: Mapping[str, str]) -> str:
        """The image with the dependencies installed; the runner's own where there is nothing to install."""
        if not self.config["install"]:
            return runner_image
        files = plan.dependency_entries(tree.entries, self.config["dependency_files"])
        key = plan.dependency_key(runner_image, self.config["install"], files)
        name = self.names.image(self.deployment.project, "deps", key)
        if await self.world.containers.image(name):
            self.log.system("The dependencies have not changed: nothing to install.")
            return name
        try:
            await self._step("install", runner_image, name, tree, files, self.config["install"], variables)
        except NeedsMore as failure:
            if len(files) == len(tree.entries):
                raise failure.reason from None
            self.log.system("Installing needs more than the dependency files: once more, over the whole tree.")
            whole = plan.key(key, tree.tree)
            name = self.names.image(self.deployment.project, "deps", whole)
            if not await self.world.containers.image(name):
                await self._step("install", runner_image, name, tree, tree.entries, self.config["install"], variables)
        return name

    async def _built(self, base: str, name: str, tree: Source, variables: Mapping[str, str]) -> None:
        """The deployment's image: the whole tree on top of the dependencies, after the build command."""
        await self._step("build", base, name, tree, tree.entries, self.config["build"], variables)

    async def _step(
        self,
        step: str,
        base: str,
        name: str,
        tree: Source,
        entries: Sequence[TreeEntry],
        command: str,
        variables: Mapping[str, str],
    ) -> None:
        """Copy files into a fresh container of `base`, run the command in it if there is one, keep it as `name`."""
        containers = self.world.containers
        caches = self.runner.cache_paths if command else ()
        spec = plan.workshop(self.names, self.deployment, step, base, caches)
        making = asyncio.create_task(containers.create(spec))  # while the files are gathered
        try:
            async with source.archive(self.world, tree, entries) as tar:
                await making
                await containers.put(spec.name, tar, plan.APP_DIR)
        finally:
            making.cancel()  # it outlives neither a tree that is refused nor a deployment that is cancelled
        if command:
            self.log.system(f"$ {command}")
            await containers.start(spec.name)
            exit = await containers.run(
                spec.name,
                plan.shell(command),
                environment=variables,
                on_output=self.log.write,
                working_dir=plan.APP_DIR,
            )
            self._check(step, command, exit, complete=len(entries) == len(tree.entries), memory=spec.limits.memory_mb)
        await containers.commit(spec.name, name=name, labels=plan.labels(self.deployment, step))

    def _check(self, step: str, command: str, exit: Exit, *, complete: bool, memory: int) -> None:
        if exit.code == 0:
            return
        reason = plan.command_failed(step, command, exit, memory, self.log.tail(TAIL))
        if complete or exit.oom_killed:
            raise reason
        raise NeedsMore(reason)


class NeedsMore(Exception):
    """Installing failed while it saw the dependency files only."""

    def __init__(self, reason: DeployFailed) -> None:
        super().__init__(str(reason))
        self.reason = reason
