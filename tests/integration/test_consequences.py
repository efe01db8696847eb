"""What an act destroys, what it leaves and whether it can be taken back stands in the page before it happens; whoever
has no JavaScript reads it as well."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from devpush.deploy import teardown
from devpush.models import (
    EmailChange,
    Identity,
    Invitation,
    Member,
    Project,
    Role,
    Session,
    State,
    Team,
    User,
    Variable,
)
from devpush.models.people import hash_token, now
from tests import cast
from tests.fakes import FakeWorld
from tests.showroom import Showroom, showroom
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

SETTINGS = "/projects/shop/settings"
TEAM = "/teams/alice/settings"
ACCOUNT = "/account"
ITSELF = ""
"""The page that asks has the address of the act."""

SAID = {
    "account.disconnect": (ACCOUNT, "Disconnected, a method no longer opens this account; it can be connected again."),
    "account.end_all_sessions": (ACCOUNT, "Ends all 3, this one too."),
    "account.end_session": (ACCOUNT, "that browser is signed out at once, and has to sign in anew"),
    "account.remove": (ACCOUNT, "Who signs in with your address afterwards is somebody new."),
    "account.remove_avatar": (ACCOUNT, "Removed, it is gone, and a letter stands in its place."),
    "deleted.end": (TEAM, "Deleted for good, a project goes at once with all that is counted here"),
    "deployments.cancel": (
        "/projects/shop/deployments/{deployment_id}",
        "Cancelled, it ends here, and what serves now",
    ),
    "deployments.do_promote": (ITSELF, "Nothing is deleted"),
    "deployments.do_roll_back": (ITSELF, "Nothing is deleted"),
    "domains.remove": (SETTINGS, "A domain that is removed stops answering at once."),
    "email_change.cancel": (ACCOUNT, "Cancelled, the link opens nothing, and your address stays as it is."),
    "email_change.confirm": (ITSELF, "in place of alice@example.com"),
    "environments.remove": (SETTINGS, "stops answering, and so do the addresses of its branches"),
    "invitations.decline": ("/invitations", "Declined, an invitation is gone. The team can invite you again."),
    "members.change_role": (TEAM, "Your own role you can only lower: only somebody above it gives it back."),
    "members.leave": (ACCOUNT, "Who leaves a team loses sight of its projects, which go on."),
    "members.remove": (TEAM, "Who leaves or is removed loses sight of the team’s projects at once"),
    "members.resend": (TEAM, "sent again, the link that was sent before opens nothing"),
    "members.revoke": (TEAM, "Withdrawn, or sent again, the link that was sent before opens nothing."),
    "operator.remove_app": ("/operator/sign-in", "GitHub gives an App’s keys once."),
    "projects.remove": (SETTINGS, "with images, containers and logs"),
    "projects.remove_avatar": (SETTINGS, "Removed, it is gone, and a letter stands in its place."),
    "repository.make_key": (SETTINGS, "The key above stops working here at once."),
    "repository.make_secret": (SETTINGS, "The old one stops working at once"),
    "server.back_up": ("/operator/backups", "one more takes the place of the oldest"),
    "team_settings.remove": (TEAM, "The team itself: its 3 members lose sight of everything in it"),
    "team_settings.remove_avatar": (TEAM, "Removed, it is gone, and a letter stands in its place."),
    "team_settings.save_general": (TEAM, "old links stop working; the addresses of apps stay"),
    "variables.remove": (SETTINGS, "until their next deployment. Its value can’t be brought back."),
    "variables.save": (SETTINGS, "The same key again replaces the value, for good."),
}
"""Whatever destroys something: the page that asks, and what it says there of the end."""

DESTROYS_NOTHING = {
    "account.save_avatar": "another picture is chosen in the sight of the old one",
    "account.save_general": "the form shows what it replaces",
    "auth.follow_link": "signs in",
    "auth.send_link": "sends a mail",
    "auth.sign_out": "signing in again is all it takes",
    "deleted.restore": "brings back",
    "deliveries.replay": "makes a deployment; the one before can be rolled back to",
    "deployments.create": "makes a deployment; the one before can be rolled back to",
    "deployments.find_commits": "looks",
    "deployments.redeploy": "makes a deployment; the one before can be rolled back to",
    "domains.add": "adds",
    "domains.check": "looks",
    "domains.save": "the form shows what it replaces",
    "email_change.ask": "counts once the new address is confirmed, where it says what it replaces",
    "email_change.resend": "sends a mail",
    "environments.add": "adds",
    "environments.move": "the other arrow moves it back",
    "environments.redeploy": "makes a deployment; the one before can be rolled back to",
    "environments.save": "the form shows what it replaces",
    "invitations.accept": "whoever joins can leave",
    "members.invite": "an invitation can be withdrawn",
    "new_project.choose": "looks",
    "new_project.create": "makes",
    "new_project.detect": "looks",
    "new_project.unlock": "looks",
    "oauth.begin": "leads to the provider",
    "operator.manifest": "leads to GitHub",
    "projects.save_avatar": "another picture is chosen in the sight of the old one",
    "projects.save_build": "the form shows what it replaces, and the activity keeps it",
    "projects.save_general": "the form shows what it replaces, and the activity keeps it",
    "projects.save_resources": "the form shows what it replaces, and the activity keeps it",
    "repository.check": "looks",
    "repository.save": "the form shows what it replaces, and that what was deployed stays",
    "repository.save_pushes": "the form shows what it replaces",
    "server.look_at_disk": "measures",
    "server.look_closely": "looks",
    "team_settings.save_avatar": "another picture is chosen in the sight of the old one",
    "teams.create": "makes",
    "variables.change": "what it replaces and removes was reviewed by name: a test of its own, below",
    "variables.review": "is the review itself",
    "webhooks.github": "no person asks for it",
    "webhooks.project": "no person asks for it",
}


@dataclass
class House:
    """Everything that can be destroyed is there, and Alice may."""

    shown: Showroom
    alice: Visitor
    names: Mapping[str, str]

    def path(self, endpoint: str) -> str:
        """Of the act."""
        [rule] = [rule for rule in self.shown.app.url_map.iter_rules(endpoint) if "POST" in (rule.methods or ())]
        names = {name: self.name(endpoint, name) for name in rule.arguments}
        return str(self.shown.app.url_map.bind("").build(endpoint, names, method="POST"))

    def page(self, endpoint: str, where: str) -> str:
        return where.replace("{deployment_id}", self.name(endpoint, "deployment_id"))

    def name(self, endpoint: str, part: str) -> str:
        return self.names.get(f"{endpoint} {part}", self.names[part])


@pytest.fixture
async def house(world: FakeWorld) -> House:
    world.settings = replace(world.settings, smtp_host="127.0.0.1", backup_passphrase="of the test")
    shown = await showroom(world)
    await shown.fill(1)
    alice, team = shown.alice, await cast.team_of(shown.alice)
    for model, id in ((User, alice.id), (Team, team.id), (Project, shown.project.id)):
        await model.filter(id=id).update(avatar="0123456789abcdef")
    await Project.filter(id=shown.project.id).update(
        repo_url="ssh://git@git.example.com/ada/engine.git", repo_public_key="x"
    )
    await Member.filter(team=team, user=await cast.bob()).update(role=Role.owner)
    eve = await Member.filter(team=team, role=Role.member).get()
    elsewhere = await Member.filter(user=alice).exclude(team=team).select_related("team").get()
    deleted = await cast.project(alice)
    await teardown.remove_project(world, deleted)
    await Identity.create(user=alice, provider="github", issuer="https://github.com", subject="1", login="ada")
    await Session.begin(alice, ip="192.0.2.1", user_agent="Firefox/1.0")
    token = "of the link"
    await EmailChange.create(
        user=alice, email="ada@example.com", token_hash=hash_token(token), expires_at=now() + timedelta(hours=1)
    )
    names = {
        **shown.names,
        "project_id": str(deleted.id),
        "session_id": str((await Session.get(ip="192.0.2.1")).id),
        "token": token,
        "user_id": str(eve.user_id),
        "members.change_role user_id": str(alice.id),
        "members.leave team_slug": elsewhere.team.slug,
        "deployments.cancel deployment_id": str(shown.deployments["building"].id),
        "deployments.do_promote deployment_id": str(shown.deployments["staged"].id),
        "invitations.decline invitation_id": str((await Invitation.get(email=alice.email)).id),
    }
    return House(shown, await Visitor(shown.app).signed_in(alice), names)


async def test_whatever_destroys_something_says_so_before(house: House) -> None:
    wrong = []
    for endpoint, (where, sentence) in SAID.items():
        act = house.path(endpoint)
        page = await house.alice.get(house.page(endpoint, where) or act)
        if f'action="{act}"' not in page.text and page.status == 200 and where:
            wrong.append(f"{endpoint}: {where} doesn't ask for {act}")
        if page.status != 200 or sentence not in page.words:
            wrong.append(f"{endpoint}: {where or act} ({page.status}) doesn't say “{sentence}”")
    assert not wrong, "\n" + "\n".join(wrong)


async def test_every_act_destroys_nothing_or_says_what(house: House) -> None:
    acts = {rule.endpoint for rule in house.shown.app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert not acts - SAID.keys() - DESTROYS_NOTHING.keys(), "say what it destroys, or why it destroys nothing"
    assert not (SAID.keys() | DESTROYS_NOTHING.keys()) - acts, "is no longer there"
    assert not SAID.keys() & DESTROYS_NOTHING.keys()
    other = {method for rule in house.shown.app.url_map.iter_rules() for method in rule.methods or ()}
    assert other <= {"GET", "HEAD", "OPTIONS", "POST"}


async def test_values_that_go_are_named_before_they_do(house: House) -> None:
    answer = await house.alice.post(
        "/projects/shop/variables/review", {"dotenv": "OTHER=1", "whole": "yes", "environment": ""}
    )
    assert "Removed TOKEN" in answer.words
    assert "The values that were there before can’t be brought back." in answer.words
    assert f'action="{house.path("variables.change")}"' in answer.text


# The numbers are the database's


async def visit(world: FakeWorld) -> Visitor:
    return await Visitor(dashboard(world)).signed_in(await cast.alice())


async def filled(project: Project) -> Project:
    """With three deployments, two variables and four domains."""
    for _ in range(3):
        await cast.deployment(project, state=State.failed)
    for key in ("A", "B"):
        await Variable.create(project=project, key=key, value="x")
    for name in ("a", "b", "c", "d"):
        await cast.domain(project, f"{name}.{project.slug}.example.com")
    return project


async def test_a_project_says_how_much_of_it_goes(world: FakeWorld) -> None:
    project = await filled(await cast.project())
    settings = (await (await visit(world)).get(f"/projects/{project.slug}/settings")).words
    slug = project.slug
    assert "3 deployments, with images, containers and logs 2 environment variables 4 domains" in settings
    assert f"4 domains (a.{slug}.example.com, b.{slug}.example.com, c.{slug}.example.com and 1 more)" in settings
    assert "Taking it back: In the team’s settings, by an admin, with all of the above as it was" in settings
    world.settings = replace(world.settings, deleted_keep_days=0)
    assert "Taking it back: Not possible." in (await (await visit(world)).get(f"/projects/{slug}/settings")).words


async def test_so_does_one_that_is_deleted_already_and_can_go_for_good(world: FakeWorld) -> None:
    project = await filled(await cast.project())
    await teardown.remove_project(world, project)
    await teardown.remove_project(world, await cast.project())
    page = await (await visit(world)).get(TEAM)
    assert f"3 deployments, 2 variables, 4 domains (a.{project.slug}.example.com" in page.words
    assert "0 deployments, 0 variables, no domain" in page.words
    assert 'data-note="Now go, and nobody can bring them back: 3 deployments' in page.text


async def test_an_environment_says_what_is_its_own(world: FakeWorld) -> None:
    project = await filled(await cast.project())
    staging = await cast.environment(project, "staging", branch="next")
    page = f"/projects/{project.slug}/settings"
    before = (await (await visit(world)).get(page)).words
    assert "variable of its own" not in before
    assert "no longer served" not in before
    await Variable.create(project=project, environment=staging, key="C", value="x")
    await cast.domain(project, "next.example.com", environment=staging)
    after = (await (await visit(world)).get(page)).words
    assert "1 variable of its own 1 domain (next.example.com) no longer served" in after


async def test_a_team_counts_what_is_in_all_its_projects(world: FakeWorld) -> None:
    for _ in range(2):
        await filled(await cast.project())
    await filled(await cast.project(await cast.carol()))
    await teardown.remove_project(world, await filled(await cast.project()))
    alice = await visit(world)
    page = (await alice.get(TEAM)).words
    for said in ("2 projects: Shop", "6 deployments", "4 environment variables", "8 domains (", "1 deleted project"):
        assert said in page, said
    account = (await alice.get(ACCOUNT)).words
    assert (
        "with 2 projects with images, logs and addresses and 1 deleted project that can then not be restored" in account
    )
