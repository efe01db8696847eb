"""Custom domains: whose they are, what is served under them, and what people are told (A13)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from devpush.deploy import domains, environments, proofs, rollback, traffic
from devpush.deploy.domains import Purpose
from devpush.errors import Refused
from devpush.models import Alias, Deployment, Domain, DomainState, Environment, Project, State
from devpush.models.people import now
from devpush.ports import Certificate, NameRecords, Redirect
from tests import cast
from tests.fakes import FakeWorld
from tests.integration.test_rollout import pushed, shop
from tests.integration.test_rollout import world as world  # an engine that has the runner image
from tests.integration.test_streams import opened
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

OURS = "203.0.113.5"
THEIRS = "198.51.100.7"


@pytest.fixture(autouse=True)
def _address(world: FakeWorld) -> None:
    world.settings = replace(world.settings, server_ip=OURS, deploy_domain="apps.example.net")


async def entered(world: FakeWorld, project: Project, hostname: str, **purpose: Any) -> Domain:
    purpose = purpose or {"environment": await cast.production(project)}
    return await domains.add(world, project, hostname, Purpose(**purpose), by=None)


async def looked_at(world: FakeWorld, domain: Domain) -> Domain:
    await domains.check(world, await Domain.get(id=domain.id))
    return await Domain.get(id=domain.id)


def named(world: FakeWorld, domain: Domain, project: Project) -> None:
    """Its owner sets the CNAME record."""
    world.dns.say(domain.hostname, OURS, aliases=[f"{project.slug}.apps.example.net"])


def says(world: FakeWorld, domain: Domain) -> None:
    """Its owner sets the TXT record."""
    world.dns.said_texts[proofs.proof_name(domain.hostname)] = [proofs.proof_text(domain)]


async def later(domain: Domain, **ago: float) -> None:
    """So much time goes by."""
    span = timedelta(**ago)
    row = await Domain.get(id=domain.id)
    for name in ("created_at", "checked_at", "verified_at", "failing_since"):
        if at := getattr(row, name):
            await Domain.filter(id=domain.id).update(**{name: at - span})


# What is served


async def test_a_domain_is_served_once_dns_names_the_project(world: FakeWorld) -> None:
    project = await shop(world)
    live = await pushed(world, project)
    domain = await entered(world, project, "www.example.com")
    domain = await looked_at(world, domain)
    assert (domain.state, domain.held) == (DomainState.pending, None)
    assert domain.reason.startswith("No record of www.example.com is found yet.")
    assert "www.example.com" not in world.proxy.hosts(), "nothing is routed before it is proved"
    named(world, domain, project)
    domain = await looked_at(world, domain)
    assert (domain.state, domain.held, domain.reason) == (DomainState.verified, "www.example.com", "")
    assert world.proxy.hosts()["www.example.com"] == str(live.id)
    assert world.live.said[-1].kind == "domain"


async def test_domains_go_along_with_their_environment(world: FakeWorld) -> None:
    project = await shop(world)
    first = await pushed(world, project)
    domain = await entered(world, project, "www.example.com")
    named(world, domain, project)
    await looked_at(world, domain)
    second = await pushed(world, project, main_py="print('second')")
    assert world.proxy.hosts()["www.example.com"] == str(second.id)
    alice = await Visitor(dashboard(world)).signed_in(await cast.alice())
    asked = await alice.get(f"/projects/{project.slug}/deployments/{first.id}/rollback")
    assert "www.example.com" in asked.text, "what moves is said first"
    await rollback.roll_back(world, await Deployment.get(id=first.id), by=None)
    assert world.proxy.hosts()["www.example.com"] == str(first.id)
    again = await Domain.get(id=domain.id)
    assert (again.state, again.environment_id) == (DomainState.verified, (await cast.production(project)).id)


async def test_a_domain_of_another_environment_leads_there(world: FakeWorld) -> None:
    project = await shop(world)
    await pushed(world, project)
    staging = await cast.environment(project, "staging", branch="staging")
    domain = await entered(world, project, "staging.example.com", environment=staging)
    named(world, domain, project)
    await looked_at(world, domain)
    assert "staging.example.com" not in world.proxy.hosts(), "nothing runs there yet"
    deployment = await cast.deployment(project, environment=staging, state=State.succeeded, address="10.204.0.9")
    alias = await traffic.name_environment(project, staging)
    await Alias.filter(id=alias.id).update(deployment_id=deployment.id)
    await traffic.follow(world, project.id)
    assert world.proxy.hosts()["staging.example.com"] == str(deployment.id)


async def test_a_redirect_needs_no_deployment(world: FakeWorld) -> None:
    project = await cast.project()
    domain = await entered(world, project, "example.com", redirect_to="https://www.example.com", redirect_status=308)
    world.dns.say("example.com", OURS, apex=True)
    await looked_at(world, domain)
    [table] = world.proxy.tables.values()
    assert table.redirects == (Redirect("example.com", "https://www.example.com", 308),)
    await domains.remove(world, domain)
    assert world.proxy.tables == {}


async def test_behind_https_each_domain_gets_a_certificate_of_its_own(world: FakeWorld) -> None:
    world.settings = replace(world.settings, url_scheme="https")
    project = await shop(world)
    await pushed(world, project)
    domain = await entered(world, project, "www.example.com")
    named(world, domain, project)
    domain = await looked_at(world, domain)
    [table] = world.proxy.tables.values()
    assert {route.host: route.certificate for route in table.routes}["www.example.com"]
    assert all(route.certificate for route in table.routes if "-id-" not in route.host)
    assert not any(route.secured for route in table.routes), "there is none to send visitors to"
    assert (domain.certificate, domain.certificate_until) == ("waiting", None)
    await later(domain, hours=2)
    domain = await looked_at(world, domain)
    assert domain.certificate == "failed"
    assert "Port 80" in domain.certificate_note
    until = now() + timedelta(days=80)
    world.proxy.certificates["www.example.com"] = Certificate(until, fits=True)
    domain = await looked_at(world, domain)
    assert (domain.certificate, domain.certificate_until, domain.certificate_note) == ("valid", until, "")
    assert [route.host for route in world.proxy.tables[str(project.id)].routes if route.secured] == ["www.example.com"]
    world.proxy.certificates["www.example.com"] = Certificate(now() + timedelta(days=3), fits=True)
    assert "not renewed yet" in (await looked_at(world, domain)).certificate_note


async def test_a_deleted_environment_or_project_takes_its_domains_out_of_service(world: FakeWorld) -> None:
    project = await shop(world)
    await pushed(world, project)
    staging = await cast.environment(project, "staging", branch="staging")
    both = [
        await entered(world, project, "www.example.com"),
        await entered(world, project, "staging.example.com", environment=staging),
    ]
    for domain in both:
        named(world, domain, project)
        await looked_at(world, domain)
    await environments.remove(world, project, staging.id)
    gone = await Domain.get(id=both[1].id)
    assert (gone.state, gone.held) == (DomainState.disabled, None)
    assert "deleted" in gone.reason
    assert (await looked_at(world, gone)).state == DomainState.disabled, "it has nothing to serve"
    await domains.change(world, gone, Purpose(await cast.production(project)))
    assert (await looked_at(world, gone)).state == DomainState.verified
    await Project.filter(id=project.id).update(removing_at=now())
    assert (await traffic.wanted(world.settings)).tables == {}


# Whose it is (A13)


@pytest.mark.abuse
async def test_a13_of_those_who_claim_a_name_only_who_proves_it_gets_it(world: FakeWorld) -> None:
    """Carol was first to enter it; it is Alice who can set its records."""
    carols, alices = await cast.project(await cast.carol()), await shop(world)
    await pushed(world, alices)
    squatted, domain = await entered(world, carols, "www.example.com"), await entered(world, alices, "www.example.com")
    named(world, domain, alices)
    squatted, domain = await looked_at(world, squatted), await looked_at(world, domain)
    assert (squatted.state, domain.state) == (DomainState.pending, DomainState.verified)
    leads, wanted = f"{alices.slug}.apps.example.net", f"{carols.slug}.apps.example.net"
    assert squatted.reason == f"www.example.com is another name of {leads}, not of {wanted}."
    assert set(world.proxy.tables) == {str(alices.id)}


@pytest.mark.abuse
async def test_a13_an_address_proves_nothing_while_several_teams_claim_the_name(world: FakeWorld) -> None:
    """The address is the whole server's: whoever waits for it would have it before its owner does."""
    carols, alices = await cast.project(await cast.carol()), await cast.project()
    squatted, domain = await entered(world, carols, "example.com"), await entered(world, alices, "example.com")
    world.dns.say("example.com", OURS, apex=True)
    for each in (squatted, domain):
        looked = await looked_at(world, each)
        assert looked.state == DomainState.pending
        assert "Another team has entered example.com as well" in looked.reason
    says(world, domain)
    assert (await looked_at(world, domain)).state == DomainState.verified
    assert (await looked_at(world, squatted)).state == DomainState.pending


