"""Room on the disk: which images of ours nobody needs any more, and whether there is enough for a build.

Nothing of anybody else's is counted or touched: the engine is asked for what carries our label."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from devpush.deploy.findings import size
from devpush.deploy.plan import PROJECT
from devpush.errors import DeployFailed
from devpush.models import Project
from devpush.models.database import fetch
from devpush.ports import World

MB = 1_000_000
JUST_MADE = timedelta(hours=1)
"""Whatever is younger may belong to a deployment that isn't written down yet."""
DEPENDENCIES_KEPT = timedelta(days=7)
"""What the next push builds on, as long as somebody pushes."""

PLENTY = 50_000 * MB
"""With so much free, no build need be asked for its size."""

# What serves or served before, the newest of each environment, and what is being worked on.
NEEDED = """
    SELECT image FROM (
        SELECT d.image, coalesce(e.kept_images, $1) AS kept,
               row_number() OVER (PARTITION BY d.environment_id ORDER BY d.number DESC) AS place
        FROM deployment d JOIN environment e ON e.id = d.environment_id
        WHERE d.state = 'succeeded' AND d.image IS NOT NULL
    ) newest WHERE place <= kept
    UNION SELECT d.image FROM alias a JOIN deployment d ON d.id IN (a.deployment_id, a.previous_id)
    UNION SELECT d.image FROM deployment u JOIN deployment d ON d.id IN (u.id, u.source_id)
        WHERE u.state IN ('queued', 'building', 'starting', 'routing')
"""


@dataclass(frozen=True)
class Needless:
    """An image that can go."""

    name: str
    why: str


async def needless(world: World) -> list[Needless]:
    """What a sweep would remove now."""
    needed = {row["image"] for row in await fetch(NEEDED, world.settings.kept_images)}
    now = datetime.now(UTC)
    found = []
    for name, _, created in await world.containers.images({}):
        why = _why(name, now - created)
        if why and name not in needed:
            found.append(Needless(name, why))
    return found


def _why(name: str, age: timedelta) -> str:
    """Why an image that no deployment needs can go; "" if it stays all the same."""
    kind = name.rpartition(":")[2].partition("-")[0]
    if name.startswith("sha256:"):  # a newer one took its name, or it is a stage of somebody's Dockerfile
        return "its name belongs to a newer one" if age > DEPENDENCIES_KEPT else ""
    if kind == "deps":
        return "installed dependencies that were made more than 7 days ago" if age > DEPENDENCIES_KEPT else ""
    return "of no deployment that can be rolled back to" if kind == "app" and age > JUST_MADE else ""


async def retire(world: World) -> None:
    """Remove what nobody needs. What a container still uses stays."""
    for image in await needless(world):
        await world.containers.remove_image(image.name)


async def make_room(world: World, project: Project) -> str:
    """Before a build: whether it is likely to fit. A warning, if it isn't or it is getting tight; raises DeployFailed
    if there is less than DISK_RESERVE_MB also after what nobody needs is gone: the database and what serves need it
    more."""
    reserve = world.settings.disk_reserve_mb * MB
    free = await _free(world)
    takes = await _takes(world, project) if free is not None and free < PLENTY else 0
    if free is not None and free < reserve + takes:
        await retire(world)
        free = await _free(world)
    if free is None or free >= max(2 * reserve, reserve + takes):
        return ""
    if free < reserve:
        raise DeployFailed(
            f"The server's disk is almost full: {size(free)} are free, and {size(reserve)} are kept for what runs. "
            "What serves goes on serving. The operator can make room, or lower DISK_RESERVE_MB; then redeploy."
        )
    if free < reserve + takes:
        return (
            f"This build may not fit on the server's disk: earlier ones of this project took up to {size(takes)}, "
            f"{size(free)} are free, and {size(reserve)} of them are kept for what runs."
        )
    return f"The server's disk fills up: {size(free)} are free. Builds are refused below {size(reserve)}."


async def _takes(world: World, project: Project) -> int:
    """What a build of everything may take: the largest dependencies that the project has had, and the largest app."""
    sizes = await world.containers.image_sizes({PROJECT: str(project.id)})
    of_kind = [[taken for name, taken in sizes.items() if f":{kind}-" in name] for kind in ("deps", "app")]
    return sum(max(found, default=0) for found in of_kind)


async def _free(world: World) -> int | None:
    """Bytes, on the disk of DATA_DIR, where there is Docker's data as well unless somebody moved it."""
    disk = await world.machine.disk(world.settings.data_dir)
    return disk.free if disk else None
