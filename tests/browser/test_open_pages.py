"""Pages that stand open: how they outlive the process, and how we know what they may not do."""

import re
from pathlib import Path

import pytest
from playwright.async_api import StorageState, expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window
from tests.life.platform import Platform, repository

pytestmark = [pytest.mark.integration, pytest.mark.browser]

SITE: dict[str, str | bytes] = {"index.html": "<h1>A small site</h1>\n"}


async def test_an_open_page_goes_on_after_a_restart(
    open_window: OpenWindow, operator: StorageState, platform: Platform, tmp_path: Path
) -> None:
    origin = repository(tmp_path, "patience", SITE)
    await platform.live(origin.path)
    overview, logs = await open_window(operator), await open_window(operator)
    for window, tab in ((overview, ""), (logs, "/logs")):
        await window.open(f"/projects/patience{tab}")
        await window.page.evaluate("window.loaded = 'once'")
    with overview.forgiving("net::ERR", "status of 503"), logs.forgiving("net::ERR", "status of 503"):
        assert await platform.stop() == 0
        await platform.start()
        origin.commit({"index.html": "<h1>Another</h1>\n"}, message="After the restart")
        await platform.live(origin.path)
        await expect(overview.page.locator(".row")).to_have_count(2)
        await expect(overview.page.locator(".row").first).to_contain_text("After the restart")
        await expect(overview.page.locator(".row").first.locator(".status")).to_have_text("Succeeded")
        await expect(overview.page.locator(".environment")).to_contain_text("After the restart")
        await platform.get("patience.localhost", "/?seen=live")
        await expect(logs.page.get_by_role("log").get_by_text(re.compile("seen=live"))).to_be_visible()
    for window in (overview, logs):
        assert await window.page.evaluate("window.loaded") == "once"


async def test_a_window_sees_what_a_page_may_not_do(window: Window) -> None:
    """So that all the others may trust it."""
    await window.open("/")
    spoil = """
      const script = document.createElement("script")
      script.textContent = "alert('policy')"
      document.body.append(script)
      const image = document.createElement("img")
      image.src = document.body.dataset.favicon
      image.style.minWidth = "2000px"
      document.querySelector("main").append(image)
      setTimeout(() => { throw new Error("a slip") })
    """
    await window.page.evaluate(f"(() => {{ {spoil} }})()")
    await window.look("spoilt")
    seen = "\n".join(window.faults)
    for fault in ("script-src", "a slip", "scrolls sideways", "critical: Images must have alternative text"):
        assert fault in seen, seen
    window.faults.clear()
