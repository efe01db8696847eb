"""A package index of our own that sends what PyPI sends, and counts what is fetched from it.

pip keeps a file only if the server allows it; mirrors in closed networks often leave these headers out.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from secrets import token_hex

from aiohttp import web

from tests.bench.stage import Stage

FOR_EVER = {"Cache-Control": "max-age=365000000, immutable, public", "ETag": '"as it is"'}


@dataclass
class Index:
    """Serves a folder of wheels to containers."""

    folder: Path
    url: str = ""
    fetched: list[str] = field(default_factory=list)

    @property
    def variables(self) -> tuple[str, ...]:
        """Options for a deployment that installs from here."""
        host = self.url.removeprefix("http://")
        return "--var", f"PIP_INDEX_URL={self.url}/simple", "--var", f"PIP_TRUSTED_HOST={host}"

    def take(self) -> list[str]:
        """What was fetched since the last time."""
        fetched, self.fetched = self.fetched, []
        return fetched

    async def page(self, request: web.Request) -> web.Response:
        wanted = _plain(request.match_info["name"])
        names = [path.name for path in sorted(self.folder.iterdir()) if _plain(path.name.split("-")[0]) == wanted]
        links = "".join(f'<a href="/files/{name}">{name}</a>\n' for name in names)
        return web.Response(text=f"<!doctype html><html><body>{links}</body></html>", content_type="text/html")

    async def file(self, request: web.Request) -> web.FileResponse:
        name = request.match_info["name"]
        self.fetched.append(name)
        return web.FileResponse(self.folder / name, headers=FOR_EVER)


@asynccontextmanager
async def index(stage: Stage, requirements: list[str]) -> AsyncIterator[Index]:
    """One that has these packages and all they need, for the runner's Python; reachable from containers only."""
    folder = stage.platform.folder / "wheels"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    await _download(stage, requirements, folder)
    bridge = await stage.engine.engine.ask("networks/bridge")
    served = Index(folder)
    app = web.Application()
    app.add_routes([web.get("/simple/{name}/", served.page), web.get("/files/{name}", served.file)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        gateway = next(iter(IPv4Network(bridge["IPAM"]["Config"][0]["Subnet"]).hosts()))
        site = web.TCPSite(runner, str(gateway), 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        served.url = f"http://{host}:{port}"
        yield served
    finally:
        await runner.cleanup()


async def _download(stage: Stage, requirements: list[str], folder: Path) -> None:
    """With pip, in a container of the runner image."""
    name = stage.engine.prefix + "wheels-" + token_hex(3)
    body = {
        "Image": await stage.runner_image("python"),
        "Entrypoint": ["pip", "download", "--quiet", "--only-binary", ":all:", "--dest", "/wheels", *requirements],
        "Labels": stage.engine._labels({}),
        "HostConfig": {"Binds": [f"{folder}:/wheels"]},
    }
    ask = stage.engine.engine.ask
    await ask("containers/create", "POST", params={"name": name}, body=body)
    await ask(f"containers/{name}/start", "POST")
    ended = await stage.engine.wait(name)
    said = [line.text async for line in stage.engine.logs(name)]
    assert ended.code == 0, "\n".join(said)
    await stage.engine.remove(name)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
