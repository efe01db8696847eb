"""Custom domains in a project's settings: entered, given another purpose, looked at again, removed."""

from uuid import UUID

from quart import Blueprint
from quart.typing import ResponseReturnValue

from devpush.deploy import domains
from devpush.deploy.domains import Purpose
from devpush.errors import NotFound, Refused
from devpush.models import Domain, DomainState, rules
from devpush.web import environments
from devpush.web.activity import did
from devpush.web.auth import may, me, this_project
from devpush.web.forms import Errors, Form, read_form, world
from devpush.web.projects import refused_card, saved_card
from devpush.web.throttle import allows

bp = Blueprint("domains", __name__)

REDIRECT = "redirect"
"""Chosen in place of an environment."""
STATUSES = ("301", "302", "307", "308")
MOST_LOOKS = 30
"""At DNS, by one user within ten minutes; those that come by themselves aren't counted."""


@bp.post("/projects/<project_slug>/domains")
@may("change_project")
async def add(project_slug: str) -> ResponseReturnValue:
    form, errors = await read_form(), Errors()
    hostname = ""
    with errors.of("hostname"):
        hostname = rules.hostname(form.text("hostname", limit=1000), world().settings)
    purpose = await _purpose(form, errors)
    if not errors:
        with errors.of("form"):
            await domains.add(world(), this_project(), hostname, purpose, by=me())
            await did("domain.added", hostname)
    if errors:
        return await refused_card("domains", form.values, errors)
    return await saved_card("domains", f"{hostname} is added. Make its DNS record now.")


@bp.post("/projects/<project_slug>/domains/<uuid:domain_id>")
@may("change_project")
async def save(project_slug: str, domain_id: UUID) -> ResponseReturnValue:
    domain, form, errors = await _domain(domain_id), await read_form(), Errors()
    purpose = await _purpose(form, errors)
    if not errors:
        with errors.of("form"):
            await domains.change(world(), domain, purpose)
            await did("domain.changed", domain.hostname)
    if errors:
        return await refused_card("domains", {**form.values, "which": str(domain_id)}, errors)
    return await saved_card("domains", f"{domain.hostname} is changed.")


@bp.post("/projects/<project_slug>/domains/<uuid:domain_id>/check")
@may("change_project")
async def check(project_slug: str, domain_id: UUID) -> ResponseReturnValue:
    """Ask DNS now."""
    domain = await _domain(domain_id)
    if not allows("domains", str(me().id), limit=MOST_LOOKS, per=600):
        raise Refused("That was looked at very often. It is looked at by itself as well; try again in some minutes.")
    await domains.check(world(), domain)
    now = await _domain(domain_id)
    good = now.state == DomainState.verified
    return await saved_card("domains", f"{now.hostname} is live." if good else "We asked DNS again just now.")


@bp.post("/projects/<project_slug>/domains/<uuid:domain_id>/removal")
@may("change_project")
async def remove(project_slug: str, domain_id: UUID) -> ResponseReturnValue:
    domain = await _domain(domain_id)
    await domains.remove(world(), domain)
    await did("domain.removed", domain.hostname)
    return await saved_card("domains", f"{domain.hostname} is removed.")


async def _purpose(form: Form, errors: Errors) -> Purpose:
    serves = form.text("serves", limit=40)
    if serves != REDIRECT:
        environment = None
        with errors.of("serves"):
            environment = await environments.chosen(serves)
            if not environment:
                raise Refused("Please choose what it serves.")
        return Purpose(environment)
    to, status = "", form.text("redirect_status", limit=10) or "308"
    with errors.of("redirect_to"):
        to = rules.redirect_target(form.text("redirect_to", limit=1000))
    if status not in STATUSES:
        errors["redirect_status"] = "Please choose one of these kinds."
    return Purpose(redirect_to=to, redirect_status=None if errors else int(status))


async def _domain(id: UUID) -> Domain:
    domain = await Domain.get_or_none(id=id, project_id=this_project().id)
    if not domain:
        raise NotFound("There is no such domain.")
    return domain
