"""What GitHub hears back of a deployment: never on the path of the rollout, tried again, given up with a note.

Whoever sends a report claims its row first, by `next_at`: no other process sends it meanwhile, and what is cut off is
sent again when the claim's time is over.
"""

import asyncio
import logging
from datetime import datetime
from typing import Any

from tortoise import connections

from devpush.deploy import environment, github, outlook
from devpush.deploy.lines import mask
from devpush.deploy.news import tell_reported
from devpush.deploy.outlook import Due, Outlook
from devpush.errors import DeployFailed, Unavailable
from devpush.models import Deployment, GitHubToken, Report
from devpush.models.database import fetch
from devpush.models.project import PRODUCTION
from devpush.models.reading import plain
from devpush.ports import GitHubRefused, Token, TokenRefused, World

AT_ONCE = 8
LOOK_EVERY = 1.0
"""Seconds between two looks for news while others are being sent."""
CLAIM = 90
"""Seconds that sending one may take."""
LAST_WORDS = 2.0
"""Seconds that a deployment being made on GitHub is waited for when the process ends."""
PAUSES = (5, 15, 60, 180, 600, 1200, 1800)
"""Seconds after each attempt: together longer than the hour within which GitHub's rate limits end."""
PERMISSIONS = {"statuses": "write", "deployments": "write"}
log = logging.getLogger(__name__)


