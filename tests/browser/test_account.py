"""One's own account: its picture, the mails of a new address, the ways in, of which one stays, and its end."""

import re
from collections.abc import AsyncIterator
from io import BytesIO

import pytest
from PIL import Image
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.browser.conftest import PATIENCE, Mailbox, OpenWindow, windows
from tests.browser.window import Window
from tests.emulate import GOOGLE_CLIENT, running
from tests.life.platform import Platform, own_platform

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.slow]
expect.set_options(timeout=PATIENCE)

OLD, NEW = "ada@example.com", "ada@new.example.com"


@pytest.fixture(scope="module")
async def house(mailbox: Mailbox, mail_port: int) -> AsyncIterator[Platform]:
    """A platform beside a Google and a mail server; it has nothing to deploy."""
    with running() as emulate:
        settings = {
            "GOOGLE_ISSUER": emulate.google,
            "GOOGLE_CLIENT_ID": GOOGLE_CLIENT[0],
            "GOOGLE_CLIENT_SECRET": GOOGLE_CLIENT[1],
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mail_port),
            "EMAIL_SENDER_ADDRESS": "devpush@localhost",
        }
        async with own_platform(**settings) as platform:
            yield platform


@pytest.fixture
async def open_here(browser: Browser, house: Platform) -> AsyncIterator[OpenWindow]:
    async with windows(browser, house) as another:
        yield another


async def test_an_account_from_its_picture_to_its_end(open_here: OpenWindow, mailbox: Mailbox) -> None:
    window = await open_here()
    await sign_in_by_mail(window, mailbox, OLD)
    await window.open("/account")
    await give_a_picture(window)
    await change_the_names(window)
    await change_the_address(window, mailbox)
    await connect_google(window)
    await disconnect_google(window)
    await delete(window)
    await sign_in_by_mail(window, mailbox, NEW)
    await window.open("/account")
    await expect(window.page.get_by_label("Name", exact=True)).not_to_have_value("Ada Lovelace")


async def sign_in_by_mail(window: Window, mailbox: Mailbox, email: str) -> None:
    page = window.page
    await window.open("/")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="E-mail me a sign-in link").click()
    await expect(page.get_by_text("Look at your mail")).to_be_visible()
    await window.open(await mailbox.link())
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("No projects yet")).to_be_visible()


async def give_a_picture(window: Window) -> None:
    """One that is too large isn't sent; what is no picture is refused; both under the field."""
    page = window.page
    card = page.locator("#account-general")
    file = card.get_by_label(re.compile("picture"))
    await page.evaluate("window.loaded = 'once'")
    await file.set_input_files(picture(b"\x89PNG" + bytes(10 * 1024 * 1024)))
    await expect(card.get_by_role("alert")).to_have_text("That picture is too large: at most 10 MB.")
    assert await page.evaluate("window.loaded") == "once"
    with window.forgiving("status of 422"):
        await file.set_input_files(picture(b"Dear diary"))
        await expect(card.get_by_role("alert")).to_contain_text("no picture that can be read")
        await window.look("account-picture-refused")
    red = BytesIO()
    Image.new("RGB", (900, 600), "#c33").save(red, "PNG")
    await file.set_input_files(picture(red.getvalue()))
    await expect(page.locator(".toast")).to_contain_text("That is your picture now.")
    for place in (card, page.get_by_role("button", name="Account menu")):
        await expect(place.locator("img")).to_have_js_property("naturalWidth", 512)


def picture(content: bytes) -> FilePayload:
    return {"name": "me.png", "mimeType": "image/png", "buffer": content}


async def change_the_names(window: Window) -> None:
    card = window.page.locator("#account-general")
    username, save = card.get_by_label("User name"), card.get_by_role("button", name="Save")
    await expect(save).to_be_disabled()
    await card.get_by_label("Name", exact=True).fill("Ada Lovelace")
    await username.fill("Ada & Charles")
    with window.forgiving("status of 422"):
        await save.click()
        await expect(card.get_by_role("alert")).to_contain_text("small letters, digits and hyphens")
    await expect(username).to_have_value("Ada & Charles")
    await expect(card.get_by_label("Name", exact=True)).to_have_value("Ada Lovelace")
    await username.fill("ada-lovelace")
    await save.click()
    await expect(card.get_by_text("Saved")).to_be_visible()


