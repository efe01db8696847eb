"""Pictures of users, teams and projects: whatever was sent, kept as a small WebP that is all our own."""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

from PIL import Image
from tortoise import Model

from devpush.errors import NotFound, Refused, Unavailable
from devpush.models import Project, Team, User
from devpush.ports import World

KINDS: Mapping[str, type[Model]] = {"user": User, "team": Team, "project": Project}
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 50_000_000
MOST_PASSES = 20
"""How often a JPEG may go over all of its pixels, at most that large: each pass costs as much as the first."""
SIDE = 512
QUALITY = 85
VERSION = re.compile(r"[0-9a-f]{16}")
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's word for how the camera was held → what puts the picture right."""

Image.MAX_IMAGE_PIXELS = None  # our own limit is asked before anything is decoded, and says it in our words
_drawing = asyncio.Semaphore(1)
"""One at a time: a picture of 50 million pixels takes 200 MB while it is made small."""


async def keep(world: World, kind: str, id: UUID, picture: bytes) -> str:
    """Make it theirs; its version. Raises Refused for what is no picture we take, NotFound, and Unavailable."""
    async with _drawing:
        small = await asyncio.to_thread(draw, picture)
        version = hashlib.sha256(small).hexdigest()[:16]
        rows = KINDS[kind].filter(id=id)
        if not (before := await rows.values("avatar")):
            raise NotFound
        await asyncio.to_thread(_write, place(world, kind, id, version), small)
        await rows.update(avatar=version)
        if (earlier := before[0]["avatar"]) not in (None, version):
            await asyncio.to_thread(place(world, kind, id, earlier).unlink, missing_ok=True)
        return version


async def forget(world: World, kind: str, id: UUID) -> None:
    """Take away their picture, row first. Idempotent."""
    await KINDS[kind].filter(id=id).update(avatar=None)
    await asyncio.to_thread(_clear, _folder(world, kind), id)


async def read(world: World, kind: str, id: UUID, version: str) -> bytes | None:
    """The WebP, or None if there is none of that version."""
    try:
        return await asyncio.to_thread(place(world, kind, id, version).read_bytes)
    except FileNotFoundError:
        return None


def place(world: World, kind: str, id: UUID, version: str) -> Path:
    """Made of words of ours, an id and a hash only: nothing that anybody typed is in a file name."""
    if kind not in KINDS or not VERSION.fullmatch(version):
        raise ValueError("That is no picture of ours.")
    return _folder(world, kind) / f"{id}-{version}.webp"


def draw(picture: bytes) -> bytes:
    """The middle square of it, upright, 512 pixels a side, without anything else that was in the file."""
    if not picture:
        raise Refused("Please choose a picture.", field="picture")
    if len(picture) > MOST_BYTES:
        raise Refused("That picture is too large: at most 10 MB.", field="picture")
    try:
        return _draw(picture)
    except Refused:
        raise
    except Exception as error:  # decoders fed with strangers' bytes throw whatever comes to them
        raise Refused(
            "That is no picture that can be read. JPEG, PNG, GIF and WebP are taken.", field="picture"
        ) from error


def _draw(picture: bytes) -> bytes:
    with Image.open(BytesIO(picture), formats=FORMATS) as opened:
        width, height = opened.size
        if width * height > MOST_PIXELS:
            raise Refused("That picture has too many pixels: at most 50 million.", field="picture")
        if width * height * picture.count(b"\xff\xda") > MOST_PIXELS * MOST_PASSES and opened.format in ("JPEG", "MPO"):
            raise Refused("That picture takes too long to read. Please save it anew.", field="picture")
        turn = UPRIGHT.get(_orientation(opened))
        opened.draft(None, (2 * SIDE, 2 * SIDE))  # a JPEG is decoded at a fraction of its size
        image = _small(opened)
    square = image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=_middle(image))
    if turn is not None:
        square = square.transpose(turn)
    clean = Image.new(square.mode, square.size)
    clean.paste(square)  # pixels only: no EXIF, no profile, no comment
    drawn = BytesIO()
    clean.save(drawn, "WEBP", quality=QUALITY, method=4)
    return drawn.getvalue()


def _small(image: Image.Image) -> Image.Image:
    """At most four times as large as what is kept, in plain colours: converting all of a huge one would take its
    memory once more."""
    side = min(*image.size, 4 * SIDE)
    if min(image.size) > side or max(image.size) > 2 * side:
        image = image.resize((side, side), Image.Resampling.NEAREST, box=_middle(image))
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _middle(image: Image.Image) -> tuple[float, float, float, float]:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # broken EXIF is common, and no reason to refuse the picture
        return 1


def _folder(world: World, kind: str) -> Path:
    return world.settings.upload_dir / "avatars" / kind


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            part = Path(file.name)
            try:
                file.write(content)
                file.close()
                part.replace(path)
            except OSError:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Unavailable(f"The picture can't be kept now ({reason}). Your operator can see to UPLOAD_DIR.") from None


def _clear(folder: Path, id: UUID) -> None:
    for path in folder.glob(f"{id}-*.webp"):
        path.unlink(missing_ok=True)
