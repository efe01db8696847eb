"""Pages that stand open: how they arrive, what they weigh, and how they outlive the process."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import StorageState, expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window
from tests.life.platform import Platform, repository

pytestmark = [pytest.mark.integration, pytest.mark.browser]

HEAVIEST = 60_000
"""Bytes of a first page over the wire, with all it needs."""
LOG_VIEWER = 4_500
MOST_SHIFT = 0.05
SITE: dict[str, str | bytes] = {"index.html": "<h1>A small site</h1>\n"}


async def test_a_first_page_is_light_and_stands_still(
    open_window: OpenWindow, operator: StorageState, platform: Platform, tmp_path: Path
) -> None:
    app = await platform.live(repository(tmp_path, "featherweight", SITE).path)
    newest = (await platform.newest(app.project))["id"]
    with_log = [f"/projects/featherweight/deployments/{newest}", "/projects/featherweight/logs"]
    others = [f"/projects/featherweight{tab}" for tab in ("", "/deployments", "/settings")]
    for path in ("/auth/sign-in", "/", *others, *with_log):
        window = await open_window(None if path == "/auth/sign-in" else operator)
        weight = await weigh(window, path)
        assert weight <= HEAVIEST + (LOG_VIEWER if path in with_log else 0), f"{path} weighs {weight} bytes"
        shift = await window.page.evaluate("window.shifts")
        assert shift < MOST_SHIFT, f"{path} shifts by {shift}"


async def weigh(window: Window, path: str) -> int:
    """The compressed bodies that come over the wire until the page is loaded for the first time."""
    wire = await window.context.new_cdp_session(window.page)
    sizes: dict[str, int] = {}

    def began(event: dict[str, Any]) -> None:
        sizes[event["requestId"]] = -int(event["response"]["encodedDataLength"])  # that is what its headers took

    def ended(event: dict[str, Any]) -> None:
        sizes[event["requestId"]] += int(event["encodedDataLength"])

    wire.on("Network.responseReceived", began)
    wire.on("Network.loadingFinished", ended)
    await wire.send("Network.enable")
    await window.open(path)
    await window.page.wait_for_timeout(500)  # whatever would still move, or be fetched, does it now
    return sum(size for size in sizes.values() if size > 0)


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
