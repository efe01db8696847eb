"""Picking a repository on GitHub, or one with an SSH address, for a new project."""

import asyncio
import html
import re
import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from quart import Quart

from devpush.adapters.github import GitHubApi
from devpush.models import Deployment, GitHubInstallation, Identity, Project, State, User
from devpush.models.secret import decrypt, encrypt
from devpush.ports import GitHubRefused, Token
from devpush.settings import Settings
from devpush.web import picker
from tests import cast
from tests.fakes import FakeRepository, FakeWorld
from tests.github_server import GitHubServer
from tests.visitor import Answer, Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

NEW = "/teams/alice/new"
LIST = "/teams/alice/new/repositories"
FLASK = {"requirements.txt": "flask\ngunicorn\n", "main.py": "app = 1"}
HOSTILE = "acme/<img src=x onerror=alert(1)>\u202e"


@dataclass
class House:
    """Alice is connected to GitHub, where the App is installed on acme and on her own account."""

    world: FakeWorld
    app: Quart
    alice: Visitor
    token: Token
    acme: int
    own: int

    def repository(self, name: str = "acme/shop", **facts: Any) -> FakeRepository:
        """Alice may push to it."""
        installation = self.acme if name.startswith("acme/") else self.own
        given = {"pushers": ["ada"], "private": True, "files": FLASK, **facts}
        made = self.world.github.have_repository(name, installation, **given)
        for branch, sha in made.heads.items():
            self.world.git.commit(made.clone_url, made.files[sha], branch=branch)
        return made

    async def list(self, query: str = "", *, htmx: bool = True) -> Answer:
        return await self.alice.get(f"{LIST}?{query}", htmx=htmx)

    async def choose(self, repository: FakeRepository, *, by: Visitor | None = None, installation: int = 0) -> Answer:
        ids = {"installation": str(installation or repository.installation), "repository": str(repository.id)}
        return await (by or self.alice).post(NEW, ids)


@pytest.fixture
async def house(world: FakeWorld) -> House:
    world.settings = with_app(world.settings)
    app = dashboard(world)
    token = world.github.have_user("ada")
    acme = world.github.have_installation("acme", type="Organization", members=["ada"])
    own = world.github.have_installation("ada")
    alice = await cast.alice()
    await connect(alice, token, "ada")
    return House(world, app, await Visitor(app).signed_in(alice), token, acme, own)


def with_app(settings: Settings) -> Settings:
    return replace(
        settings,
        github_app_id="7",
        github_app_name="Acme push",
        github_app_private_key="PEM",
        github_app_webhook_secret="secret",
        github_app_client_id="Iv1.7",
        github_app_client_secret="secret",
    )


async def connect(user: User, token: Token, login: str) -> None:
    await Identity.create(
        user=user, provider="github", issuer="https://github.com", subject=login, login=login, access_token=token.value
    )


def listed(answer: Answer) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'aria-label="Import ([^"]*)"', answer.text)]


def configured(page: Answer, **typed: str) -> dict[str, str]:
    """The form of the configure page, as it came."""
    names = ("draft", "name", "root_dir", "install", "build", "pre_deploy", "start", "health_path")
    chosen = {
        name: html.unescape(option)
        for name, option in re.findall(
            r'<select[^>]* name="(\w+)".*?<option value="([^"]*)" selected', page.text, re.DOTALL
        )
    }
    return {name: page.field(name) for name in names} | {"branch": "main", **chosen, **typed}


# From the list to the first deployment


async def test_a_repository_of_the_list_becomes_a_project_and_its_first_deployment(house: House) -> None:
    shop = house.repository()
    assert listed(await house.list()) == ["acme/shop"]
    page = await house.choose(shop)
    assert page.status == 200
    assert "The dependencies name flask." in page.words
    assert "connected to GitHub" in page.words
    assert (page.field("name"), page.field("install")) == ("shop", "pip install -r requirements.txt")

    answer = await house.alice.post(f"{NEW}/configure", configured(page))

    project = await Project.get(name="shop")
    deployment = await Deployment.get(project=project)
    assert answer.location == f"/projects/{project.slug}/deployments/{deployment.id}"
    assert (project.github_repo_id, project.github_installation_id) == (shop.id, house.acme)
    assert (project.repo_url, project.repo_username) == (shop.clone_url, "x-access-token")
    assert not project.repo_token
    assert deployment.state == State.queued
    assert (await GitHubInstallation.get(id=house.acme)).account_login == "acme"
    assert {(issued.repositories, *issued.permissions.items()) for issued in house.world.github.issued} == {
        ((shop.id,), ("contents", "read"))
    }, "only for that repository, and for reading"
    assert "every minute" not in (await house.alice.get(answer.location)).words, "GitHub tells us of pushes"


