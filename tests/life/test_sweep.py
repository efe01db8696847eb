"""A sweep on a real engine: what nobody needs goes, and what doesn't carry our label stays, whatever it is called."""

import tarfile
from pathlib import Path

import pytest

from devpush.adapters.docker import DockerContainers
from devpush.ports import ContainerSpec, Limits
from tests.life.platform import Platform, repository, until

pytestmark = pytest.mark.integration


async def test_a_sweep_takes_what_is_of_nobody_and_leaves_what_is_not_ours(platform: Platform, tmp_path: Path) -> None:
    site = await platform.live(repository(tmp_path, "swept").path)
    prefix = f"devpush-{platform.installation}-0123456789ab"
    ours = {"devpush.installation": platform.installation, "devpush.project": "00000000-0000-4000-8000-000000000000"}
    async with platform.engine() as containers:
        ask = containers.engine.ask
        try:
            for name, labels in ((f"{prefix}-foreign", {}), (f"{prefix}-orphan", ours)):
                await ask("volumes/create", "POST", body={"Name": name, "Labels": labels})
                await ask("networks/create", "POST", body={"Name": name, "Labels": labels, "Internal": True})
            shown = await platform.command("sweep", "--dry-run")
            assert f"{prefix}-orphan" in shown.out
            assert f"{prefix}-foreign" not in shown.out
            assert "would go" in shown.last
            assert await volumes(containers, prefix) == {f"{prefix}-foreign", f"{prefix}-orphan"}, "it was only shown"
            assert (await platform.command("sweep")).code == 0

            async def swept() -> bool:
                return await volumes(containers, prefix) == {f"{prefix}-foreign"}

            await until(swept, "The orphan is still there")
            assert {each["Name"] for each in await ask("networks") if each["Name"].startswith(prefix)} == {
                f"{prefix}-foreign"
            }
        finally:
            for name in (f"{prefix}-foreign", f"{prefix}-orphan"):
                await ask(f"volumes/{name}", "DELETE", allow=(404,))
                await ask(f"networks/{name}", "DELETE", allow=(404,))
        cache = await filled_cache(platform, containers, tmp_path)
        shown = await platform.command("sweep", "--dry-run")
        assert f"cache    {cache}  the caches of swept take 3.0 MB, and may take 1.0 MB" in shown.out
        assert cache in dict(await containers.volumes())
        assert (await platform.command("sweep")).code == 0
        assert cache not in dict(await containers.volumes())
    assert await site.says() == "one"


async def filled_cache(platform: Platform, containers: DockerContainers, folder: Path) -> str:
    """A build cache of the project, three times its budget."""
    [row] = await platform.sql("UPDATE project SET cache_mb = 1 WHERE slug = 'swept' RETURNING id")
    [running] = await containers.list({"devpush.project": str(row["id"])})
    cache, maker = (f"{containers.prefix}{row['id'].hex[:12]}-{kind}" for kind in ("cache", "maker"))
    with tarfile.open(folder / "cache.tar", "w") as tar:
        (folder / "wheel").write_bytes(bytes(3_000_000))
        tar.add(folder / "wheel", "wheel")
    spec = ContainerSpec(
        name=maker,
        image=running.image,
        labels={"devpush.project": str(row["id"])},
        limits=Limits(memory_mb=64, cpu_quota=100_000),
        network=f"{containers.prefix}{row['id'].hex[:12]}",
        caches={cache: "/home/app/.cache/pip"},
    )
    await containers.create(spec)
    await containers.put(maker, folder / "cache.tar", "/home/app/.cache/pip")
    await containers.remove(maker)
    return cache


async def volumes(containers: DockerContainers, prefix: str) -> set[str]:
    found = await containers.engine.ask("volumes")
    return {each["Name"] for each in found["Volumes"] or () if each["Name"].startswith(prefix)}
