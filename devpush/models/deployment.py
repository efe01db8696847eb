"""A deployment and its life: which state may follow which, and the one way to move it."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from tortoise import Model, connections, fields
from tortoise.expressions import F

from devpush.errors import MovedMeanwhile, WrongState
from devpush.models.people import User
from devpush.models.project import Environment, Project
from devpush.models.secret import SecretField


class State(StrEnum):
    queued = "queued"
    building = "building"
    starting = "starting"
    routing = "routing"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"
    skipped = "skipped"


NEXT: dict[State, frozenset[State]] = {
    State.queued: frozenset({State.building, State.skipped, State.cancelled, State.failed}),
    State.building: frozenset({State.starting, State.cancelled, State.failed}),
    State.starting: frozenset({State.routing, State.cancelled, State.failed}),
    State.routing: frozenset({State.succeeded, State.failed}),
    State.succeeded: frozenset(),
    State.failed: frozenset(),
    State.cancelled: frozenset(),
    State.skipped: frozenset(),
}
UNFINISHED = tuple(state for state, following in NEXT.items() if following)
CANCELLABLE = tuple(state for state, following in NEXT.items() if State.cancelled in following)


class Deployment(Model):
    id = fields.UUIDField(primary_key=True, default=uuid4)
    number = fields.BigIntField()
    """From the sequence of acts: a later act has the higher number, over all projects."""
    project: fields.ForeignKeyRelation[Project] = fields.ForeignKeyField("models.Project", related_name="deployments")
    project_id: UUID
    environment: fields.ForeignKeyNullableRelation[Environment] = fields.ForeignKeyField(
        "models.Environment", related_name="deployments", null=True, on_delete=fields.SET_NULL
    )
    environment_id: UUID | None
    created_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="deployments", null=True, on_delete=fields.SET_NULL
    )
    created_by_id: UUID | None
    source: fields.ForeignKeyNullableRelation["Deployment"] = fields.ForeignKeyField(
        "models.Deployment", related_name="copies", null=True, on_delete=fields.SET_NULL
    )
    source_id: UUID | None
    """The deployment whose image a promotion runs, or that a redeploy repeats."""
    trigger = fields.CharField(max_length=20, default="push")
    branch = fields.CharField(max_length=255)
    commit_sha = fields.CharField(max_length=64)
    commit_message = fields.TextField(default="")
    commit_author = fields.CharField(max_length=255, default="")
    config: fields.Field[dict[str, Any]] = fields.JSONField(default=dict)
    variables = SecretField(default="{}")
    """JSON of the tenant's variables as they were when the deployment was made."""
    commits: fields.Field[list[dict[str, str]] | None] = fields.JSONField(null=True)
    """The commits since the one deployed there before, newest first: {"sha", "message" (its first line), "author", "at"
    (ISO)}; null while nobody has asked Git."""
    state = fields.CharEnumField(State, default=State.queued, max_length=20)
    reason = fields.TextField(default="")
    holder = fields.UUIDField(null=True)
    """Who works on it now: the fencing token of `move`."""
    attempts = fields.IntField(default=0)
    image = fields.CharField(max_length=255, null=True)
    image_reused = fields.BooleanField(default=False)
    build_key = fields.CharField(max_length=64, null=True)
    address = fields.CharField(max_length=15, null=True)
    health = fields.CharField(max_length=20, default="")
    """"" while nothing is known, else ok, restarting or crashed."""
    health_note = fields.TextField(default="")
    created_at = fields.DatetimeField(auto_now_add=True)
    building_at = fields.DatetimeField(null=True)
    starting_at = fields.DatetimeField(null=True)
    routing_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "deployment"
        indexes = (
            ("project", "environment", "branch"),
            ("project", "state", "number"),
            ("environment", "state", "number"),
            ("project", "branch", "number"),
            ("project", "build_key"),
        )
        unique_together = (("project", "address"),)

    @property
    def short_id(self) -> str:
        return self.id.hex[:7]

    @property
    def finished(self) -> bool:
        return not NEXT[self.state]

    async def move(self, to: State, **facts: Any) -> None:
        """Move to the next state, unless somebody else has moved or taken us first."""
        if to not in NEXT[self.state]:
            raise WrongState(f"A {self.state} deployment cannot become {to}.")
        facts["state"] = to
        facts[f"{to}_at" if NEXT[to] else "finished_at"] = datetime.now(UTC)
        if not await Deployment.filter(id=self.id, state=self.state, holder=self.holder).update(**facts):
            raise MovedMeanwhile(f"The deployment is no longer {self.state}.")
        self.update_from_dict(facts)

    async def note(self, **facts: Any) -> None:
        """Keep facts about the present step, unless somebody else has moved or taken us."""
        if not await Deployment.filter(id=self.id, state=self.state, holder=self.holder).update(**facts):
            raise MovedMeanwhile(f"The deployment is no longer {self.state}.")
        self.update_from_dict(facts)

    @classmethod
    async def take(cls, id: UUID) -> "Deployment | None":
        """Make it ours to work on: whoever held it can move it no more. None if it is finished or gone."""
        holder = uuid4()
        taken = cls.filter(id=id, state__in=UNFINISHED)
        if not await taken.update(holder=holder, attempts=F("attempts") + 1):
            return None
        return await cls.get(id=id).select_related("project", "environment", "source")

    @classmethod
    async def end_broken(cls, id: UUID, reason: str) -> None:
        """Fail it whoever holds it: working on it met a mistake of ours."""
        await cls.filter(id=id, state__in=UNFINISHED).update(
            state=State.failed, reason=reason, finished_at=datetime.now(UTC)
        )

    @classmethod
    async def cancel(cls, id: UUID) -> bool:
        """Cancel whatever its holder is at; whether there was still something to cancel."""
        moved = await cls.filter(id=id, state__in=CANCELLABLE).update(
            state=State.cancelled, finished_at=datetime.now(UTC)
        )
        return bool(moved)


async def next_act() -> int:
    """The number of a new act: a deployment's creation, a rollback. Grows over the whole installation."""
    [row] = await connections.get("default").execute_query_dict("SELECT nextval('act') AS number")
    return int(row["number"])
