"""A browser window on the dashboard that notices everything a page may not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Page, TimeoutError, WebError

HERE = Path(__file__).resolve().parent
ARTEFACTS = HERE / "artefacts"
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
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

    # Looking

    async def look(self, name: str, *, whole: bool = True) -> None:
        """A picture of the page as it is, wide and narrow, light and dark; and what is wrong with it."""
        for theme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            for size in (NARROW, WIDE):
                await self.page.set_viewport_size(size)  # type: ignore[arg-type]
                await self._examine(f"{name}-{size['width']}-{theme}", whole)
        await self.page.emulate_media(color_scheme="light", reduced_motion="reduce")

    async def _examine(self, name: str, whole: bool) -> None:
        await self._picture(name, whole)
        root = "document.documentElement"
        if wide := await self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"):
            self.faults.append(f"{name} scrolls sideways by {wide} px")
        if not name.endswith("390-dark"):  # its colours are those of the wide one, its shapes those of the light one
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