@pytest.mark.abuse
async def test_a13_an_address_below_an_apex_proves_nothing(world: FakeWorld) -> None:
    """With *.example.com leading here, anybody on this server could take login.example.com."""
    carols = await cast.project(await cast.carol())
    domain = await entered(world, carols, "login.example.com")
    world.dns.say("login.example.com", OURS)
    domain = await looked_at(world, domain)
    assert domain.state == DomainState.pending
    assert "its address doesn't say to which project on it" in domain.reason


@pytest.mark.abuse
async def test_a13_a_name_of_another_project_of_this_server_proves_nothing(world: FakeWorld) -> None:
    alices, carols = await shop(world), await cast.project(await cast.carol())
    await pushed(world, alices)
    domain = await entered(world, carols, "www.example.com")
    named(world, domain, alices)
    assert (await looked_at(world, domain)).state == DomainState.pending
    world.dns.said_texts["_devpush.www.example.com"] = ["devpush=", "devpush=" + "0" * 32, domain.proof]
    assert (await looked_at(world, domain)).state == DomainState.pending


@pytest.mark.abuse
async def test_a13_whoever_is_named_takes_a_name_back_from_who_had_only_its_address(world: FakeWorld) -> None:
    carols, alices = await cast.project(await cast.carol()), await cast.project()
    squatted = await entered(world, carols, "example.com", redirect_to="https://evil.example", redirect_status=302)
    world.dns.say("example.com", OURS, apex=True)
    assert (await looked_at(world, squatted)).state == DomainState.verified
    domain = await entered(world, alices, "example.com", redirect_to="https://www.example.com", redirect_status=308)
    looked = await looked_at(world, domain)
    assert looked.state == DomainState.pending, "the address alone takes nothing from anybody"
    assert (await Domain.get(id=squatted.id)).state == DomainState.verified, "nor does who only claims it"
    says(world, domain)
    assert (await looked_at(world, domain)).held == "example.com"
    lost = await Domain.get(id=squatted.id)
    assert (lost.state, lost.held) == (DomainState.disabled, None)
    [redirect] = [redirect for table in world.proxy.tables.values() for redirect in table.redirects]
    assert redirect.to == "https://www.example.com"


