"""A project's repository: changed, opened by a token or a key, and asked whether it is there."""

import html
import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from quart import Quart
from quart.datastructures import FileStorage
from tortoise import connections

from devpush.models import GitHubInstallation, Project, State
from devpush.ports import Repository
from tests import cast
from tests.fakes import FakeGit, FakeWorld
from tests.visitor import Answer, Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

FILES = {"main.py": "app = 1"}
OLD, NEW = "https://git.example.com/ada/engine.git", "https://git.example.com/ada/loom.git"
ELSEWHERE = "https://elsewhere.example.com/ada/engine.git"
SSH = "ssh://git@git.example.com/ada/engine.git"
TOKEN = "canary-0123456789"


class AskedGit(FakeGit):
    """Remembers by what its repositories were to be opened."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Repository] = []

    async def heads(self, repository: Repository) -> Mapping[str, str]:
        self.asked.append(repository)
        return await super().heads(repository)


@pytest.fixture
def git(world: FakeWorld) -> AskedGit:
    world.git = git = AskedGit()
    for url in (OLD, NEW, ELSEWHERE, SSH):
        git.commit(url, FILES)
    return git


@pytest.fixture
def app(world: FakeWorld, git: AskedGit) -> Quart:
    return dashboard(world)


async def alice(app: Quart) -> Visitor:
    return await Visitor(app).signed_in(await cast.alice())


def plain(answer: Answer) -> str:
    return html.unescape(re.sub(r"\s+", " ", answer.text))


def settings(project: Project, what: str = "") -> str:
    return f"/projects/{project.slug}/settings{what}"


async def test_another_repository_is_looked_at_and_then_saved(app: Quart, git: AskedGit) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=OLD, repo_trouble="It is gone.")
    deployment = await cast.deployment(project, state=State.succeeded)
    assert "It is gone." in (await visitor.get(settings(project))).text

    answer = await visitor.post(settings(project, "/repository"), {"url": NEW, "token": TOKEN}, htmx=True)
    assert answer.status == 200
    assert "Connected: one branch, and main is at" in plain(answer)
    await project.refresh_from_db()
    assert (project.repo_url, project.repo_token, project.repo_trouble) == (NEW, TOKEN, "")
    assert git.asked[-1].token == TOKEN
    await deployment.refresh_from_db()
    assert deployment.state == State.succeeded
    assert TOKEN not in answer.text + (await visitor.get(settings(project))).text


async def test_a_repository_that_cannot_be_reached_changes_nothing(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=OLD, repo_token=TOKEN)
    away = "https://git.example.com/ada/nothing.git"
    for htmx in (False, True):
        answer = await visitor.post(settings(project, "/repository"), {"url": away, "token": "another"}, htmx=htmx)
        assert answer.status == 422
        assert "can't be reached" in plain(answer)
        assert away in answer.text, "what was typed stays"
        assert 'value="another"' not in answer.text, "but not the token"
    await project.refresh_from_db()
    assert (project.repo_url, project.repo_token) == (OLD, TOKEN)


@pytest.mark.parametrize(
    "form",
    [
        {"url": "ssh://-oProxyCommand=id/x"},
        {"url": "git@host:--upload-pack=id"},
        {"url": "ext::sh -c id"},
        {"url": "/etc"},
        {"url": ""},
        {"url": NEW, "token": "two words"},
        {"url": NEW, "username": "a\nb"},
        {"url": NEW, "username": "x" * 500},
    ],
)
async def test_what_is_no_address_is_refused_under_its_field(app: Quart, form: dict[str, str]) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=OLD)
    answer = await visitor.post(settings(project, "/repository"), form, htmx=True)
    assert (answer.status, 'aria-invalid="true"' in answer.text) == (422, True)
    await project.refresh_from_db()
    assert project.repo_url == OLD


async def test_a_kept_token_goes_to_its_own_repository_only(app: Quart, git: AskedGit) -> None:
    """Else whoever may change the address could have another's token sent to a server of theirs, or read with it what
    it opens besides (A28)."""
    visitor, project = await alice(app), await cast.project(repo_url=OLD, repo_token=TOKEN)
    same = OLD.removesuffix(".git")
    git.commit(same, FILES)
    for url, token in ((same, TOKEN), (OLD, TOKEN), (NEW, "")):
        await visitor.post(settings(project, "/repository"), {"url": url, "token": ""})
        await project.refresh_from_db()
        assert (project.repo_url, project.repo_token or "") == (url, token)
    await visitor.post(settings(project, "/repository"), {"url": NEW, "token": TOKEN})
    for url in (ELSEWHERE, OLD):
        await visitor.post(settings(project, "/repository"), {"url": url})
        await project.refresh_from_db()
        assert (project.repo_url, project.repo_token or "") == (url, "")
    assert {one.url for one in git.asked if one.token} == {same, OLD, NEW}
    assert [one.token for one in git.asked if one.url == NEW] == ["", TOKEN]


async def test_a_token_can_be_forgotten(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=OLD, repo_token=TOKEN)
    await visitor.post(settings(project, "/repository"), {"url": OLD, "forget_token": "yes"})
    await project.refresh_from_db()
    assert project.repo_token is None


async def test_an_ssh_address_gets_a_deploy_key_first(app: Quart, git: AskedGit) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=OLD, repo_token=TOKEN)
    typed = {"url": "git@git.example.com:ada/engine.git"}
    answer = await visitor.post(settings(project, "/repository"), typed, htmx=True)
    await project.refresh_from_db()
    assert (answer.status, project.repo_url) == (422, OLD), "the key isn't there yet"
    assert project.repo_public_key
    assert project.repo_public_key in html.unescape(answer.text)
    assert project.repo_public_key.endswith(f" devpush-{project.slug}")

    assert (await visitor.post(settings(project, "/repository"), typed, htmx=True)).status == 200
    await project.refresh_from_db()
    assert (project.repo_url, project.repo_token or "") == (SSH, "")
    assert (git.asked[-1].key, git.asked[-1].token) == (project.repo_key, "")
    page = await visitor.get(settings(project))
    assert project.repo_key
    assert project.repo_key.splitlines()[2] not in page.text, "the private half is in no page"
    assert project.repo_public_key in html.unescape(page.text)


async def test_a_new_key_takes_the_place_of_the_old(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=SSH, repo_key="old", repo_public_key="old.pub")
    answer = await visitor.post(settings(project, "/repository/key"), htmx=True)
    await project.refresh_from_db()
    assert answer.status == 200
    assert project.repo_key != "old"
    assert project.repo_public_key in html.unescape(answer.text)


async def test_the_connection_can_be_checked(app: Quart, git: AskedGit) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=OLD)
    git.commit(OLD, FILES, branch="next")
    answer = await visitor.post(settings(project, "/repository/check"), htmx=True)
    assert "Connected: 2 branches, and main is at" in plain(answer)
    assert (await visitor.post(settings(project, "/repository/check"))).status == 303
    assert "Connected: 2 branches" in plain(await visitor.get(settings(project)))

    await Project.filter(id=project.id).update(repo_url="https://git.example.com/gone.git")
    answer = await visitor.post(settings(project, "/repository/check"), htmx=True)
    assert (answer.status, "can't be reached" in plain(answer)) == (200, True)


async def test_a_branch_that_production_wants_and_is_missing_is_said(app: Quart, git: AskedGit) -> None:
    visitor, project = await alice(app), await cast.project(repo_url="https://git.example.com/other.git")
    git.commit(project.repo_url, FILES, branch="trunk")
    answer = await visitor.post(settings(project, "/repository/check"), htmx=True)
    assert "Production takes the branch main, which isn't there" in plain(answer)


async def test_an_example_can_become_a_repository_of_ones_own(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project(repo_url="/srv/examples/flask.git", repo_local=True)
    page = await visitor.get(settings(project))
    assert "A repository on this server" in page.text
    assert "/srv/examples" not in page.text
    await visitor.post(settings(project, "/repository"), {"url": NEW})
    await project.refresh_from_db()
    assert (project.repo_url, project.repo_local) == (NEW, False)


async def test_a_connected_project_says_so_and_can_leave(app: Quart, git: AskedGit) -> None:
    await GitHubInstallation.create(id=7, account_id=1, account_login="acme", account_type="Organization")
    visitor = await alice(app)
    project = await cast.project(
        repo_url=OLD, github_repo_id=5, github_installation_id=7, repo_username="x-access-token"
    )
    page = await visitor.get(settings(project))
    assert "Connected by the GitHub App, as installed for acme" in page.text
    assert "https://github.com/organizations/acme/settings/installations/7" in page.text
    assert "x-access-token" not in page.text
    await visitor.post(settings(project, "/repository"), {"url": NEW})
    await project.refresh_from_db()
    assert (project.repo_url, project.github_repo_id, project.github_installation_id) == (NEW, None, None)
    assert project.repo_username == ""


# Pushes, and the webhook


async def test_which_pushes_count_is_chosen(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=OLD)
    answer = await visitor.post(settings(project, "/pushes"), {"watch_paths": "apps/web/**\r\n\r\n*.toml"}, htmx=True)
    await project.refresh_from_db()
    assert answer.status == 200
    assert (project.watch_paths, project.polled) == (["apps/web/**", "*.toml"], False)
    assert "apps/web/**\n*.toml" in answer.text
    refused = await visitor.post(settings(project, "/pushes"), {"watch_paths": "../x", "polled": "yes"}, htmx=True)
    assert (refused.status, "../x" in refused.text) == (422, True)
    await visitor.post(settings(project, "/pushes"), {"polled": "yes", "watch_paths": ""})
    await project.refresh_from_db()
    assert (project.watch_paths, project.polled) == ([], True)


async def test_the_hooks_secret_is_shown_to_who_asks_and_can_be_replaced(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=OLD)
    page = await visitor.get(settings(project))
    assert project.hook_secret
    assert project.hook_secret not in page.text
    assert str(project.hook_id) in page.text
    shown = await visitor.get(settings(project, "/hook/secret"))
    assert (shown.text, shown.headers["Cache-Control"]) == (project.hook_secret, "no-store")
    assert shown.headers["Content-Type"].startswith("text/plain")
    answer = await visitor.post(settings(project, "/hook/secret"), htmx=True)
    now = (await visitor.get(settings(project, "/hook/secret"))).text
    assert answer.status == 200
    assert len(now) >= 32
    assert now != project.hook_secret


async def test_a_project_from_before_there_were_hooks_gets_its_secret_when_asked(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=OLD)
    await Project.filter(id=project.id).update(hook_secret=None)
    assert "There is none yet" in (await visitor.get(settings(project))).text
    assert (await visitor.get(settings(project, "/hook/secret"))).status == 404
    await visitor.post(settings(project, "/hook/secret"))
    assert (await visitor.get(settings(project, "/hook/secret"))).status == 200


async def test_members_who_did_not_make_it_change_nothing(app: Quart) -> None:
    project = await cast.project(repo_url=OLD)
    visitor = await Visitor(app).signed_in(await cast.bob())
    for path in ("/repository", "/repository/check", "/repository/key", "/pushes", "/hook/secret"):
        assert (await visitor.post(settings(project, path), {"url": NEW})).status == 403
    assert (await visitor.get(settings(project, "/hook/secret"))).status == 403


async def test_the_settings_open_with_few_queries(app: Quart, monkeypatch: pytest.MonkeyPatch) -> None:
    await GitHubInstallation.create(id=7, account_id=1, account_login="acme")
    project = await cast.project(repo_url=OLD, github_repo_id=5, github_installation_id=7)
    await cast.deployment(project, state=State.succeeded)
    visitor, kind = await alice(app), type(connections.get("default"))
    asked: list[str] = []
    for name in ("execute_query", "execute_query_dict"):
        ask = getattr(kind, name)

        async def counted(self: object, query: str, *values: object, ask: Any = ask) -> object:
            asked.append(query)
            return await ask(self, query, *values)

        monkeypatch.setattr(kind, name, counted)
    assert (await visitor.get(settings(project))).status == 200
    assert 3 < len(asked) <= 6, asked


async def test_what_is_kept_is_encrypted(app: Quart) -> None:
    project = await cast.project(repo_url=OLD, repo_token=TOKEN, repo_key="canary-key", hook_secret="canary-secret")
    rows = await connections.get("default").execute_query_dict("SELECT * FROM project WHERE id = $1", [project.id])
    assert len(rows) == 1
    assert TOKEN not in str(rows)
    assert "canary" not in str(rows)


async def test_a_project_has_a_picture(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project(repo_url=OLD)
    drawn = BytesIO()
    Image.new("RGB", (600, 400), "teal").save(drawn, "PNG")
    drawn.seek(0)
    sent = {"picture": FileStorage(drawn, "shop.png")}
    assert (await visitor.post(f"/projects/{project.slug}/picture", files=sent)).status == 303
    await project.refresh_from_db()
    assert f"/avatars/project/{project.id}/{project.avatar}.webp" in (await visitor.get(settings(project))).text
    wrong = {"picture": FileStorage(BytesIO(b"no picture"), "shop.png")}
    answer = await visitor.post(f"/projects/{project.slug}/picture", files=wrong)
    assert (answer.status, 'id="picture-error"' in answer.text) == (422, True)
    await visitor.post(f"/projects/{project.slug}/picture/removal")
    await project.refresh_from_db()
    assert project.avatar is None
