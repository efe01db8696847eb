"""A browser window on the dashboard that notices everything a page may not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, TimeoutError, WebError

from tests.patience import until

HERE = Path(__file__).resolve().parent
ARTEFACTS = HERE / "artefacts"
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
Theme = Literal["light", "dark"]
LOOKED_INTO: tuple[tuple[Theme, dict[str, int]], ...] = (("light", NARROW), ("dark", WIDE))
"""What axe is asked about, which takes its time."""
GRAVE = ("serious", "critical")
"""What axe calls a fault that shuts somebody out."""

WATCHER = """
  document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`The policy forbids ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`))
  window.shifts = 0
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifts += shift.value
  }).observe({ type: "layout-shift", buffered: true })
"""


@dataclass
class Window:
    """One browser context with one page in front. `faults` must be empty in the end."""

    context: BrowserContext
    address: str
    page: Page
    faults: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=lambda: ["net::ERR_NETWORK_CHANGED"])
    """Containers' networks that come and go on the same machine make Chromium drop its connections."""

    @classmethod
    async def on(cls, context: BrowserContext, address: str) -> "Window":
        await context.add_init_script(WATCHER)
        window = cls(context, address, await context.new_page())
        context.on("console", window._heard)
        context.on("weberror", window._broke)
        return window

    async def open(self, path: str) -> None:
        await self.page.goto(path if "://" in path else self.address + path)

    @contextmanager
    def forgiving(self, *words: str) -> Iterator[None]:
        """The browser calls a refused form or a lost connection an error: here it is meant to happen."""
        self.forgiven += words
        yield
        del self.forgiven[-len(words) :]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.page and not message.page.url.startswith(self.address):
            return  # the page of somebody else, where one signs in or gives permission
        if message.type == "error" and not any(words in message.text for words in self.forgiven):
            self.faults.append(f"{message.page.url if message.page else '?'} says: {message.text}")

    def _broke(self, error: WebError) -> None:
        self.faults.append(f"{error.page.url if error.page else '?'} broke: {error.error}")

    async def loaded(self, path: str) -> dict[str, int]:
        """Open it for the first time: what comes over the wire, compressed, until nothing more is asked for."""
        wire = await self.context.new_cdp_session(self.page)
        sizes: dict[str, int] = {}
        names: dict[str, str] = {}
        waiting: set[str] = set()

        def asked(event: dict[str, Any]) -> None:
            if event["type"] != "EventSource":  # which tells what comes after
                waiting.add(event["requestId"])

        def began(event: dict[str, Any]) -> None:
            if event["type"] == "EventSource":
                return
            names[event["requestId"]] = urlsplit(event["response"]["url"]).path
            sizes[event["requestId"]] = -int(event["response"]["encodedDataLength"])  # that is what its headers took

        def ended(event: dict[str, Any]) -> None:
            if event["requestId"] in sizes:
                sizes[event["requestId"]] += int(event["encodedDataLength"])
            waiting.discard(event["requestId"])

        wire.on("Network.requestWillBeSent", asked)
        wire.on("Network.responseReceived", began)
        wire.on("Network.loadingFinished", ended)
        wire.on("Network.loadingFailed", lambda event: waiting.discard(event["requestId"]))
        await wire.send("Network.enable")
        await wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
        await self.open(path)
        await self.page.wait_for_timeout(150)  # whatever would still move, or be fetched, does it now
        await until(lambda: not waiting)
        await wire.detach()
        return {names[id]: size for id, size in sizes.items() if size > 0}

    # Looking

    async def look(self, name: str, *, whole: bool = True) -> None:
        """A picture of the page as it is, wide and narrow, light and dark; and what is wrong with it."""
        for theme in ("light", "dark"):
            for size in (NARROW, WIDE):
                await self._examine(name, theme, size, whole)
        await self.page.emulate_media(color_scheme="light", reduced_motion="reduce")

    async def glance(self, name: str) -> None:
        """The same with two pictures, which between them have every shape and every colour."""
        for theme, size in LOOKED_INTO:
            await self._examine(name, theme, size, whole=True)
        await self.page.emulate_media(color_scheme="light", reduced_motion="reduce")

    async def _examine(self, name: str, theme: Theme, size: dict[str, int], whole: bool) -> None:
        await self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await self.page.set_viewport_size(size)  # type: ignore[arg-type]
        looked_into, name = (theme, size) in LOOKED_INTO, f"{name}-{size['width']}-{theme}"
        await self._picture(name, whole)
        root = "document.documentElement"
        if wide := await self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"):
            self.faults.append(f"{name} scrolls sideways by {wide} px")
        if looked_into:
            self.faults += [f"{name}: {fault}" for fault in await self._stumbling_blocks()]

    async def _picture(self, name: str, whole: bool) -> None:
        """Headless on a busy machine, Chromium now and then waits for a frame that never comes: then once more."""
        ARTEFACTS.mkdir(exist_ok=True)
        shot = partial(self.page.screenshot, path=ARTEFACTS / f"{name}.png", full_page=whole, animations="disabled")
        try:
            await shot(timeout=8_000)
        except TimeoutError:
            await shot(timeout=30_000)

    async def _stumbling_blocks(self) -> list[str]:
        if not await self.page.evaluate("Boolean(window.axe)"):
            await self.page.evaluate(axe())
        found = await self.page.evaluate("axe.run({ resultTypes: ['violations'] })")
        return [_told(one) for one in found["violations"] if one["impact"] in GRAVE]


def _told(violation: dict[str, Any]) -> str:
    places = "; ".join(f"{node['html'][:160]} ({node['failureSummary']})" for node in violation["nodes"][:3])
    return f"{violation['impact']}: {violation['help']}: {places}"


@cache
def axe() -> str:
    return (HERE / "vendor" / "axe.min.js").read_text()