async def change_the_address(window: Window, mailbox: Mailbox) -> None:
    """The new one gets a link, the old one a word of warning before, and of what has happened after."""
    page = window.page
    card = page.locator("#account-email")
    address, send = card.get_by_label(re.compile("address$")), card.get_by_role("button", name="Send link")
    await address.fill(OLD)
    with window.forgiving("status of 422"):
        await send.click()
        await expect(card.get_by_role("alert")).to_have_text("That is your address already.")
    await expect(address).to_have_value(OLD)
    await expect(address).to_be_in_viewport()
    await expect(address).to_be_focused()
    await address.fill(NEW)
    await send.click()
    await expect(card.get_by_text("waits to be confirmed")).to_be_visible()
    await window.look("account-address-waits")
    link = ""
    for mail in (await mailbox.get(), await mailbox.get()):
        body = mail.get_body(("plain",))
        assert body
        assert NEW in body.get_content()
        if mail["to"] == NEW:
            link = re.findall(r"http://\S+/account/email-change/\S+", body.get_content())[0]
        else:
            assert (mail["to"], "/email-change/" in body.get_content()) == (OLD, False)
    await window.open(link)
    await window.look("account-address-link")
    await page.get_by_role("button", name="Use this address").click()
    await expect(page.locator(".toast")).to_contain_text(f"Your address is {NEW} now.")
    told = await mailbox.get()
    assert told["to"] == OLD, "whoever had the old one learns of it"
    with window.forgiving("status of 410"):
        await window.open(link)
        await expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    await page.get_by_role("link", name="To your account").click()


async def connect_google(window: Window) -> None:
    """As somebody with another address there: the account stays hers."""
    page = window.page
    card = page.locator("#account-methods")
    await card.get_by_role("button", name="Connect").click()
    await click_on_a_person(page, "carol")
    await expect(page.locator(".toast")).to_contain_text("Google is connected, as carol@example.com.")
    await expect(card.get_by_text("carol@example.com")).to_be_visible()
    await window.look("account-google")


async def click_on_a_person(page: Page, name: str) -> None:
    await page.get_by_role("button", name=re.compile(name, re.IGNORECASE)).first.click()


async def disconnect_google(window: Window) -> None:
    card = window.page.locator("#account-methods")
    await card.get_by_role("button", name="Disconnect").click()
    await expect(card.get_by_text("Not connected")).to_be_visible()


async def delete(window: Window) -> None:
    page = window.page
    card = page.locator("#account-danger")
    word, button = card.get_by_role("textbox"), card.get_by_role("button", name="Delete account")
    await word.press_sequentially("ada-lovelac")
    await expect(button).to_be_disabled()
    await word.press_sequentially("e")
    await button.click()
    await expect(page.get_by_text("Your account is gone.")).to_be_visible()
    await window.look("account-gone")
    await window.open("/account")
    await expect(page).to_have_url(re.compile("/auth/sign-in"))


async def test_the_only_way_in_stays_until_there_is_another(
    open_here: OpenWindow, house: Platform, mailbox: Mailbox
) -> None:
    window = await open_here()
    page, card = window.page, window.page.locator("#account-methods")
    await window.open((await house.command("sign-in-link")).last)
    await page.get_by_role("button", name="Sign in").click()
    await window.open("/account")
    await card.get_by_role("button", name="Connect").click()
    await click_on_a_person(page, "alice")
    await expect(card.get_by_text("Your only way in")).to_be_visible()
    await expect(card.get_by_role("button", name="Disconnect")).to_be_disabled()
    await window.look("account-only-way-in")
    with window.forgiving("status of 422"):  # as if the page had been open since before
        await page.evaluate("document.querySelector('#account-methods [disabled]').disabled = false")
        await card.get_by_role("button", name="Disconnect").click()
        await expect(card.get_by_role("alert")).to_have_text(
            "This is the only way you can sign in. Add another one first."
        )
        await expect(card.get_by_role("alert")).to_be_in_viewport()
    await page.get_by_label("New address").fill("operator@example.com")
    await page.get_by_role("button", name="Send link").click()
    await window.open(await mailbox.link("/account/email-change/"))
    await page.get_by_role("button", name="Use this address").click()
    await disconnect_google(window)
