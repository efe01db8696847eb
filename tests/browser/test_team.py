"""What a team does on its first day: the GitHub App made, signed in three ways, a repository picked, a push live and
told to GitHub, somebody invited, and what they may do changed while they look."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE, Mailbox, OpenWindow, windows
from tests.browser.window import Window
from tests.emulate import GOOGLE_CLIENT, Emulate, running
from tests.github_server import GitHubServer, Served, send_webhook
from tests.gitserver import GitServer, Origin
from tests.life.platform import Platform, own_platform, until

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.slow]
expect.set_options(timeout=PATIENCE)

SITE: dict[str, str | bytes] = {"index.html": "<h1>The first version</h1>\n"}


@dataclass
class Hub:
    """A platform with a GitHub, a Google, a mail server and a private repository beside it."""

    platform: Platform
    github: GitHubServer
    origin: Origin
    shop: Served
    git: GitServer
    mailbox: Mailbox
    open_window: OpenWindow

    async def push(self, files: dict[str, str | bytes], message: str) -> str:
        """Somebody pushes to main, and GitHub tells."""
        before = self.origin.git("rev-parse", "main")
        sha = self.origin.commit(files, message=message)
        payload = self.github.push_payload(self.shop, sha, message=message, before=before, modified=["index.html"])
        hook = f"http://localhost:{self.platform.port}/api/github/webhook"
        status, said = await send_webhook(hook, self.github.app.webhook_secret, "push", payload)
        assert status == 202, said
        return sha


@pytest.fixture
async def hub(browser: Browser, mailbox: Mailbox, mail_port: int, tmp_path: Path) -> AsyncIterator[Hub]:
    origin = Origin.make(tmp_path / "git" / "acme" / "shop.git")
    origin.commit({**SITE, "README.md": "A shop"}, message="Begin")
    git = GitServer(tmp_path / "git", tmp_path / "ca.pem")
    with running() as emulate, GitHubServer(emulate).serving() as github, git.serving():
        clone_url = git.url("acme/shop.git")
        shop = github.have_repository(
            "acme/shop", pushers=["alice"], private=True, origin=origin.path, clone_url=clone_url
        )
        git.accepts = github.issued.__contains__
        github.have_repository("acme/handbook", readers=["alice"])
        github.installed.clear()
        async with (
            own_platform(**settings(emulate, github, git, mail_port)) as platform,
            windows(browser, platform) as open_window,
        ):
            yield Hub(platform, github, origin, shop, git, mailbox, open_window)


def settings(emulate: Emulate, github: GitHubServer, git: GitServer, mail_port: int) -> dict[str, str]:
    """Of a server that has no GitHub App yet."""
    return {
        "GITHUB_URL": github.url,
        "GITHUB_API_URL": github.url,
        "GOOGLE_ISSUER": emulate.google,
        "GOOGLE_CLIENT_ID": GOOGLE_CLIENT[0],
        "GOOGLE_CLIENT_SECRET": GOOGLE_CLIENT[1],
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail_port),
        "EMAIL_SENDER_ADDRESS": "devpush@localhost",
        "GIT_SSL_CAINFO": str(git.ca),
    }


async def test_a_teams_first_day(hub: Hub) -> None:
    await make_the_app(hub)
    alice = await sign_in_with_github(hub)
    await pick_a_repository(hub, alice)
    await push_and_watch(hub, alice)
    bob = await invite(hub, alice)
    await change_what_bob_may_do(alice, bob)
    await take_bob_off(alice, bob)


async def make_the_app(hub: Hub) -> None:
    """Two clicks: ours, and GitHub's."""
    operator = await hub.open_window()
    page = operator.page
    await operator.open((await hub.platform.command("sign-in-link")).last)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Account menu").click()
    await page.get_by_role("link", name="Server").click()
    await page.get_by_role("link", name="Sign-in and GitHub").click()
    await operator.look("server-no-app")
    await page.get_by_role("button", name="Create GitHub App").click()
    await operator.look("server-manifest")
    await page.get_by_role("button", name="Continue to GitHub").click()
    await page.get_by_role("button", name="Create GitHub App for").click()
    await expect(page.locator("#operator-github").get_by_text("Installed")).to_be_visible()
    await operator.look("server-app")
    manifest = hub.github.manifest
    home = f"http://localhost:{hub.platform.port}"
    assert set(manifest["callback_urls"]) == {f"{home}/auth/github/callback", f"{home}/api/github/authorize/callback"}
    assert manifest["setup_url"] == f"{home}/api/github/install/callback"
    assert {"contents": "read", "statuses": "write", "deployments": "write"}.items() <= manifest[
        "default_permissions"
    ].items()


async def sign_in_with_github(hub: Hub) -> Window:
    alice = await hub.open_window()
    page = alice.page
    await alice.open("/")
    await alice.look("sign-in-three-ways")
    await page.get_by_role("button", name="Continue with GitHub").click()
    await click_on_a_person(page, "alice")
    await page.wait_for_url("**/teams/*")
    await expect(page.get_by_text("No projects yet")).to_be_visible()
    return alice