@pytest.mark.abuse
async def test_a13_a_name_is_not_taken_from_who_proves_it_as_well(world: FakeWorld) -> None:
    carols, alices = await cast.project(await cast.carol()), await cast.project()
    first, second = await entered(world, alices, "www.example.com"), await entered(world, carols, "www.example.com")
    world.dns.said_texts["_devpush.www.example.com"] = [proofs.proof_text(first), proofs.proof_text(second)]
    await looked_at(world, first)
    looked = await looked_at(world, second)
    assert looked.state == DomainState.pending
    assert looked.reason.startswith("www.example.com is served for another project on this server.")
    world.dns.said_texts["_devpush.www.example.com"] = [proofs.proof_text(second)]
    assert (await looked_at(world, second)).state == DomainState.verified
    assert (await Domain.get(id=first.id)).state == DomainState.disabled


@pytest.mark.abuse
async def test_a13_the_database_lets_a_name_be_held_once(world: FakeWorld) -> None:
    alices, carols = await cast.project(), await cast.project(await cast.carol())
    await cast.domain(alices, state=DomainState.verified, held="www.example.com")
    with pytest.raises(IntegrityError, match="held"):
        await cast.domain(carols, state=DomainState.verified, held="www.example.com")
    with pytest.raises(IntegrityError, match="domain_held"):
        await cast.domain(carols, state=DomainState.verified, held="WWW.example.com")


@pytest.mark.abuse
async def test_a12_the_database_refuses_what_is_no_hostname(world: FakeWorld) -> None:
    """Even if a mistake of ours let one through."""
    project = await cast.project()
    for hostname in ("x`) || HostRegexp(`.*", '{{ env "X" }}.com', "A.com", "a.com.", "*.a.com", "a", "a.com\n"):
        with pytest.raises(IntegrityError, match="domain_hostname"):
            await cast.domain(project, hostname)
        with pytest.raises(IntegrityError, match="domain_target"):
            await cast.domain(project, redirect_to=f"https://{hostname}", redirect_status=301)


