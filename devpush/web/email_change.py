"""Another e-mail address for one's account: it counts once a link that was sent there has been followed."""

import secrets
from datetime import timedelta

from quart import Blueprint, Response, current_app
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from devpush.errors import Forbidden, NotFound, Refused
from devpush.models import EmailChange, User
from devpush.models.people import hash_token, normal_email, now
from devpush.web import account, mails, methods, throttle
from devpush.web.activity import did
from devpush.web.auth import me, signed_in
from devpush.web.door import door
from devpush.web.forms import answer, flash, path_to, read_form, redirect_to, refusal, world

bp = Blueprint("email_change", __name__)

LIFE = timedelta(hours=1)
MOST_OFTEN = 5
"""Links within fifteen minutes, by one user."""


@bp.post("/account/email-change")
@signed_in
async def ask() -> Response:
    """The same answer whether or not somebody has that address: only its mailbox is told."""
    form = await read_form()
    try:
        email = normal_email(form.text("email", limit=320))
        await _refuse(email)
    except Refused as error:
        return await account.page(failed="email", form=form.values, errors=refusal(error), status=422)
    await _begin(me(), email)
    if methods.has_mailbox(me()):
        current_app.add_background_task(_send, me().email, "email_change_notice", {"new": email})
    return _told(email)


@bp.post("/account/email-change/resending")
@signed_in
async def resend() -> Response:
    """A new link; the one before no longer works."""
    change = await _pending(me())
    try:
        await _refuse(change.email)
    except Refused as error:
        return await account.page(failed="email", errors=refusal(error), status=422)
    await _begin(me(), change.email)
    return _told(change.email)


@bp.post("/account/email-change/removal")
@signed_in
async def cancel() -> Response:
    await EmailChange.filter(user_id=me().id).delete()
    flash("success", "Your address stays as it is.")
    return redirect_to("account.show", _anchor="account-email")


@bp.get("/account/email-change/<token>")
@signed_in
async def link(token: str) -> Response:
    """Only a button: mail scanners open links too. And only for who asked: nobody gets an address into an account of
    somebody else's by mailing them a link."""
    change = await _usable(token)
    if change is None:
        return answer("account/email_link_expired.html", status=410)
    return answer("account/email_link.html", email=change.email)


@bp.post("/account/email-change/<token>")
@signed_in
async def confirm(token: str) -> Response:
    change = await _usable(token)
    if change is None:
        return answer("account/email_link_expired.html", status=410)
    if not await door().access.allows(change.email):
        raise Forbidden(world().settings.access_email_denied_message)
    before = me().email
    try:
        async with in_transaction():
            if not await EmailChange.filter(id=change.id, token_hash=hash_token(token)).delete():
                return answer("account/email_link_expired.html", status=410)  # a rival was quicker
            await User.filter(id=me().id).update(email=change.email)
    except IntegrityError:
        await EmailChange.filter(id=change.id).delete()
        raise Refused(f"{change.email} belongs to another account. Yours keeps the address it has.") from None
    if methods.has_mailbox(me()):
        current_app.add_background_task(_send, before, "email_changed", {"new": change.email})
    await did("email.changed", change.email, before=before)
    flash("success", f"Your address is {change.email} now.")
    return redirect_to("account.show", _anchor="account-email")


async def _refuse(email: str) -> None:
    """What may be told to who asks. Who else has that address is not."""
    if not world().settings.mail_configured:
        raise Refused("This server can't send mail, so a new address can't be confirmed.", field="email")
    if email == me().email:
        raise Refused("That is your address already.", field="email")
    if not await door().access.allows(email):
        raise Refused(world().settings.access_email_denied_message, field="email")
    mine = throttle.allows("address changes", str(me().id), limit=MOST_OFTEN, per=900)
    if not (mine and door().addresses.allows(email)):
        raise Refused("That was too often. Please wait fifteen minutes.", field="email")


async def _begin(user: User, email: str) -> None:
    """A link, in place of the one before. Whether the address is free is found out after the answer: it takes the
    same time for each."""
    token = secrets.token_urlsafe(32)
    async with in_transaction():
        await User.filter(id=user.id).select_for_update(no_key=True).get()
        await EmailChange.filter(user_id=user.id).delete()
        await EmailChange.create(user_id=user.id, email=email, token_hash=hash_token(token), expires_at=now() + LIFE)
    current_app.add_background_task(_send_link, user.username, email, token)


async def _send_link(username: str, email: str, token: str) -> None:
    if await User.exists(email=email):
        await _send(email, "email_taken", {"username": username})
    else:
        url = world().settings.dashboard_url + path_to("email_change.link", token=token)
        await _send(email, "email_change", {"username": username, "url": url})


SUBJECTS = {
    "email_change": "Confirm your new address",
    "email_change_notice": "Your address is about to change",
    "email_changed": "Your address has changed",
    "email_taken": "This address has an account already",
}


async def _send(to: str, template: str, context: dict[str, str]) -> None:
    account_url = world().settings.dashboard_url + path_to("account.show")
    subject = f"{SUBJECTS[template]} · {world().settings.app_name}"
    await mails.send(to, subject, template, account_url=account_url, **context)


def _told(email: str) -> Response:
    flash("info", f"Look at the mail of {email}: there is a link to confirm it, good for an hour.")
    return redirect_to("account.show", _anchor="account-email")


async def _usable(token: str) -> EmailChange | None:
    return await EmailChange.filter(token_hash=hash_token(token), user_id=me().id, expires_at__gt=now()).first()


async def _pending(user: User) -> EmailChange:
    change = await EmailChange.filter(user_id=user.id).first()
    if change is None:
        raise NotFound
    return change
