"""The operator's page of how people come in: our GitHub App, how people sign in, and who may."""

import json
import re
from dataclasses import dataclass
from typing import Any

from quart import Blueprint, Response, request

from devpush.access import Rules
from devpush.deploy import github
from devpush.errors import Refused, Unavailable
from devpush.models import GitHubInstallation, Project
from devpush.models.names import slugify
from devpush.ports import App, GitHubRefused
from devpush.settings import Settings
from devpush.web import attempts, door
from devpush.web.activity import did
from devpush.web.attempts import Start
from devpush.web.auth import me, operator
from devpush.web.forms import answer, flash, path_to, read_form, redirect_to, refusal, world

bp = Blueprint("operator", __name__)

MANIFEST = "manifest"
LONGEST_NAME = 34
"""Of a GitHub App."""
EVENTS = ("push", "repository", "installation_target")
"""Those of installations and of taken-back permissions come by themselves, and are refused in a manifest."""
ORGANIZATION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Addresses:
    """Where GitHub and Google lead back to. From the settings, never from a request."""

    dashboard: str
    callbacks: tuple[str, str]
    setup: str
    webhook: str
    created: str
    google: str


@bp.get("/operator/sign-in")
@operator
async def show() -> Response:
    return await _page()


# The GitHub App


@bp.post("/operator/github/manifest")
@operator
async def manifest() -> Response:
    """What is asked of GitHub, once more in words, and the button that goes there. The state begins here."""
    form = await read_form()
    organization = form.text("organization", limit=100).removeprefix("@")
    try:
        await _none_yet()
        if organization and not ORGANIZATION.fullmatch(organization):
            raise Refused("An organization's name on GitHub has letters, digits and hyphens.", field="organization")
    except Refused as error:
        return await _page(form.values, refusal(error), failed="github", status=422)
    settings, start = world().settings, Start()
    asked = _manifest(settings, world().installation, public=form.text("public") == "yes")
    owner = f"organizations/{organization}/settings" if organization else "settings"
    page = answer(
        "operator/manifest.html",
        action=f"{settings.github_url}/{owner}/apps/new?state={start.state}",
        manifest=json.dumps(asked),
        name=asked["name"],
        owner=organization,
        permissions=github.PERMISSIONS.values(),
        hooked="hook_attributes" in asked,
    )
    return await attempts.begin(start, page, provider="github", purpose=MANIFEST, user=me())


@bp.get("/operator/github/created")
@operator
async def created() -> Response:
    """GitHub has made it, and gives its credentials for a code, once."""
    attempt = await attempts.finish("github", MANIFEST)
    if attempt is None or attempt.user_id != me().id:
        flash("error", "This didn't begin here, took longer than 15 minutes, or was finished before. Nothing changed.")
        return redirect_to("operator.show")
    try:
        await _none_yet()
        app = await world().github.convert_manifest(request.args.get("code", "")[:200])
        if not await github.keep_app(app):
            await _none_yet()
    except (Refused, GitHubRefused, Unavailable) as error:
        flash("error", str(error))
        return redirect_to("operator.show")
    await did("github_app.made", app.slug)
    flash("success", f"The GitHub App {app.name or app.slug} is made. Install it where your repositories are.")
    return redirect_to("operator.show")


@bp.post("/operator/github/removal")
@operator
async def remove_app() -> Response:
    form = await read_form()
    try:
        app = await github.app(world())
        if app is None or world().settings.github_app_id:
            raise Refused("There is no App that was made here.", field="confirmation")
        form.confirm(app.slug)
    except Refused as error:
        return await _page(form.values, refusal(error), failed="removal", status=422)
    await github.forget_app()
    await did("github_app.forgotten", app.slug)
    flash("success", f"{app.name} is forgotten here. On GitHub it is deleted among your developer settings.")
    return redirect_to("operator.show")


async def _none_yet() -> None:
    if app := await github.app(world()):
        raise Refused(f"There is a GitHub App already: {app.name or app.slug}.")


