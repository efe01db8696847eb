"""Runner images: one a content, base image and version, made when it is first needed."""

from dataclasses import replace
from pathlib import Path

import pytest

from devpush.deploy import runners
from devpush.errors import DeployFailed
from devpush.settings import Settings, read
from tests.fakes import FakeContainers


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read({"DATA_DIR": str(tmp_path)})


@pytest.fixture
def engine() -> FakeContainers:
    engine = FakeContainers()
    engine.pullable = {image for runner in runners.runners().values() for image in runner.base_images.values()}
    return engine


async def image(settings: Settings, engine: FakeContainers, slug: str, version: str = "") -> str:
    return await runners.image(settings, engine, slug, version, lambda _: None)


async def test_a_version_has_an_image_of_its_own_which_is_built_once(
    settings: Settings, engine: FakeContainers
) -> None:
    newest, older = await image(settings, engine, "python"), await image(settings, engine, "python", "3.12")
    assert newest != older
    assert [build.arguments["BASE_IMAGE"] for build in engine.builds] == ["python:3.13-slim", "python:3.12-slim"]
    assert (await image(settings, engine, "python"), await image(settings, engine, "python", "3.12")) == (newest, older)
    assert len(engine.builds) == 2


async def test_the_servers_own_base_image_takes_the_place_of_every_version(
    settings: Settings, engine: FakeContainers
) -> None:
    engine.have_image("acme-base:1")
    closed = replace(settings, base_image="acme-base:1")
    made = await image(closed, engine, "python")
    assert await image(closed, engine, "python", "3.12") == made
    assert await image(settings, engine, "python") == made, "a later start without BASE_IMAGE goes on with it"


async def test_a_version_that_is_no_longer_offered_is_told(settings: Settings, engine: FakeContainers) -> None:
    with pytest.raises(DeployFailed, match=r"There is no Node\.js 18 here\. Choose one of 24, 22"):
        await image(settings, engine, "node", "18")


async def test_a_runner_is_made_of_what_it_borrows_too(settings: Settings, engine: FakeContainers) -> None:
    await image(settings, engine, "php")
    files = set(engine.builds[0].files)
    assert {"Dockerfile", "serve-php", "static/nginx.conf", "node/node-wheel.txt", "ca-bundle.crt"} <= files
    assert not [name for name in files if "example" in name or name in ("static/Dockerfile", "node/runner.toml")]


@pytest.mark.parametrize("slug", [slug for slug, runner in runners.runners().items() if not runner.own_dockerfile])
def test_caches_belong_to_the_user_of_the_image(slug: str) -> None:
    """They are made in the image: a new volume takes over their owner."""
    runner = runners.runner(slug)
    dockerfile = (runner.folder / "Dockerfile").read_text()
    assert all(path in dockerfile for path in runner.cache_paths)