async def work(world: World) -> bool:
    """Send what is due, and what becomes due meanwhile: then nothing is left that could be sent now."""
    sending: dict[asyncio.Task[None], Due] = {}
    try:
        await _begin(world, sending)
        while sending:
            await asyncio.wait(sending, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
            _take_out_done(sending)
            await _begin(world, sending)
    finally:
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
    return False


async def _begin(world: World, sending: dict[asyncio.Task[None], Due]) -> None:
    """With those that are due now, as far as there is room beside what is being sent."""
    await outlook.begin_reports()
    if room := AT_ONCE - len(sending):
        for due in await outlook.due(sending.values(), room):
            sending[asyncio.create_task(report(world, due))] = due


def _take_out_done(sending: dict[asyncio.Task[None], Due]) -> None:
    for task in [task for task in sending if task.done()]:
        due = sending.pop(task)
        if problem := task.exception():  # the database went away: its claim runs out
            log.warning("report interrupted: %s", problem, extra={"deployment": str(due.id)})


# Sending one ----------------------------------------------------------------------------------------------------------


async def report(world: World, due: Due) -> None:
    """Tell GitHub of one deployment, and keep how that went."""
    if (claim := await _claim(due)) is None:
        return
    try:
        async with asyncio.timeout(CLAIM):
            await _send(world, due)
    except (GitHubRefused, DeployFailed) as refusal:
        await _give_up(due, claim, refused(due, refusal))
    except (Unavailable, TokenRefused, TimeoutError) as trouble:
        await _try_later(due, claim, str(trouble) or "GitHub takes too long to answer.")
    except Exception:
        log.exception("report broke", extra={"deployment": str(due.id)})
        await _try_later(due, claim, "Something went wrong on our side. The server's log has it.")
    else:
        await _keep(due, claim, reported=due.outlook.value, attempts=0, given_up="")
    await tell_reported(world, due.id)


async def _claim(due: Due) -> datetime | None:
    """Make it ours for a while; None if somebody else was first."""
    rows = await fetch(
        """UPDATE report SET attempts = attempts + 1, next_at = now() + make_interval(secs => $3)
        WHERE deployment_id = $1 AND next_at = $2 RETURNING next_at""",
        due.id,
        due.next_at,
        CLAIM + 5.0,
    )
    return rows[0]["next_at"] if rows else None


async def _send(world: World, due: Due) -> None:
    status, deployment = outlook.wants_status(due), outlook.wants_deployment(due)
    if not (status or deployment):
        return
    if due.installation is None:
        raise DeployFailed("The GitHub App is no longer installed where the repository is. Install it there again.")
    token = await github.installation_token(world, due.installation, repo=due.repo_id, permissions=PERMISSIONS)
    said = outlook.description(due, world.settings, await _reason(due))
    try:
        if status:
            await _set_status(world, token, due, said)
        if deployment:
            await _set_deployment(world, token, due, said)
    except TokenRefused:
        await GitHubToken.filter(installation_id=due.installation).delete()  # the next attempt asks for another one
        raise


async def _set_status(world: World, token: Token, due: Due, said: str) -> None:
    await world.github.set_status(
        token,
        due.repository,
        due.commit_sha,
        state=due.words.status,
        context=outlook.context(due),
        description=said,
        url=outlook.page(due, world.settings),
    )


async def _set_deployment(world: World, token: Token, due: Due, said: str) -> None:
    await world.github.set_deployment_status(
        token,
        due.repository,
        due.github_id or await _create(world, token, due),
        state=due.words.deployment,
        description=said,
        log_url=outlook.page(due, world.settings),
        url=outlook.address(due, world.settings),
    )


async def _create(world: World, token: Token, due: Due) -> int:
    """Have GitHub make a deployment of it. There are never to be two of one: its id is kept at once, and who is stopped
    in between still waits for it a moment."""
    making = asyncio.create_task(_make(world, token, due))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        await asyncio.wait({making}, timeout=LAST_WORDS)
        making.cancel()
        raise


async def _make(world: World, token: Token, due: Due) -> int:
    id = await world.github.create_deployment(
        token,
        due.repository,
        due.commit_sha,
        environment=outlook.environment(due),
        description=f"Deployment {due.id.hex[:7]} of {due.project_name}"[: outlook.LONGEST],
        production=due.environment_slug == PRODUCTION,
    )
    await Report.filter(deployment_id=due.id).update(github_id=id)
    return id


async def _reason(due: Due) -> str:
    """Why it ended, in one line, without the values of its variables."""
    line = due.reason.partition("\n")[0]
    if not line or due.outlook != Outlook.failed:
        return line
    deployment = await Deployment.get_or_none(id=due.id)
    return mask(line, environment.secrets(deployment)) if deployment else ""


# How it went ----------------------------------------------------------------------------------------------------------


async def _try_later(due: Due, claim: datetime, trouble: str) -> None:
    """After a pause, longer each time; after the last of them no more."""
    if due.attempts >= len(PAUSES):
        why = f"because that failed {due.attempts + 1} times in a row, at last with: {_quoted(trouble)}"
        await _give_up(due, claim, f"{_not_told(due)}, {why}")
        return
    log.info("report put off: %s", trouble, extra={"deployment": str(due.id), "attempt": due.attempts + 1})
    await _keep(due, claim, pause=PAUSES[due.attempts])


async def _give_up(due: Due, claim: datetime, note: str) -> None:
    """With a note for the deployment's page. A change of its outlook is told again."""
    log.warning("report given up: %s", note, extra={"deployment": str(due.id)})
    await _keep(due, claim, reported=due.outlook.value, attempts=0, given_up=note)


async def _keep(due: Due, claim: datetime, *, pause: float = 0, **facts: Any) -> None:
    """Unless our time was over, and somebody else has it now."""
    names = "".join(f", {name} = ${number}" for number, name in enumerate(facts, 4))
    await connections.get("default").execute_query(
        f"UPDATE report SET next_at = now() + make_interval(secs => $3){names} "  # noqa: S608 - our own names
        "WHERE deployment_id = $1 AND next_at = $2",
        [due.id, claim, float(pause), *facts.values()],
    )


GONE = (
    "Look on GitHub whether the App is still installed for {repository}, "
    "or connect the repository again in the project's settings."
)
ADVICE = {
    401: GONE,
    403: "Whoever owns {repository} must let the App write commit statuses and deployments there.",
    404: GONE,
    422: "Look whether the commit is still in {repository}, and whether the App may write commit statuses and "
    "deployments there.",
}


def refused(due: Due, refusal: GitHubRefused | DeployFailed) -> str:
    """Why trying again would not help, and what would."""
    if isinstance(refusal, DeployFailed):
        return f"{_not_told(due)}, because we can't: {_quoted(str(refusal))}"
    advice = ADVICE.get(refusal.status, "").format(repository=due.repository)
    return f"{_not_told(due)}, because it said no: {_quoted(str(refusal))} {advice}".strip()


def _quoted(sentence: str) -> str:
    return f"“{plain(sentence).strip().rstrip('.')[:500]}”."


def _not_told(due: Due) -> str:
    return f"GitHub was not told that this deployment {due.words.clause}"
