"""What somebody does on the first day: from the sign-in link to a live site, its changes, its mishaps, its end."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PATIENCE, Mailbox, OpenWindow
from tests.browser.window import Window
from tests.life.platform import Platform, repository

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.slow]
expect.set_options(timeout=PATIENCE)

SLOW_BUILD = 'for n in 1 2 3 4 5 6 7 8; do echo "laying brick $n"; sleep 0.4; done'
SITE: dict[str, str | bytes] = {"index.html": "<h1>A small site</h1>\n"}


async def test_a_newcomers_journey(open_window: OpenWindow, mailbox: Mailbox) -> None:
    window = await open_window()
    await arrive(window, mailbox)
    await choose_an_example(window)
    first = await watch_it_become_live(window)
    await visit(window)
    await change_settings(window)
    await give_variables(window)
    await make_an_environment(window)
    second = await redeploy(window)
    await roll_back(window, first, second)
    await read_logs(window)
    await look_around(window)
    await delete(window)
    await leave(window)


async def arrive(window: Window, mailbox: Mailbox) -> None:
    page = window.page
    await window.open("/")
    await page.get_by_label("E-mail address").fill("newcomer@example.com")
    await page.get_by_role("button", name="E-mail me a sign-in link").click()
    await expect(page.get_by_text("Look at your mail")).to_be_visible()
    await window.look("link-sent")
    await window.open(await mailbox.link())
    await window.look("link")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("No projects yet")).to_be_visible()
    await window.look("team-empty")
    await page.get_by_role("link", name="Projects", exact=True).click()
    await expect(page.get_by_text("No projects yet")).to_be_visible()
    await window.look("projects-empty")


async def choose_an_example(window: Window) -> None:
    page = window.page
    await page.get_by_role("link", name="New project").first.click()
    await window.look("new-project")
    with window.forgiving("status of 422"):
        await page.get_by_label("Repository URL").fill("https://127.0.0.1/a.git")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await expect(page.get_by_label("Repository URL")).to_have_value("https://127.0.0.1/a.git")
        await window.look("new-project-refused")
    await page.get_by_role("button", name="Static site").click()
    await expect(page.get_by_role("heading", name="Configure")).to_be_visible()
    await expect(page.get_by_label("Preset")).to_have_value("static")
    await page.get_by_label("Name").fill("First steps")
    await page.get_by_text("Commands", exact=True).click()
    await page.get_by_label("Build command").fill(SLOW_BUILD)
    await window.look("configure")
    await page.get_by_role("button", name="Deploy").click()


async def watch_it_become_live(window: Window) -> str:
    """Status and log change by themselves. Returns the deployment's short id."""
    page = window.page
    header, log = page.locator("#deployment-header"), page.get_by_role("log")
    await expect(header.get_by_role("status")).to_have_text("Building")
    await page.evaluate("window.loaded = 'once'")
    await expect(log.get_by_text("laying brick 2", exact=True)).to_be_visible()
    await expect(header.get_by_role("status")).to_have_text("Building")
    assert re.match("Building · ", await page.title())
    await expect(header.get_by_role("status")).to_have_text("Succeeded")
    await expect(header.get_by_text("Current")).to_be_visible()
    assert re.match("Succeeded · ", await page.title())
    assert await page.evaluate("window.loaded") == "once"
    await window.look("deployment-succeeded")
    return await short_id(page)


async def short_id(page: Page) -> str:
    return (await page.locator(".crumbs [aria-current=page]").inner_text()).strip()


async def visit(window: Window) -> None:
    async with window.context.expect_page() as opened:
        await window.page.get_by_role("link", name="Visit").click()
    app = await opened.value
    await expect(app).to_have_url(re.compile(r"^http://first-steps\.localhost:\d+/$"))
    await expect(app.get_by_role("heading").first).to_be_visible()
    await app.close()