async def test_a_look_at_a_repository_is_one_tree_and_the_files_that_tell(house: House) -> None:
    shop = house.repository(files=FLASK | {f"src/{number}.py": "" for number in range(50)} | {"README.md": "hello"})
    await house.choose(shop)
    calls = house.world.github.calls
    assert calls.count("files") == 1
    assert calls.count("read") == 1, "requirements.txt; of main.py its name is enough"


async def test_the_default_branch_is_production_and_the_others_can_be_chosen(house: House) -> None:
    shop = house.repository(default_branch="trunk")
    house.world.github.push(shop, {"index.html": "hello"}, branch="next")
    page = await house.choose(shop)
    assert re.findall(r'<option value="(trunk|next)"( selected)?>', page.text) == [("trunk", " selected"), ("next", "")]


# Who may


async def test_what_she_cannot_push_to_is_neither_listed_nor_taken_by_its_ids(house: House) -> None:
    mine, secret = house.repository(), house.repository("acme/secret", pushers=["grace"], readers=["ada"])
    assert listed(await house.list()) == [mine.full_name]
    page = await house.choose(secret)
    assert page.status == 422
    assert "You can see acme/secret, but not push to it" in page.words
    assert "files" not in house.world.github.calls, "nothing of it was read"


async def test_what_she_does_not_see_is_not_named(house: House) -> None:
    secret = house.repository("acme/secret", pushers=["grace"])
    page = await house.choose(secret)
    assert page.status == 422
    assert "doesn't show you this repository" in page.words
    assert "secret" not in page.text.replace("access_token", "")


async def test_an_installation_of_somebody_else_opens_nothing(house: House) -> None:
    theirs = house.world.github.have_installation("globex", type="Organization", members=["hank"])
    await GitHubInstallation.create(id=theirs, account_id=1, account_login="globex")
    shop = house.repository()
    foreign = house.world.github.have_repository("globex/engine", theirs, pushers=["hank"], private=True, files=FLASK)
    assert "globex" not in (await house.list(f"installation={theirs}")).words
    for repository, installation in ((shop, theirs), (foreign, theirs), (foreign, house.acme), (shop, house.own)):
        page = await house.choose(repository, installation=installation)
        assert page.status == 422, (repository.full_name, installation)
        assert "globex" not in page.text
    assert not house.world.github.issued


async def test_a_colleague_without_github_picks_nothing(house: House) -> None:
    """Bob is on the team, and the App is installed: that is no reason to let him read what Alice may."""
    bob = await Visitor(house.app).signed_in(await cast.bob())
    page = await house.choose(house.repository(), by=bob)
    assert page.status == 422
    assert "connect your GitHub account first" in page.words
    assert not house.world.github.calls


@pytest.mark.parametrize(
    "ids", [("", "1"), ("x", "y"), ("1", "-1"), ("9" * 40, "9" * 40), ("1", "1 OR 1=1"), ("١", "١")]
)
async def test_ids_that_are_none_are_refused(house: House, ids: tuple[str, str]) -> None:
    page = await house.alice.post(NEW, {"installation": ids[0], "repository": ids[1]})
    assert page.status == 422


async def test_the_right_is_asked_for_again_when_the_project_is_made(house: House) -> None:
    shop = house.repository()
    form = configured(await house.choose(shop), name="Typed", dotenv="KEY=typed")
    shop.pushers.clear()
    shop.readers.add("ada")
    page = await house.alice.post(f"{NEW}/configure", form)
    assert (page.status, await Project.exists()) == (422, False)
    assert "not push to it" in page.words
    assert page.field("name") == "Typed"
    assert "KEY=typed" in page.text


