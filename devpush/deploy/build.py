"""From source to image: install under the key of the dependency files, then build under the key of everything."""

import asyncio
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devpush.deploy import dockerfile, environment, plan, runners, source
from devpush.deploy.network import have_network
from devpush.deploy.plan import Names
from devpush.deploy.shipper import BuildLog
from devpush.deploy.source import Source
from devpush.errors import DeployFailed
from devpush.models import Deployment
from devpush.ports import ContainerSpec, Exit, Stream, TreeEntry, World

IGNORED = ".dockerignore"
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
        if self.runner.own_dockerfile:
            return await self._by_dockerfile()
        if not self.config["start"].strip():
            raise DeployFailed(
                "There is no start command. Say how the app starts under Settings → Build and deploy, "
                "or with a Procfile's web line."
            )
        tree, runner_image = await asyncio.gather(
            self._source(),
            runners.image(
                self.world.settings,
                self.world.containers,
                self.runner.slug,
                self.config.get("runner_version", ""),
                self.log.system,
            ),
        )
        variables = environment.building(self.deployment)
        key = plan.build_key(tree.tree, runner_image, self.config, variables)
        name = self.names.image(self.deployment.project, "app", key)
        if await self._is_there(name):
            return Built(name, key, reused=True)
        await have_network(self.world, self.deployment.project)
        base = await self._installed(runner_image, tree, variables)
        await self._built(base, name, tree, variables)
        return Built(name, key, reused=False)

    async def _source(self) -> Source:
        self.log.system(f"Fetching commit {self.deployment.commit_sha[:7]} of {self.deployment.branch}.")
        return await source.fetch(self.world, self.deployment)

    async def _is_there(self, image: str) -> bool:
        if not await self.world.containers.image(image):
            return False
        self.log.system("Nothing that goes into the image has changed: the earlier image is used again.")
        return True

    # By commands, in containers of the runner's image

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
        making = asyncio.create_task(self._make(spec, started=bool(command)))  # while the files are gathered
        try:
            async with source.archive(self.world, self.deployment, tree, entries) as tar:
                await making
                await containers.put(spec.name, tar, plan.APP_DIR)
        finally:
            making.cancel()  # it outlives neither a tree that is refused nor a deployment that is cancelled
        if command:
            self.log.system(f"$ {command}")
            exit = await containers.run(
                spec.name,
                plan.shell(command),
                environment=variables,
                on_output=self.log.write,
                working_dir=plan.APP_DIR,
            )
            self._check(step, command, exit, complete=len(entries) == len(tree.entries), memory=spec.limits.memory_mb)
        await containers.commit(spec.name, name=name, labels=plan.labels(self.deployment, step))

    async def _make(self, spec: ContainerSpec, *, started: bool) -> None:
        await self.world.containers.create(spec)
        if started:
            await self.world.containers.start(spec.name)

    def _check(self, step: str, command: str, exit: Exit, *, complete: bool, memory: int) -> None:
        if exit.code == 0:
            return
        reason = plan.command_failed(step, command, exit, memory, self.log.tail(TAIL))
        if complete or exit.oom_killed:
            raise reason
        raise NeedsMore(reason)

    # By the repository's own Dockerfile

    async def _by_dockerfile(self) -> Built:
        """The image its Dockerfile makes: on images that we have looked at, with the build arguments it declares."""
        await self._must_run_in_our_runtime()
        tree = await self._source()
        file = dockerfile.read(await self._read(tree, dockerfile.NAME))
        given = environment.building(self.deployment) | {"BASE_IMAGE": self.world.settings.base_image}
        arguments = {name: given[name] for name in sorted(file.arguments) if given.get(name)}
        ids = {name: await self._base(name) for name in file.images(arguments)}
        marks = {"devpush.installation": self.names.installation, plan.PROJECT: str(self.deployment.project.id)}
        written = file.written(arguments, ids, marks)
        key = plan.dockerfile_key(tree.tree, written, arguments)
        name = self.names.image(self.deployment.project, "app", key)
        if await self._is_there(name):
            return Built(name, key, reused=True)
        network = await have_network(self.world, self.deployment.project)
        names = {id: name for name, id in ids.items()}
        limits = plan.building(self.config)
        try:
            async with source.archive(self.world, self.deployment, tree, await self._context(tree)) as tar:
                await asyncio.to_thread(_put_in, tar, dockerfile.NAME, written)
                await self.world.containers.build_image(
                    tar,
                    name=name,
                    build_args=arguments,
                    labels=plan.labels(self.deployment, "app"),
                    on_output=lambda stream, line: self._tell(stream, dockerfile.told(line, names)),
                    limits=limits,
                    network=network,
                    timeout=self.world.settings.job_timeout,
                )
        except DeployFailed as failure:
            sentence = self.log.masked(dockerfile.told(str(failure), names) or "")
            disk_mb = self.world.settings.app_disk_mb * plan.BUILDS_WRITE
            raise plan.image_failed(sentence, limits.memory_mb, disk_mb, self.log.tail(TAIL)) from None
        return Built(name, key, reused=False)

    async def _must_run_in_our_runtime(self) -> None:
        """The classic builder can't be told which: it takes the engine's default."""
        wanted = self.world.settings.container_runtime
        if wanted and (await self.world.containers.about()).default_runtime != wanted:
            raise DeployFailed(
                f"Dockerfiles aren't built on this server: its apps run in {wanted} (CONTAINER_RUNTIME), and Docker "
                "builds in its default runtime, which is another. The operator can make it the default in Docker's "
                "daemon.json; or choose a runner under Settings → Build and deploy."
            )

    async def _read(self, tree: Source, path: str) -> bytes:
        """A file of the root directory. Raises DeployFailed if there is none."""
        where = "/".join(filter(None, (self.config["root_dir"], path)))
        if not any(entry.path == path and entry.mode.startswith("100") for entry in tree.entries):
            raise DeployFailed(f"There is no {where} in commit {self.deployment.commit_sha[:7]}.")
        read = self.world.git.read
        content = await read(tree.repository, self.deployment.commit_sha, where, limit=dockerfile.LONGEST)
        if content is None:
            raise DeployFailed(f"{where} is larger than {dockerfile.LONGEST // 1000} kB.")
        return content

    async def _base(self, name: str) -> str:
        """The id of an image to build on: the server's own base image, or one just fetched from its registry. An image
        that happens to be on this engine is somebody's; that it has the right name means nothing."""
        containers, settings = self.world.containers, self.world.settings
        where = name if name == settings.base_image else dockerfile.full_name(name, settings.image_registries)
        if where != settings.base_image:
            self.log.system(f"Fetching the image {name} …")
            if not await containers.pull(where, timeout=runners.PULL_TIMEOUT):
                raise DeployFailed(f"The image {name} can't be had from its registry. Is it public, and spelt right?")
        id = await containers.image(where)
        if not id:
            raise DeployFailed(f"The image {name} is not on this server.")
        if await containers.triggers(id):
            raise DeployFailed(
                f"The image {name} adds instructions of its own to the Dockerfile (ONBUILD), which isn't possible here."
            )
        return id

    async def _context(self, tree: Source) -> Sequence[TreeEntry]:
        """What COPY finds: the root directory, but for what .dockerignore leaves out."""
        others = [entry for entry in tree.entries if entry.path != dockerfile.NAME]
        if not any(entry.path == IGNORED for entry in others):
            return others
        text = (await self._read(tree, IGNORED)).decode(errors="replace")
        kept = set(await asyncio.to_thread(dockerfile.kept, [entry.path for entry in others], text))
        return [entry for entry in others if entry.path in kept]

    def _tell(self, stream: Stream, line: str | None) -> None:
        if line is not None:
            self.log.write(stream, line)


def _put_in(tar: Path, name: str, text: str) -> None:
    """Add a file to a tar file."""
    entry, data = tarfile.TarInfo(name), text.encode()
    entry.size = len(data)
    with tarfile.open(tar, "a") as archive:
        archive.addfile(entry, io.BytesIO(data))


class NeedsMore(Exception):
    """Installing failed while it saw the dependency files only."""

    def __init__(self, reason: DeployFailed) -> None:
        super().__init__(str(reason))
        self.reason = reason