async def change_settings(window: Window) -> None:
    page = window.page
    await page.get_by_role("link", name="Settings").click()
    build = page.locator("#settings-build")
    save = build.get_by_role("button", name="Save")
    await expect(save).to_be_disabled()
    await build.get_by_label("Root directory").fill("../outside")
    with window.forgiving("status of 422"):
        await save.click()
        await expect(build.get_by_role("alert")).to_be_visible()
    await expect(build.get_by_label("Root directory")).to_have_value("../outside")
    await expect(build.get_by_label("Root directory")).to_have_attribute("aria-invalid", "true")
    await window.look("settings-refused")
    await build.get_by_label("Root directory").fill("")
    await build.get_by_label("Build command").fill('echo "another build"')
    await save.click()
    await expect(build.get_by_text("Saved")).to_be_visible()
    await expect(build.get_by_text("Production runs without these settings yet")).to_be_visible()
    await expect(build.get_by_role("button", name="Redeploy")).to_be_visible()
    await page.reload()
    await expect(build.get_by_label("Build command")).to_have_value('echo "another build"')


async def give_variables(window: Window) -> None:
    card = window.page.locator("#settings-variables")
    await card.get_by_label("Key").fill("GREETING")
    await card.get_by_label("Value", exact=True).fill("hello & good-bye")
    await card.get_by_role("button", name="Save variable").click()
    await expect(card.get_by_role("button", name="Show the value of GREETING")).to_be_visible()
    await expect(card.get_by_text("hello & good-bye")).to_have_count(0)
    await card.get_by_role("button", name="Show the value of GREETING").click()
    await expect(card.get_by_text("hello & good-bye")).to_be_visible()
    await card.get_by_text("Paste a .env file").click()
    dotenv, look = card.get_by_label("Contents"), card.get_by_role("button", name="See what changes").first
    with window.forgiving("status of 422"):
        await dotenv.fill("COLOUR=green\nnot a variable\n")
        await look.click()
        await expect(card.get_by_role("alert")).to_contain_text("line 2", ignore_case=True)
    await dotenv.fill("COLOUR=green\nSHAPE='round'\n")
    await look.click()
    await expect(card.get_by_text("Added COLOUR, SHAPE")).to_be_visible()
    await card.get_by_role("button", name="Save these changes").click()
    await expect(card.get_by_role("button", name="Show the value of SHAPE")).to_be_visible()
    await card.get_by_text("Edit all as text").click()
    await expect(card.get_by_label("Variables", exact=True).last).to_have_value(
        "COLOUR=green\nGREETING='hello & good-bye'\nSHAPE=round\n"
    )
    await expect(card.get_by_text("GREETING added")).to_be_visible()
    await window.look("settings")


async def make_an_environment(window: Window) -> None:
    card = window.page.locator("#settings-environments")
    await expect(card.get_by_text("Production").last).to_be_visible()
    await card.get_by_text("Add an environment").click()
    form = card.locator("#new-environment")
    await form.get_by_label("Name").fill("Preview")
    await form.get_by_label("Branch pattern").fill("*")
    await expect(form.get_by_text("Takes none of the branches that are known now.")).to_be_visible()
    await form.get_by_role("button", name="Add environment").click()
    await expect(card.get_by_text("first-steps-env-preview.localhost", exact=True)).to_be_visible()
    await window.look("settings-environments")


async def redeploy(window: Window) -> str:
    page = window.page
    await page.get_by_role("link", name="Overview").click()
    await page.get_by_role("button", name="Redeploy").first.click()
    await expect(page.locator("#deployment-header").get_by_role("status")).to_have_text("Succeeded")
    await expect(page.get_by_role("log").get_by_text("another build", exact=True)).to_be_visible()
    return await short_id(page)


async def roll_back(window: Window, first: str, second: str) -> None:
    page = window.page
    await page.get_by_role("link", name="Overview").click()
    card = page.locator(".environment.large")
    await expect(card).to_contain_text(second)
    await window.look("project")
    await card.get_by_role("link", name="Roll back").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(f"Roll Production back to {first}?")
    for change in ("GREETING", "COLOUR", "Build command"):
        await expect(dialog).to_contain_text(change)
    await window.look("roll-back", whole=False)
    await dialog.get_by_role("button", name="Roll back").click()
    await expect(page.locator(".toast")).to_contain_text(f"Rolled back to {first}. Production now runs")
    await expect(card).to_contain_text(first)
    await expect(card).not_to_contain_text(second)