async def test_a_draft_cannot_be_made_up(house: House) -> None:
    shop = house.repository()
    form = configured(await house.choose(shop))
    other = house.repository("acme/secret", pushers=["grace"], readers=["ada"])
    bob = await Visitor(house.app).signed_in(await cast.bob())
    forged = decrypt(form["draft"]).replace(f'"repository": {shop.id}', f'"repository": {other.id}')
    for who, draft in (
        (house.alice, form["draft"][:-9] + "AAAAAAAA="),
        (house.alice, forged),
        (bob, form["draft"]),
    ):
        for page in ("configure", "detection", "key"):
            answer = await who.post(f"{NEW}/{page}", form | {"draft": draft})
            assert (answer.status, answer.location) == (303, NEW), page
    assert (await house.alice.post(f"{NEW}/configure", form | {"draft": encrypt(forged)})).status == 422, (
        "and rechecked"
    )
    assert not await Project.exists()


async def test_a_repository_that_was_renamed_meanwhile_has_its_new_address(house: House) -> None:
    shop = house.repository()
    form = configured(await house.choose(shop))
    shop.full_name, shop.clone_url = "acme/store", "https://github.com/acme/store.git"
    house.world.git.commit(shop.clone_url, FLASK)
    assert (await house.alice.post(f"{NEW}/configure", form)).status == 303
    assert (await Project.get()).repo_url == "https://github.com/acme/store.git"


# The list


async def test_the_list_can_be_searched_and_shows_more_on_demand(house: House) -> None:
    for number in range(25):
        house.repository(f"acme/app-{number:02}", private=number % 2 == 0)
    first = await house.list()
    assert len(listed(first)) == 10
    assert "10 of 25 you can push to" in first.words
    more = html.unescape(re.findall(r'id="more-repositories" href="([^"]*)"', first.text)[0])
    assert len(listed(await house.alice.get(more, htmx=True))) == 20
    found = await house.list("q=APP+-1")
    assert listed(found) == [f"acme/app-{number}" for number in range(10, 20)]
    assert found.text.count('class="sr-only">Private') == 5
    nothing = await house.list("q=zebra")
    assert "No repository of acme that you can push to is called like “zebra”" in nothing.words
    assert house.world.github.calls.count("repositories") == 1, "an answer is kept for a minute"


async def test_every_page_of_github_is_read_up_to_a_bound_which_is_said(house: House) -> None:
    house.world.github.page_size = 2
    for number in range(7):
        house.repository(f"acme/app-{number}")
    assert "7 of 7 you can push to" in (await house.list()).words
    for number in range(7, 30):
        house.repository(f"acme/app-{number}")
    page = await house.list("again=1&q=app-1")
    assert "among the first thousand that GitHub lists" in page.words
    assert house.world.github.calls.count("repositories") == 4 + 10


async def test_another_account_is_switched_to(house: House) -> None:
    house.repository("acme/shop")
    house.repository("ada/blog")
    assert listed(await house.list()) == ["acme/shop"]
    page = await house.list(f"installation={house.own}")
    assert listed(page) == ["ada/blog"]
    assert f'<option value="{house.own}" selected>ada</option>' in page.text


async def test_accounts_are_where_she_may_install_and_no_others(house: House) -> None:
    page = await house.list()
    assert "https://github.com/apps/acme-push/installations/new" in page.text
    assert f"https://github.com/organizations/acme/settings/installations/{house.acme}" in page.text
    assert "may read no repository that you can push to" in page.words
    house.world.github.members = {house.acme: set(), house.own: set()}
    assert "isn’t installed on any account of yours" in (await house.list("again=1")).words


async def test_a_suspended_installation_is_explained_and_opens_nothing(house: House) -> None:
    shop = house.repository()
    form = configured(await house.choose(shop))
    house.world.github.suspend(house.acme)
    assert listed(await house.list("again=1")) == [], "her own account is shown instead"
    page = await house.list(f"installation={house.acme}")
    assert "The GitHub App is suspended for acme" in page.words
    assert "acme (suspended)" in page.words
    for refused in (await house.choose(shop), await house.alice.post(f"{NEW}/configure", form)):
        assert refused.status == 422
        assert "suspended for acme" in refused.words


