"""Charts: drawn by the server, drawn again by the browser, and they say what was where one points."""

from playwright.async_api import Browser, expect

from tests.browser.test_walk import HEAVIEST, address, house, pytestmark, signed_in
from tests.browser.window import Window
from tests.showroom import Showroom

__all__ = ["address", "house", "pytestmark"]


async def test_charts_say_what_was_where_one_points(house: Showroom, address: str, browser: Browser) -> None:
    context = await signed_in(browser, house, address)
    window = await Window.on(context, address)
    path = f"/projects/{house.project.slug}/metrics"
    assert sum((await window.loaded(path)).values()) <= HEAVIEST
    assert await window.page.evaluate("window.shifts") < 0.01
    charts = window.page.locator(".chart canvas")
    await expect(charts).to_have_count(6)
    words = window.page.locator("[data-chart=memory] [data-figure]")
    before = await words.text_content()
    assert before
    await window.page.locator(".u-over").first.hover(position={"x": 400, "y": 60})
    await expect(words).not_to_have_text(before)
    await window.page.mouse.move(0, 0)
    await expect(words).to_have_text(before)
    await window.page.emulate_media(color_scheme="dark")
    await expect(charts).to_have_count(6)
    await context.close()
    assert not window.faults


async def test_charts_are_there_without_javascript(house: Showroom, address: str, browser: Browser) -> None:
    state = await (await signed_in(browser, house, address)).storage_state()
    context = await browser.new_context(java_script_enabled=False, storage_state=state)
    page = await context.new_page()
    await page.goto(f"{address}/projects/{house.project.slug}/metrics?span=6h")
    await expect(page.locator(".chart path[data-tone=brand]")).to_have_count(5)
    await expect(page.locator("[data-chart=memory] [data-figure]")).to_contain_text("86 of 256 MB")
    await page.get_by_role("button", name="Show").click()
    await page.wait_for_url("**span=6h**")
    await context.close()