def _manifest(settings: Settings, installation: str, *, public: bool) -> dict[str, Any]:
    """What GitHub makes the App of. It refuses a whole manifest whose webhook it can't reach; without one, pushes are
    found by comparing heads."""
    where = _addresses(settings)
    local = settings.hostname == "localhost"
    asked: dict[str, Any] = {
        "name": slugify(f"devpush-{installation if local else settings.hostname}", "devpush", limit=LONGEST_NAME),
        "url": where.dashboard,
        "description": settings.app_description,
        "redirect_url": where.created,
        "callback_urls": list(where.callbacks),
        "request_oauth_on_install": False,  # it would take the place of the setup URL
        "setup_url": where.setup,
        "setup_on_update": True,
        "public": public,
        "default_permissions": {name: level for name, (_, level, _) in github.PERMISSIONS.items()},
    }
    if github.reaches_us(settings):
        asked |= {"hook_attributes": {"url": where.webhook, "active": True}, "default_events": list(EVENTS)}
    return asked


def _addresses(settings: Settings) -> Addresses:
    base = settings.dashboard_url
    return Addresses(
        dashboard=base,
        callbacks=(base + path_to("oauth.github"), base + path_to("oauth.github_authorized")),
        setup=base + path_to("github.installed"),
        webhook=f"{base}/api/github/webhook",
        created=base + path_to("operator.created"),
        google=base + path_to("oauth.google"),
    )


# The page


async def _page(
    form: dict[str, str] | None = None, errors: dict[str, str] | None = None, *, failed: str = "", status: int = 200
) -> Response:
    settings = world().settings
    app = await github.app(world())
    return answer(
        "operator/show.html",
        status=status,
        tab="sign-in",
        form=form or {},
        errors=errors or {},
        failed=failed,
        app=app,
        app_facts=await _app_facts(app) if app else {},
        from_settings=bool(settings.github_app_id),
        hooked=github.reaches_us(settings),
        where=_addresses(settings),
        methods=_methods(settings, app),
        access=await _access(),
    )


async def _app_facts(app: App) -> dict[str, Any]:
    page = github.page(world(), app)
    return {
        "page": page,
        "install": f"{page}/installations/new",
        "permissions": github.PERMISSIONS.values(),
        "installations": await GitHubInstallation.all().order_by("account_login"),
        "projects": await Project.filter(github_repo_id__isnull=False, removing_at=None).count(),
    }


def _methods(settings: Settings, app: App | None) -> list[dict[str, Any]]:
    """Each way of signing in: whether it works, and what it lacks."""
    mail = "Resend" if settings.resend_api_key else settings.smtp_host
    return [
        {
            "name": "email",
            "title": "Link by e-mail",
            "on": settings.mail_configured,
            "how": f"Sent by {mail}." if mail else "Set SMTP_HOST (or RESEND_API_KEY) and EMAIL_SENDER_ADDRESS.",
        },
        {
            "name": "github",
            "title": "GitHub",
            "on": app is not None,
            "how": f"By the App {app.name or app.slug}." if app else "Create the GitHub App above.",
        },
        {
            "name": "google",
            "title": "Google",
            "on": settings.google_configured,
            "how": "By OpenID Connect."
            if settings.google_configured
            else "Set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET.",
        },
    ]


async def _access() -> dict[str, Any]:
    """What access.json says, and whether it shuts out the one who reads this."""
    access = door.door().access
    rules = await access.rules()
    return {
        "path": str(access.path),
        "broken": access.broken,
        "rules": rules.count if rules else 0,
        "kinds": _kinds(rules) if rules else [],
        "shut_out": rules is not None and not rules.allow(me().email),
    }


def _kinds(rules: Rules) -> list[tuple[int, str, str]]:
    """(how many, of what: one, many), of those there are."""
    kinds = (
        (len(rules.emails), "address", "addresses"),
        (len(rules.domains), "domain", "domains"),
        (len(rules.globs), "pattern with *", "patterns with *"),
        (len(rules.regex), "regular expression", "regular expressions"),
    )
    return [kind for kind in kinds if kind[0]]