async def test_words_of_github_are_inert(house: House) -> None:
    shop = house.repository(HOSTILE, clone_url="https://github.com/acme/x.git", default_branch="<b>main</b>")
    pages = [await house.list(), await house.list("q=%3Cimg", htmx=False), await house.choose(shop)]
    house.world.github.refuse["repositories"] = GitHubRefused("<script>alert(1)</script>\x1b[31m", status=403)
    pages.append(await house.list("again=1"))
    for page in pages:
        assert page.status == 200
        assert "<img" not in page.text
        assert "<b>main" not in page.text
        assert "<script>" not in page.text
        assert not set(page.text) & set("\u202e\x1b")


# GitHub on a bad day


async def test_the_page_itself_never_waits_for_github(house: House) -> None:
    house.world.github.delay = 10
    before = time.monotonic()
    page = await house.alice.get(NEW)
    assert page.status == 200
    assert "Asking GitHub for your repositories" in page.text
    assert not house.world.github.calls
    assert time.monotonic() - before < 2


async def test_a_github_that_is_slow_is_said_and_its_answer_is_there_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.repository()
    monkeypatch.setattr(picker, "PATIENCE", 0.05)
    house.world.github.delay = 0.3
    assert "takes too long to answer" in (await house.list()).words
    monkeypatch.undo()
    assert listed(await house.list("again=1")) == ["acme/shop"]
    assert house.world.github.calls == ["accounts", "repositories"], "what was asked for at first was not asked again"


@pytest.mark.parametrize("htmx", [True, False])
async def test_a_github_that_is_away_or_angry_is_said_in_a_sentence(house: House, htmx: bool) -> None:
    house.repository()
    house.world.github.away = -1
    page = await house.list("again=1&q=shop", htmx=htmx)
    assert page.status == 200
    assert "doesn't answer" in page.words
    again = html.unescape(re.findall(r'href="([^"]*)"[^>]*><svg[^>]*>[^>]*></svg>Try again', page.text)[0])
    assert "q=shop" in again
    house.world.github.away = 0
    house.world.github.refuse["accounts"] = GitHubRefused("GitHub asks us to wait for 12 minutes.", status=403)
    assert "wait for 12 minutes" in (await house.list("again=1", htmx=htmx)).words
    del house.world.github.refuse["accounts"]
    assert listed(await house.alice.get(again, htmx=htmx)) == ["acme/shop"]


async def test_a_github_that_is_away_while_she_imports_is_said_beside_the_list(house: House) -> None:
    shop = house.repository()
    form = configured(await house.choose(shop))
    house.world.github.away = -1
    for page in (await house.choose(shop), await house.alice.post(f"{NEW}/configure", form)):
        assert page.status == 422
        assert "doesn't answer" in page.words
    assert not await Project.exists()


async def test_a_connection_that_was_taken_back_is_asked_for_again(house: House) -> None:
    shop = house.repository()
    house.world.github.user_tokens.clear()
    page = await house.list()
    assert "no longer accepts your connection" in page.words
    assert 'name="purpose" value="link"' in page.text
    assert (await Identity.get()).access_token, "looking changes nothing"
    page = await house.choose(shop)
    assert (page.status, "connect your account again" in page.words) == (422, True)
    assert (await Identity.get()).access_token is None
    assert "Connect GitHub" in (await house.alice.get(NEW)).words


# Without an App, without a connection, without JavaScript


async def test_without_an_app_only_the_operator_hears_of_it(world: FakeWorld) -> None:
    app = dashboard(world)
    alice, bob = await cast.alice(), await cast.bob()
    await User.filter(id=alice.id).update(is_operator=True)
    for user, told in ((alice, True), (bob, False)):
        visitor = await Visitor(app).signed_in(user)
        for path in (NEW, LIST):
            page = await visitor.get(path)
            assert (page.status, "Create the GitHub App" in page.words) == (200, told)
            assert "Import from GitHub" not in page.text


async def test_who_is_not_connected_is_offered_it(house: House) -> None:
    bob = await Visitor(house.app).signed_in(await cast.bob())
    for path in (NEW, LIST):
        page = await bob.get(path)
        assert "Connect GitHub" in page.words
        assert (page.field("purpose"), page.field("next")) == ("link", NEW)
    assert not house.world.github.calls