async def click_on_a_person(page: Page, name: str) -> None:
    """On the page of emulate's GitHub or Google."""
    await page.get_by_role("button", name=re.compile(name, re.IGNORECASE)).first.click()


async def pick_a_repository(hub: Hub, alice: Window) -> None:
    page = alice.page
    await page.get_by_role("link", name="New project").first.click()
    await page.get_by_role("link", name="Install on GitHub").click()
    await page.get_by_role("button", name="Install on acme").click()
    await expect(page.get_by_role("button", name="Import acme/shop")).to_be_visible()
    await expect(page.get_by_text("handbook")).to_have_count(0)  # she may only read it
    await alice.look("new-project-picker")
    await page.get_by_role("button", name="Import acme/shop").click()
    await expect(page.get_by_role("heading", name="Configure")).to_be_visible()
    await expect(page.get_by_label("Preset")).to_have_value("static")
    await alice.look("configure-github")
    await page.get_by_role("button", name="Deploy").click()
    await expect(page.locator("#deployment-header").get_by_role("status")).to_have_text("Succeeded")
    assert await text_of(hub) == "The first version"


async def text_of(hub: Hub) -> str:
    answer = await hub.platform.get("shop.localhost")
    found = re.search("<h1>(.*)</h1>", answer.text)
    return found[1] if found else answer.text


async def push_and_watch(hub: Hub, alice: Window) -> None:
    """The page shows it by itself; GitHub hears of it and of the address."""
    page = alice.page
    await page.get_by_role("link", name="Overview", exact=True).click()
    await page.evaluate("window.loaded = 'once'")
    sha = await hub.push({"index.html": "<h1>The second version</h1>"}, "Say it better")
    row = page.locator("#deployment-list").get_by_role("listitem").filter(has_text="Say it better").first
    await expect(row.get_by_text("Succeeded")).to_be_visible()
    assert await page.evaluate("window.loaded") == "once"
    assert await text_of(hub) == "The second version"

    async def told() -> bool:
        statuses = [one for one in hub.github.statuses if one["sha"] == sha]
        live = [one for one in hub.github.deployment_statuses if one["state"] == "success"]
        return bool(
            statuses
            and statuses[-1]["state"] == "success"
            and live
            and live[-1]["environment_url"] == f"http://shop.localhost:{hub.platform.http_port}"
        )

    await until(told, "GitHub was not told that it is live")
    await page.get_by_role("link", name="Settings", exact=True).click()
    await alice.look("project-settings-github")
    await page.get_by_role("link", name="What came in lately").click()
    await expect(page.get_by_text("Say it better").first).to_be_visible()
    await alice.look("deliveries")


async def invite(hub: Hub, alice: Window) -> Window:
    """By mail; Bob signs in with Google and joins."""
    page = alice.page
    await page.locator(".crumbs").get_by_role("link", name="Alice", exact=True).click()
    await page.get_by_role("link", name="Settings", exact=True).click()
    members = page.locator("#settings-members")
    await members.get_by_label("Invite by e-mail").fill("bob@example.com")
    await members.get_by_role("button", name="Invite").click()
    await expect(members.get_by_text("bob@example.com")).to_be_visible()
    await alice.look("team-settings-invited")
    bob = await hub.open_window()
    await bob.open(await hub.mailbox.link("/invitations/"))
    await bob.page.get_by_role("button", name="Continue with Google").click()
    await click_on_a_person(bob.page, "bob")
    await expect(bob.page.get_by_role("button", name=re.compile("Join|Accept"))).to_be_visible()
    await bob.look("invitation")
    await bob.page.get_by_role("button", name=re.compile("Join|Accept")).click()
    await expect(bob.page.get_by_role("link", name="New project").first).to_be_visible()
    await expect(members.get_by_text("Bob", exact=True)).to_be_visible()
    return bob


async def change_what_bob_may_do(alice: Window, bob: Window) -> None:
    """His page follows while he looks at it."""
    await bob.page.get_by_role("link", name="Settings", exact=True).click()
    his = bob.page.locator("#settings-members")
    await expect(his.get_by_text("bob@example.com")).to_be_visible()
    await expect(his.get_by_label("Invite by e-mail")).to_have_count(0)
    await bob.look("team-settings-member")
    hers = alice.page.locator("#settings-members")
    role = hers.get_by_role("combobox", name=re.compile("Bob"))
    await role.select_option("admin")
    if await (change := hers.get_by_role("button", name=re.compile("Change|Save"))).first.is_visible():
        await change.first.click()
    await expect(his.get_by_label("Invite by e-mail")).to_be_visible()
    await alice.look("team-settings-members")


async def take_bob_off(alice: Window, bob: Window) -> None:
    """And within seconds his page is no longer there to be read."""
    page = alice.page
    await page.locator("#settings-members").get_by_role("button", name=re.compile("Remove")).first.click()
    if await (sure := page.get_by_role("dialog").get_by_role("button", name=re.compile("Remove"))).is_visible():
        await sure.click()
    with bob.forgiving("status of 404", "status of 403"):
        await expect(bob.page.locator("#settings-members")).to_have_count(0)
        await bob.look("taken-off-the-team")
