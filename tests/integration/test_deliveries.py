"""The page of what a Git server told us, and deploying something of it again."""

import html
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from quart import Quart

from devpush.deploy import payloads, push
from devpush.deploy.payloads import NotAPush, Push
from devpush.models import Delivery, Deployment, Project
from devpush.models.people import now
from tests import cast
from tests.fakes import FakeWorld
from tests.hooks import Server, sha
from tests.visitor import Answer, Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def alice(app: Quart) -> Visitor:
    return await Visitor(app).signed_in(await cast.alice())


def words(answer: Answer) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def page_of(project: Project) -> str:
    return f"/projects/{project.slug}/deliveries"


async def told(project: Project, fact: Push | NotAPush, verdict: push.Verdict, source: str = "github") -> Delivery:
    await push.record(project, fact, verdict, source=source)
    newest = await Delivery.filter(project=project).order_by("-created_at").first()
    assert newest
    return newest


async def test_an_empty_log_says_what_will_be_here_and_what_to_do(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project()
    page = await visitor.get(page_of(project))
    assert page.status == 200
    assert "Nothing came in yet" in words(page)
    assert f'href="/projects/{project.slug}/settings#settings-webhook"' in page.text
    connected = await cast.project(github_repo_id=1)
    assert "What GitHub tells of this repository" in words(await visitor.get(page_of(connected)))


async def test_the_log_tells_what_came_and_why_and_leads_to_the_deployment(app: Quart, world: FakeWorld) -> None:
    visitor, project = await alice(app), await cast.project()
    deployment = await cast.deployment(project)
    gone = Push("main", sha(), message="Add it\n\nlong story", author="Bob")
    await told(project, gone, push.Verdict("deployed", "Goes to Production.", push.Queued(deployment)))
    tag = "v1 is a tag, and only branches are deployed."
    await told(project, NotAPush("", tag), push.Verdict("ignored", tag), "gitlab")
    page = await visitor.get(page_of(project))
    text = words(page)
    assert text.index("v1 is a tag") < text.index("Add it"), "newest first"
    assert all(word in text for word in ("Deployed", "Ignored", "GitHub", "GitLab", "main", gone.sha[:7], "Queued"))
    assert "long story" not in text
    assert f'href="/projects/{project.slug}/deployments/{deployment.id}"' in page.text
    assert page.text.count("/replay") == 1, "only a push can be deployed again"


async def test_the_log_has_pages(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project()
    facts = {"project": project, "source": "github", "event": "push", "verdict": "noted"}
    made = [Delivery(**facts, sentence=f"News {n}.", created_at=now() - timedelta(minutes=n)) for n in range(30)]
    await Delivery.bulk_create(made)
    for number, one in enumerate(made):
        await Delivery.filter(id=one.id).update(created_at=now() - timedelta(minutes=number))
    first, second = words(await visitor.get(page_of(project))), words(await visitor.get(page_of(project) + "?page=2"))
    assert "30 deliveries · page 1 of 2" in first
    assert "News 0." in first
    assert "News 25." not in first
    assert "News 25." in second
    for odd in ("0", "-1", "99", "x", "9" * 30):
        assert (await visitor.get(f"{page_of(project)}?page={odd}")).status == 200


async def test_a_push_is_deployed_again_by_its_button(app: Quart, world: FakeWorld) -> None:
    visitor, project = await alice(app), await cast.project()
    pushed = Push("main", sha(), message="Change it [skip deploy]", author="Bob")
    delivery = await told(project, pushed, push.Verdict("ignored", "Its commit message says [skip deploy]."))
    answer = await visitor.post(f"{page_of(project)}/{delivery.id}/replay")
    deployment = await Deployment.get()
    assert answer.location == f"/projects/{project.slug}/deployments/{deployment.id}"
    assert (deployment.commit_sha, deployment.created_by_id) == (pushed.sha, (await cast.alice()).id)
    again = await Delivery.get(source="replay")
    assert (again.verdict, again.deployment_id) == ("deployed", deployment.id)
    assert payloads.kept(again.facts) == (pushed,)


async def test_what_can_not_be_deployed_again_is_said(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project()
    delivery = await told(project, Push("other", sha()), push.Verdict("ignored", "No environment takes it."))
    answer = await visitor.post(f"{page_of(project)}/{delivery.id}/replay")
    assert answer.location == page_of(project)
    assert "No environment takes the branch other." in words(await visitor.get(answer.location))
    assert not await Deployment.exists()


async def test_a27_what_others_wrote_is_text(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project()
    evil = "<script>alert(1)</script>\x1b[31m\x1b]8;;https://evil.example\x07link\u202egnp.exe"
    await told(project, Push("main", sha(), message=evil, author=evil), push.Verdict("ignored", evil))
    page = await visitor.get(page_of(project))
    assert "<script>alert" not in page.text
    assert not {"\x1b", "\x07", "\u202e"} & set(page.text)


async def test_a_webhook_with_a_wrong_secret_leaves_a_trace_until_it_is_right(app: Quart) -> None:
    """The commonest mistake in setting one up; strangers who don't know the address leave none."""
    visitor, project, server = await alice(app), await cast.project(hook_secret="right"), Server(app)
    hook = f"/api/hooks/{project.hook_id}"

    async def call(secret: str) -> int:
        return (await server.send(hook, b"{}", {"X-Devpush-Token": secret})).status

    assert [await call("wrong"), await call("")] == [401, 401]
    page = words(await visitor.get(page_of(project)))
    assert "2 calls of the webhook came with a wrong secret or none, the last just now" in page
    assert "wrong secret" not in words(await visitor.get(page_of(await cast.project())))
    assert await call("right") == 202
    assert "wrong secret" not in words(await visitor.get(page_of(project)))
    assert (await server.send(f"/api/hooks/{uuid4()}", b"{}", {"X-Devpush-Token": "wrong"})).status == 401