async def test_without_javascript_the_list_is_a_page(house: House) -> None:
    house.repository()
    page = await house.alice.get(NEW)
    link = re.findall(r'<noscript><p><a[^>]* href="([^"]*)"', page.text)[0]
    whole = await house.alice.get(html.unescape(link))
    assert "<html" in whole.text
    assert listed(whole) == ["acme/shop"]


# A folder of a monorepo


async def test_the_folders_with_apps_are_offered_and_looked_at(house: House) -> None:
    next_js = '{"dependencies": {"next": "15"}}'
    shop = house.repository(
        files={"README.md": "", "apps/web/package.json": next_js, "api/requirements.txt": "flask\n"}
    )
    house.world.github.push(shop, {"index.html": ""}, branch="old")
    page = await house.choose(shop)
    assert re.findall(r'name="folder" value="([^"]*)"', page.text) == ["api", "apps/web"]
    typed = configured(page, name="Typed", dotenv="A=1", health_path="/up")

    page = await house.alice.post(f"{NEW}/detection", typed | {"folder": "apps/web"})
    assert (page.status, page.field("root_dir"), page.field("name")) == (200, "apps/web", "Typed")
    assert "package.json asks for next. (in apps/web)" in page.words
    form = configured(page)
    assert (form["preset"], form["runner"], form["start"], form["health_path"]) == (
        "nextjs",
        "node",
        "npm start",
        "/up",
    )
    assert "A=1" in page.text
    assert "api" in re.findall(r'name="folder" value="([^"]*)"', page.text)

    for wrong, says in (
        ({"folder": "nowhere"}, "There is no folder nowhere"),
        ({"folder": "../etc"}, "must be inside the repository"),
        ({"branch": "none"}, "There is no branch none. There is: main, old."),
        ({"folder": "api", "branch": "old"}, "There is no folder api"),
    ):
        page = await house.alice.post(f"{NEW}/detection", form | wrong)
        assert (page.status, says in page.words) == (422, True), wrong
        assert page.field("name") == "Typed"

    await house.alice.post(f"{NEW}/configure", form)
    project = await Project.get()
    assert (project.root_dir, project.preset, project.start) == ("apps/web", "nextjs", "npm start")


async def test_an_empty_repository_is_refused_with_what_to_do(house: House) -> None:
    page = await house.choose(house.repository(files=None))
    assert (page.status, "push a first commit" in page.words) == (422, True)


# SSH


async def test_an_ssh_address_gets_a_key_first(world: FakeWorld) -> None:
    visitor = await Visitor(dashboard(world)).signed_in(await cast.alice())
    page = await visitor.post(NEW, {"source": "git@git.example.com:ada/engine.git"})
    assert page.status == 200
    shown = re.findall(r"ssh-ed25519 \S+ devpush-engine", page.text)
    assert len(shown) == 2, "to read and to copy"
    assert "PRIVATE" not in page.text
    draft = page.field("draft")
    assert "PRIVATE KEY" in decrypt(draft)

    refused = await visitor.post(f"{NEW}/key", {"draft": draft})
    assert (refused.status, shown[0] in refused.text) == (422, True), "not added yet: the same key again"
    draft = refused.field("draft")

    world.git.commit("ssh://git@git.example.com/ada/engine.git", FLASK)
    page = await visitor.post(f"{NEW}/key", {"draft": draft})
    assert (page.status, page.field("name")) == (200, "engine")
    answer = await visitor.post(f"{NEW}/configure", configured(page))
    project = await Project.get()
    assert project.repo_url == "ssh://git@git.example.com/ada/engine.git"
    assert project.repo_public_key == shown[0]
    assert (project.repo_key or "").startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    first = await visitor.get(answer.location)
    assert "Pushes are looked for every minute" in first.words
    assert f'href="/projects/{project.slug}/settings#settings-repository"' in first.text


async def test_a_token_beside_an_ssh_address_is_not_dropped_silently(world: FakeWorld) -> None:
    visitor = await Visitor(dashboard(world)).signed_in(await cast.alice())
    page = await visitor.post(NEW, {"source": "ssh://git@git.example.com/ada/engine", "token": "glpat-canary"})
    assert (page.status, "opened by a key" in page.words) == (422, True)
    assert "glpat-canary" not in page.text


