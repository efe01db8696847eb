"""Every page there is, in a real browser: light and dark, wide and narrow, what it weighs, and who can use it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from playwright.async_api import Browser, BrowserContext, expect

from devpush.models import Session, Team
from tests import cast
from tests.browser import markup
from tests.browser.window import WIDE, Window
from tests.conftest import free_port
from tests.fakes import FakeWorld
from tests.showroom import Showroom, showroom
from tests.visitor import Visitor

pytestmark = [pytest.mark.integration, pytest.mark.browser]

HEAVIEST = 60_000
"""Bytes of a first page over the wire, with all it needs."""
MOST_SHIFT = 0.05
NO_PAGES = ("assets.", "health.", "streams.", "avatars.", "oauth.")
ROWS = 2


@pytest.fixture
async def house(db: str, world: FakeWorld) -> Showroom:
    made = await showroom(world)
    await made.fill(ROWS)
    return made


@pytest.fixture
async def address(house: Showroom) -> AsyncIterator[str]:
    """Where it is served."""
    port, stopping = free_port(), asyncio.Event()
    house.app.extensions["stopping"] = stopping
    config = Config()
    config.bind, config.accesslog, config.errorlog = [f"127.0.0.1:{port}"], None, None
    server = asyncio.create_task(serve(house.app, config, shutdown_trigger=stopping.wait))
    yield f"http://localhost:{port}"
    stopping.set()
    await server


async def test_every_page_is_light_valid_and_for_everybody(house: Showroom, address: str, browser: Browser) -> None:
    pages = {**await of_the_url_map(house), **await others(house)}
    context = await signed_in(browser, house, address)
    window = await Window.on(context, address)
    with window.forgiving("status of 4"):
        for name, path in pages.items():
            window.faults += [f"{name}: {fault}" async for fault in walked(window, name, path)]
    await context.close()
    assert not window.faults, "\n".join(window.faults)


async def walked(window: Window, name: str, path: str) -> AsyncIterator[str]:
    """What is wrong with a page."""
    await window.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    parts = await window.loaded(path)
    if (weight := sum(parts.values())) > HEAVIEST:
        yield f"weighs {weight} bytes: {sorted(parts.items(), key=lambda part: -part[1])}"
    if (shift := await window.page.evaluate("window.shifts")) > MOST_SHIFT:
        yield f"shifts by {shift}"
    await window.glance(name)


async def of_the_url_map(house: Showroom) -> dict[str, str]:
    """Whatever answers a whole page."""
    visitor = await Visitor(house.app).signed_in(house.alice)
    return {
        endpoint: path
        for endpoint, path in house.pages()
        if not endpoint.startswith(NO_PAGES) and (await visitor.get(path)).text.startswith("<!doctype html>")
    }


async def others(house: Showroom) -> Mapping[str, str]:
    """Pages that look different by what there is to show."""
    project = f"/projects/{house.project.slug}"
    empty = await Team.found(house.alice, "Nothing yet")
    quiet = await cast.project(house.alice, name="Quiet", slug="quiet")
    return {
        **{f"deployment.{state}": f"{project}/deployments/{one.id}" for state, one in house.deployments.items()},
        "deployments.promotion": f"{project}/deployments/{house.deployments['staged'].id}/promotion",
        "deployments.filtered": f"{project}/deployments?status=failed&branch=main",
        "deployments.nothing": f"{project}/deployments?branch=nowhere",
        "logs.nothing": f"{project}/logs?q=nowhere",
        "project.quiet": f"/projects/{quiet.slug}",
        "project.quiet.logs": f"/projects/{quiet.slug}/logs",
        "search.nothing": "/search?q=zeppelin",
        "team.empty": f"/teams/{empty.slug}",
        "team.empty.projects": f"/teams/{empty.slug}/projects",
        "nothing-here": "/nowhere",
    }


async def signed_in(browser: Browser, house: Showroom, address: str, **more: bool) -> BrowserContext:
    context = await browser.new_context(viewport=WIDE, reduced_motion="reduce", **more)  # type: ignore[arg-type]
    token = await Session.begin(house.alice, ip="127.0.0.1", user_agent="Chromium")
    await context.add_cookies([{"name": "devpush_session", "value": token, "url": address}])
    return context


async def test_the_html_of_every_page_is_valid(house: Showroom) -> None:
    visitor = await Visitor(house.app).signed_in(house.alice)
    pages = {**await of_the_url_map(house), **await others(house)}
    wrong = [
        f"{name}: {fault}" for name, path in pages.items() for fault in markup.faults((await visitor.get(path)).text)
    ]
    assert not wrong, "\n".join(wrong)


async def test_without_scripts_every_page_can_be_read(house: Showroom, address: str, browser: Browser) -> None:
    context = await signed_in(browser, house, address, java_script_enabled=False)
    page = await context.new_page()
    project = f"{address}/projects/{house.project.slug}"
    for path, says in readable(house):
        await page.goto(project + path)
        main = await page.locator("main").inner_text()
        assert [words for words in says if words not in main] == [], f"{path}: {main}"
    await page.get_by_role("link", name="Search", exact=True).click()
    await page.get_by_role("main").get_by_role("searchbox").fill("shop")
    await page.keyboard.press("Enter")
    await page.get_by_role("main").get_by_role("link", name="Shop", exact=False).first.click()
    await context.close()


def readable(house: Showroom) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "", ("Production", "Fix totals when a coupon is removed")
    yield "/deployments", ("Succeeded", "Failed", "Skipped", "Building")
    yield f"/deployments/{house.deployments['failed'].id}", ("npm run build", "step 0: installed <b>flask</b>")
    yield "/logs", ("Error: 0 has no total",)
    yield "/settings", ("TOKEN", "Paste", "Delete")


async def test_the_palette_leads_anywhere_by_keyboard(house: Showroom, address: str, browser: Browser) -> None:
    context = await signed_in(browser, house, address)
    window = await Window.on(context, address)
    page = window.page
    await window.open(f"/projects/{house.project.slug}")
    await page.keyboard.press("Control+k")
    box = page.get_by_role("textbox", name="Find a team, project, deployment or page")
    await expect(box).to_be_focused()
    await expect(page.locator("#found").get_by_role("link", name="Metrics")).to_be_visible()
    await window.glance("palette")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#found").get_by_role("link", name="Deployments", exact=True)).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("bump dep")  # and Enter before the answer is there
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/deployments/{house.deployments['staged'].id}")
    await page.go_back()
    await expect(page.get_by_role("heading", name="Latest deployments")).to_be_visible()
    await context.close()
    assert not window.faults, "\n".join(window.faults)