# What is wrong, in a sentence


async def test_people_are_told_what_is_wrong(world: FakeWorld) -> None:
    domain = await entered(world, await cast.project(), "app.example.com")
    for records, sentence in (
        (NameRecords(), "No record of app.example.com is found yet."),
        (NameRecords((), (THEIRS,)), f"app.example.com leads to {THEIRS}, not to this server's {OURS}."),
        (NameRecords((), (THEIRS, OURS), apex=True), f"app.example.com leads to {THEIRS} as well as to this server."),
        (NameRecords(("cdn.example.org",), (OURS,)), "app.example.com is another name of cdn.example.org, not of "),
        (NameRecords((), (OURS,)), "app.example.com leads to this server, but its address doesn't say to which"),
    ):
        world.dns.said["app.example.com"] = records
        assert (await looked_at(world, domain)).reason.startswith(sentence)
    world.dns.said_texts["_devpush.app.example.com"] = ["devpush=an older one"]
    assert "is another than the one shown" in (await looked_at(world, domain)).reason


async def test_a_name_behind_a_proxy_is_proved_by_its_text_and_says_so(world: FakeWorld) -> None:
    domain = await entered(world, await cast.project(), "app.example.com")
    world.dns.say("app.example.com", THEIRS)
    says(world, domain)
    domain = await looked_at(world, domain)
    assert domain.state == DomainState.verified
    assert domain.reason == (
        f"app.example.com leads to {THEIRS}, not straight to this server. That is right only behind a proxy."
    )


def test_the_records_shown_fit_the_name(world: FakeWorld) -> None:
    settings = replace(world.settings, server_ip=f"{OURS}, 2001:DB8::5")
    for apex in ("example.com", "example.co.uk"):
        shown = proofs.leading(settings, apex, "shop.apps.example.net")
        assert [(record.type, record.value) for record in shown] == [("A", OURS), ("AAAA", "2001:db8::5")]
    for below in ("www.example.com", "www.example.co.uk", "shop.example.dev"):
        [record] = proofs.leading(settings, below, "shop.apps.example.net")
        assert (record.type, record.name, record.value) == ("CNAME", below, "shop.apps.example.net")


# Looking again


async def test_what_was_proved_is_served_for_three_days_after_its_record_is_gone(world: FakeWorld) -> None:
    project = await shop(world)
    await pushed(world, project)
    domain = await entered(world, project, "www.example.com")
    named(world, domain, project)
    await looked_at(world, domain)
    world.dns.said.clear()
    domain = await looked_at(world, domain)
    assert domain.state == DomainState.failing
    assert "www.example.com" in world.proxy.hosts()
    await later(domain, hours=71)
    assert (await looked_at(world, domain)).state == DomainState.failing
    await later(domain, hours=2)
    domain = await looked_at(world, domain)
    assert (domain.state, domain.held) == (DomainState.disabled, None)
    assert "no longer served" in domain.reason
    assert "www.example.com" not in world.proxy.hosts()
    named(world, domain, project)
    assert (await looked_at(world, domain)).state == DomainState.verified
    assert "www.example.com" in world.proxy.hosts()


async def test_name_servers_that_do_not_answer_say_nothing_about_a_domain(world: FakeWorld) -> None:
    project = await cast.project()
    domain = await entered(world, project, "www.example.com")
    named(world, domain, project)
    await looked_at(world, domain)
    world.dns.away = -1
    assert (await looked_at(world, domain)).state == DomainState.verified
    other = await looked_at(world, await entered(world, project, "other.example.com"))
    assert (other.state, other.reason) == (DomainState.pending, "FakeDns doesn't answer.")