@pytest.mark.parametrize("path", ["key", "detection", "configure"])
async def test_pages_of_a_choice_that_are_come_back_to_begin_again(world: FakeWorld, path: str) -> None:
    visitor = await Visitor(dashboard(world)).signed_in(await cast.alice())
    assert (await visitor.get(f"{NEW}/{path}")).location == NEW


@pytest.mark.parametrize(("text", "id"), [("1", 1), ("0", 0), ("-1", 0), ("1e3", 0), ("", 0), ("9" * 19, 0), ("²", 0)])
def test_an_id_of_github_is_a_number(text: str, id: int) -> None:
    assert picker.number(text) == id


async def test_answers_are_kept_a_minute_and_those_who_wait_share_one() -> None:
    now, asked = 0.0, []

    async def read() -> int:
        asked.append(now)
        await asyncio.sleep(0)
        if len(asked) == 3:
            raise GitHubRefused("No.", status=403)
        return len(asked)

    listings = picker.Listings(lambda: now)
    assert await asyncio.gather(*(listings.get(("ada", 1), read) for _ in range(5))) == [1] * 5
    now = 59.0
    assert await listings.get(("ada", 1), read) == 1
    now = 61.0
    assert await listings.get(("ada", 1), read) == 2
    listings.forget("grace")
    assert await listings.get(("ada", 1), read) == 2
    listings.forget("ada")
    with pytest.raises(GitHubRefused):
        await listings.get(("ada", 1), read)
    assert await listings.get(("ada", 1), read) == 4, "a refusal is not kept"
    for number in range(2 * picker.MOST_KEPT):
        await listings.get(("ada", number), read)
    assert len(listings) == picker.MOST_KEPT


# Over HTTP, from connecting the account on


async def test_from_connecting_an_account_to_the_first_deployment(
    github_server: GitHubServer, world: FakeWorld
) -> None:
    served = github_server.have_repository(
        "acme/storefront",
        pushers=["alice"],
        private=True,
        files={"index.md": "hello", "apps/web/requirements.txt": "fastapi\nuvicorn\n", "apps/web/main.py": "app = 1"},
        clone_url="https://git.example.com/acme/storefront.git",
    )
    github_server.have_repository("acme/secrets", readers=["alice"], private=True, files={"main.py": "1"})
    ours = github_server.app
    world.settings = replace(
        with_app(world.settings),
        github_url=github_server.url,
        github_api_url=github_server.url,
        github_app_id=str(ours.id),
        github_app_private_key=ours.private_key,
        github_app_client_id=ours.client_id,
        github_app_client_secret=ours.client_secret,
    )
    world.git.commit(served.clone_url, {"apps/web/main.py": "app = 1"})
    async with GitHubApi(world.settings) as api:
        world.github = api  # type: ignore[assignment]
        alice = await Visitor(dashboard(world)).signed_in(await cast.alice())
        away = await alice.post("/auth/github", {"purpose": "link", "next": NEW})
        back = urlsplit(await asyncio.to_thread(github_server.agree, away.location, "alice"))
        assert (await alice.get(f"{back.path}?{back.query}")).location == NEW

        page = await alice.get(
            html.unescape(re.findall(r'hx-get="([^"]*repositories[^"]*)"', (await alice.get(NEW)).text)[0]), htmx=True
        )
        assert "acme/storefront" in listed(page)
        assert "acme/secrets" not in listed(page)
        ids = {"installation": page.field("installation"), "repository": str(served.id)}
        form = configured(await alice.post(NEW, ids))
        form = configured(await alice.post(f"{NEW}/detection", form | {"folder": "apps/web"}))
        assert (form["preset"], form["start"]) == ("fastapi", "uvicorn main:app --host 0.0.0.0 --port 8000")
        answer = await alice.post(f"{NEW}/configure", form)

    project = await Project.get()
    deployment = await Deployment.get(project=project)
    assert answer.location == f"/projects/{project.slug}/deployments/{deployment.id}"
    assert (project.github_repo_id, project.root_dir, deployment.state) == (served.id, "apps/web", State.queued)
    trees = [asked for asked in github_server.asked if "/git/trees/" in asked.path]
    assert len(trees) == 2, "one for each look"