async def read_logs(window: Window) -> None:
    page = window.page
    async with page.expect_request(re.compile(r"/logs/stream\?after=\d+")):  # what the page has doesn't come again
        await page.get_by_role("link", name="Logs").click()
    log = page.get_by_role("log")
    await page.evaluate("window.loaded = 'once'")
    app = await window.context.new_page()
    await app.goto(f"{await site(window)}about?live")
    await app.close()
    await expect(log.get_by_text("/about?live")).to_be_visible()
    assert await page.evaluate("window.loaded") == "once"
    await window.look("logs")
    await page.get_by_label("Text").fill("ABOUT?live")
    await page.get_by_role("button", name="Search").click()
    await expect(page).to_have_url(re.compile("q=ABOUT"))
    await expect(log.locator(".line")).to_have_count(1)
    await page.get_by_label("Text").fill("nobody ever wrote this")
    await page.get_by_label("Text").press("Enter")
    await expect(page.get_by_text("No line fits.")).to_be_visible()
    await window.look("logs-nothing")


async def site(window: Window) -> str:
    """The project's address."""
    answer = await window.context.request.get(window.address + "/projects/first-steps")
    found = re.search(r'href="(http://first-steps\.localhost:\d+)"', await answer.text())
    assert found
    return found[1] + "/"


async def look_around(window: Window) -> None:
    page = window.page
    await page.get_by_role("link", name="Deployments").click()
    await expect(page.locator(".row")).to_have_count(2)
    await window.look("deployments")
    await page.get_by_label("Status").select_option("failed")
    await expect(page.get_by_text("No deployment fits these filters")).to_be_visible()
    await page.get_by_role("button", name="Switch project").click()
    await expect(page.get_by_role("link", name="First steps").last).to_be_visible()
    await page.keyboard.press("Escape")
    await window.open("/")
    await expect(page.locator(".tile")).to_contain_text("First steps")
    await window.look("team")
    await page.get_by_role("button", name="Account menu").click()
    await window.look("account-menu", whole=False)
    await page.get_by_role("link", name="Account").click()
    await expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    await window.look("account")


async def delete(window: Window) -> None:
    page = window.page
    await window.open("/projects/first-steps/settings")
    card = page.locator("#settings-danger")
    button = card.get_by_role("button", name="Delete project")
    await expect(button).to_be_disabled()
    await card.get_by_role("textbox").press_sequentially("first-step")
    await expect(button).to_be_disabled()
    await card.get_by_role("textbox").press_sequentially("s")
    await button.click()
    await expect(page.locator(".toast")).to_contain_text("First steps is deleted.")
    await expect(page.get_by_text("No projects yet")).to_be_visible()


async def leave(window: Window) -> None:
    page = window.page
    await page.get_by_role("button", name="Account menu").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await window.look("sign-in")
    await window.open("/account")
    await expect(page).to_have_url(re.compile("/auth/sign-in"))


# What goes wrong


async def test_a_deployment_is_cancelled_and_another_fails(window: Window, platform: Platform, tmp_path: Path) -> None:
    await platform.live(repository(tmp_path, "mishaps", SITE).path)
    page = window.page
    header = page.locator("#deployment-header")
    await build_with(window, "echo digging; sleep 60")
    await expect(page.get_by_role("log").get_by_text("digging", exact=True)).to_be_visible()
    await window.look("deployment-building")
    await header.get_by_role("button", name="Cancel").click()
    await expect(header.get_by_role("status")).to_have_text("Cancelled")
    await expect(page.locator(".toast")).to_contain_text("is cancelled")
    await window.look("deployment-cancelled")

    await build_with(window, "echo all is well; echo the roof leaks >&2; exit 3")
    await expect(header.get_by_role("status")).to_have_text("Failed")
    reason = page.locator("#deployment-timeline").get_by_role("alert")
    await expect(reason).to_contain_text("The build failed")
    await expect(reason).to_contain_text("code 3")
    await expect(reason.locator("pre")).to_contain_text("the roof leaks")
    await expect(page.get_by_role("log").get_by_text("the roof leaks", exact=True)).to_have_count(1)
    await window.look("deployment-failed")

    await page.get_by_role("link", name="Overview").click()
    await expect(page.locator(".environment")).to_contain_text("Failed")
    await window.look("project-failed")
    assert (await platform.get("mishaps.localhost")).status == 200, "what served goes on serving"


async def build_with(window: Window, command: str) -> None:
    """Change the build command of mishaps, and redeploy from where that is offered."""
    page = window.page
    await window.open("/projects/mishaps/settings")
    card = page.locator("#settings-build")
    await card.get_by_label("Build command").fill(command)
    await card.get_by_role("button", name="Save").click()
    await card.get_by_role("button", name="Redeploy").click()