async def test_what_is_waited_for_is_looked_at_soon_and_then_less_and_less_often(world: FakeWorld) -> None:
    project = await cast.project()
    domain = await entered(world, project, "www.example.com")
    assert world.jobs.queues == ["domains"]

    async def looks() -> bool:
        world.dns.asked.clear()
        await domains.work(world)
        return bool(world.dns.asked)

    assert await looks()
    assert not await looks(), "it was looked at a moment ago"
    await later(domain, seconds=16)
    assert await looks()
    await Domain.filter(id=domain.id).update(created_at=now() - timedelta(hours=8), checked_at=now())
    await later(domain, hours=1)
    assert not await looks()
    await later(domain, hours=1.5)
    assert await looks()
    await Domain.filter(id=domain.id).update(created_at=now() - timedelta(days=90), checked_at=now())
    await later(domain, hours=7)
    assert await looks(), "but at least four times a day"
    named(world, domain, project)
    await later(domain, hours=7)
    assert await looks()
    await later(domain, minutes=30)
    assert not await looks()
    await later(domain, minutes=31)
    assert await looks(), "what is served is looked at every hour"


# What people do


async def test_a_project_has_a_domain_once_and_not_too_many(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await cast.project()
    await entered(world, project, "a.example.com")
    with pytest.raises(Refused, match="already"):
        await entered(world, project, "a.example.com")
    monkeypatch.setattr(domains, "MOST", 1)
    with pytest.raises(Refused, match="at most 1 domains"):
        await entered(world, project, "b.example.com")


async def test_redirects_do_not_lead_in_a_circle(world: FakeWorld) -> None:
    project = await cast.project()
    first = await entered(world, project, "a.example.com", redirect_to="https://b.example.com", redirect_status=308)
    for hostname, to in (("c.example.com", "c"), ("b.example.com", "a")):
        with pytest.raises(Refused, match="come back to where it began"):
            await entered(world, project, hostname, redirect_to=f"https://{to}.example.com", redirect_status=308)
    with pytest.raises(Refused):
        await domains.change(world, first, Purpose(redirect_to="https://a.example.com", redirect_status=301))


async def test_domains_are_entered_changed_checked_and_removed_in_the_settings(world: FakeWorld) -> None:
    project = await shop(world)
    await pushed(world, project)
    production = await cast.production(project)
    alice = await Visitor(dashboard(world)).signed_in(await cast.alice())
    path = f"/projects/{project.slug}/domains"
    answer = await alice.post(path, {"hostname": " BÜCHER.Example. ", "serves": str(production.id)}, htmx=True)
    assert answer.status == 200
    for shown in ("xn--bcher-kva.example", "bücher.example", OURS, "_devpush.xn--bcher-kva.example", "Waiting for DNS"):
        assert shown in answer.text
    domain = await Domain.get()
    assert f"devpush={domain.proof}" in answer.text
    world.dns.say(domain.hostname, OURS, apex=True)
    answer = await alice.post(f"{path}/{domain.id}/check", htmx=True)
    assert "xn--bcher-kva.example is live." in answer.words
    changed = {"serves": "redirect", "redirect_to": "www.example.com", "redirect_status": "307"}
    assert (await alice.post(f"{path}/{domain.id}", changed)).status == 303
    [table] = world.proxy.tables.values()
    assert table.redirects == (Redirect("xn--bcher-kva.example", "https://www.example.com", 307),)
    assert (await alice.post(f"{path}/{domain.id}/removal")).status == 303
    assert not await Domain.exists()


NOBODYS = (
    *("", "localhost", "x.localhost", "shop", "10.0.0.1", "127.1", "0x7f.0.0.1", "[::1]", "１２７.0.0.1"),
    *("*.example.com", "example.com:8080", "https://example.com", "example.com/x", "a@example.com", "a..example.com"),
    *("apps.example.net", "Shop.APPS.example.NET.", "other。apps.example.net", "x.y.apps.example.net"),
    *("dash.example.net", "x.dash.example.net", "x`) || HostRegexp(`.*", '{{ env "SECRET_KEY" }}', "a\nb.example.com"),
    *("a" * 64 + ".com", "a_b.example.com", "example.local", "1.0.0.127.in-addr.arpa", "ex\u202eample.com"),
)


@pytest.mark.abuse
async def test_a13_names_that_are_nobodys_to_bring_are_refused_in_words(world: FakeWorld) -> None:
    project = await cast.project()
    world.settings = replace(world.settings, hostname="dash.example.net")
    alice = await Visitor(dashboard(world)).signed_in(await cast.alice())
    alice.host = "dash.example.net:8000"
    production = await cast.production(project)
    for hostname in NOBODYS:
        form = {"hostname": hostname, "serves": str(production.id)}
        answer = await alice.post(f"/projects/{project.slug}/domains", form, htmx=True)
        assert answer.status == 422, hostname
        assert 'id="new-hostname-error"' in answer.text, hostname
    assert not await Domain.exists()


@pytest.mark.abuse
async def test_a12_a_redirect_leads_to_a_host_and_nowhere_else(world: FakeWorld) -> None:
    project = await cast.project()
    alice = await Visitor(dashboard(world)).signed_in(await cast.alice())
    for to in ("javascript:alert(1)", "https://x.example/p", "https://u@x.example", "http://[::1]", ""):
        form = {"hostname": "a.example.com", "serves": "redirect", "redirect_to": to, "redirect_status": "301"}
        answer = await alice.post(f"/projects/{project.slug}/domains", form, htmx=True)
        assert answer.status == 422, to
        assert 'id="new-redirect_to-error"' in answer.text, to
        assert "a.example.com" in answer.text, "what was typed stays"


async def test_an_environment_of_another_project_is_not_served(world: FakeWorld) -> None:
    project, others = await cast.project(), await cast.project()
    alice = await Visitor(dashboard(world)).signed_in(await cast.alice())
    theirs = await Environment.get(project=others)
    form = {"hostname": "a.example.com", "serves": str(theirs.id)}
    assert (await alice.post(f"/projects/{project.slug}/domains", form, htmx=True)).status == 422


async def test_open_settings_hear_of_what_dns_says(world: FakeWorld) -> None:
    project = await cast.project()
    domain = await entered(world, project, "www.example.com")
    alice = await Visitor(dashboard(world)).signed_in(await cast.alice())
    page = await alice.get(f"/projects/{project.slug}/settings")
    path = f"/projects/{project.slug}/settings/stream"
    assert f'data-stream="{path}"' in page.text
    assert 'id="project-domains" data-refresh' in page.text
    async with opened(alice, path) as stream:
        assert stream.status == 200
        named(world, domain, project)
        await looked_at(world, domain)
        assert (await stream.next()).name == "refresh"
        await looked_at(world, domain)
        await stream.silence(0.2)


async def test_who_owns_a_domain_that_serves_nothing_finds_its_project(world: FakeWorld) -> None:
    project = await cast.project()
    await cast.domain(project, state=DomainState.verified, held="www.example.com")
    app = dashboard(world)
    alice, carol = [await Visitor(app).signed_in(user) for user in (await cast.alice(), await cast.carol())]
    assert (await alice.get("/hosts/www.example.com:8080")).location == f"/projects/{project.slug}"
    assert (await carol.get("/hosts/www.example.com")).status == 404


@pytest.mark.abuse
async def test_no_domain_keeps_others_from_being_looked_at(world: FakeWorld) -> None:
    """Its owner has its name servers answer what nobody thought of."""
    nothing: Any = None
    project = await cast.project()
    odd, good = await cast.domain(project, "odd.example.com"), await cast.domain(project, "www.example.com")
    await traffic.name_environment(project, await cast.production(project))
    world.dns.said["odd.example.com"] = nothing
    named(world, good, project)
    assert not await domains.work(world)
    assert (await Domain.get(id=good.id)).state == DomainState.verified
    assert (await Domain.get(id=odd.id)).checked_at, "and its turn comes again after the others'"


# Redirects, as our process answers them


async def test_a_redirected_host_is_answered_as_traefik_tells_us(world: FakeWorld) -> None:
    visitor = Visitor(dashboard(world))
    visitor.host = "example.com"
    for status in (301, 302, 307, 308):
        told = {"X-Devpush-Redirect": f"{status} https://www.example.com"}
        for path in ("/", "/a//c?x=1&y=%20", "//evil.example/x", "/health", "/static/app.css"):
            answer = await visitor.get(path, headers=told)
            assert (answer.status, answer.location) == (status, f"https://www.example.com{path}")


@pytest.mark.abuse
async def test_nobody_is_redirected_from_the_dashboard_or_elsewhere_than_to_a_host(world: FakeWorld) -> None:
    visitor = Visitor(dashboard(world))
    told = {"X-Devpush-Redirect": "302 https://evil.example"}
    assert not (await visitor.get("/health", headers=told)).location
    assert "evil" not in (await visitor.get("/", headers=told)).location
    visitor.host = "example.com"
    for wrong in ("302 //evil.example", "200 https://a.example", "302 https://a.example/x", "302 javascript:x", ""):
        assert (await visitor.get("/", headers={"X-Devpush-Redirect": wrong})).status == 404
