"""Ways in, ways out, and addresses that lead nowhere."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Mailbox, OpenWindow
from tests.browser.window import Window
from tests.life.platform import Platform

pytestmark = [pytest.mark.integration, pytest.mark.browser]

FOCUS_SHOWS = """
  const { outlineStyle, boxShadow } = getComputedStyle(document.activeElement)
  return outlineStyle !== "none" || boxShadow !== "none"
"""


async def test_by_keyboard_from_a_closed_door_to_a_new_project(open_window: OpenWindow, mailbox: Mailbox) -> None:
    window = await open_window()
    page = window.page
    await window.open("/teams/ada/new")
    await expect(page).to_have_url(re.compile("/auth/sign-in"))
    await expect(page.get_by_label("E-mail address")).to_be_focused()
    await page.keyboard.type("ada@example.com\n")
    await expect(page.get_by_text("Look at your mail")).to_be_visible()
    link = await mailbox.link()
    await window.open(link)
    await expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(window.address + "/teams/ada/new")

    await expect(page.get_by_label("Repository URL")).to_be_focused()
    await tab_to(page, "Access token", "Continue", "Static site")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Configure")).to_be_visible()
    await tab_to(page, "Skip to the content")
    await page.keyboard.press("Enter")
    await tab_to(page, "Choose another", "Name", "Production branch", "Preset", "Root directory", "Commands")
    await page.keyboard.press("Enter")
    await tab_to(page, "Install command", "Build command", "Start command", "Variables", "Deploy")

    with window.forgiving("status of 410"):
        await window.open(link)
        await expect(page.get_by_role("heading", name="This link no longer works")).to_be_visible()
        await window.look("link-used")


async def tab_to(page: Page, *names: str) -> None:
    """Each of these comes into focus by Tab, in this order, and shows it."""
    for name in names:
        for _ in range(12):
            await page.keyboard.press("Tab")
            assert await page.evaluate(f"(() => {{ {FOCUS_SHOWS} }})()"), (
                f"before {name} something has the focus unseen"
            )
            if name in await focused(page):
                break
        else:
            raise AssertionError(f"Tab does not lead to {name}, but to {await focused(page)}")


async def focused(page: Page) -> str:
    """The words on what has the focus, or on its label."""
    return str(
        await page.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"),
    )


async def test_an_app_that_is_not_there_has_a_friendly_page(window: Window, platform: Platform) -> None:
    page = window.page
    with window.forgiving("status of 404"):
        await window.open(f"http://nobody.localhost:{platform.http_port}/some/page")
        await expect(page.get_by_text("No deployment answers at nobody.localhost")).to_be_visible()
        await window.look("not-live")
        await page.get_by_role("link", name="Open it in the dashboard").click()
        await expect(page).to_have_url(re.compile(f":{platform.port}/hosts/nobody.localhost"))
        await expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()


async def test_a_mistyped_address_leads_back_to_the_overview(window: Window) -> None:
    page = window.page
    with window.forgiving("status of 404"):
        await window.open("/projects/nothing-of-the-kind")
        await expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
        await window.look("not-found")
    await page.get_by_role("link", name="Go to the overview").click()
    await expect(page).to_have_url(re.compile("/teams/"))


async def test_light_and_dark_are_a_choice_that_stays(window: Window) -> None:
    page = window.page
    dark = re.compile(r"\bdark\b")
    await window.open("/")
    await expect(page.locator("html")).not_to_have_class(dark)
    await page.get_by_role("button", name="Account menu").click()
    await page.get_by_role("button", name="Dark").click()
    await expect(page.locator("html")).to_have_class(dark)
    await page.reload()
    await expect(page.locator("html")).to_have_class(dark)
    await page.get_by_role("button", name="Account menu").click()
    await expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="System").click()
    await expect(page.locator("html")).not_to_have_class(dark)
    await page.emulate_media(color_scheme="dark")
    await expect(page.locator("html")).to_have_class(dark)
