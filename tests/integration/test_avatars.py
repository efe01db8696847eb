"""Pictures of people, teams and projects: what was sent becomes a small square of our own making."""

from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from quart import Quart
from quart.datastructures import FileStorage

from devpush.deploy import pictures
from devpush.errors import NotFound, Unavailable
from devpush.models import Project, Team, User
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Answer, Visitor, dashboard

pytestmark = pytest.mark.integration

RED, GREEN, BLUE, CLEAR = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0, 0)


@pytest.fixture
def app(db: str, world: FakeWorld) -> Quart:
    return dashboard(world)


def picture(
    format: str = "PNG", size: tuple[int, int] = (640, 480), colour: Any = RED, mode: str = "RGB", **more: Any
) -> bytes:
    return encoded(Image.new(mode, size, colour), format, **more)


def encoded(image: Image.Image, format: str = "PNG", **more: Any) -> bytes:
    out = BytesIO()
    image.save(out, format, **more)
    return out.getvalue()


def drawn(picture: bytes) -> Image.Image:
    """What becomes of it."""
    image = Image.open(BytesIO(pictures.draw(picture)))
    image.load()
    return image


def near(found: Any, wanted: tuple[int, ...]) -> bool:
    """WebP rounds colours a little."""
    return all(abs(one - other) < 24 for one, other in zip(found, wanted, strict=True))


async def send(visitor: Visitor, content: bytes, name: str = "me.png", *, to: str = "/account/picture") -> Answer:
    return await visitor.post(to, files={"picture": FileStorage(BytesIO(content), filename=name)})


async def address(user: User) -> str:
    await user.refresh_from_db()
    return f"/avatars/user/{user.id}/{user.avatar}.webp"


# What becomes of a picture


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_every_format_becomes_a_square_webp(format: str) -> None:
    image = drawn(picture(format))
    assert (image.format, image.size) == ("WEBP", (512, 512))
    assert near(image.convert("RGB").getpixel((256, 256)), RED)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (3000, 20), (20, 3000), (4000, 3000), (511, 513)])
def test_every_shape_becomes_the_same_square(size: tuple[int, int]) -> None:
    assert drawn(picture(size=size)).size == (512, 512)


@pytest.mark.parametrize(
    ("mode", "colour"),
    [
        ("1", 1),
        ("L", 255),
        ("LA", (255, 255)),
        ("P", 0),
        ("RGB", (255, 255, 255)),
        ("RGBA", (255,) * 4),
        ("I;16", 65535),
    ],
)
def test_every_kind_of_colour_is_understood(mode: str, colour: Any) -> None:
    image = Image.new(mode, (30, 30), colour)
    if mode == "P":
        image.putpalette([255, 255, 255])
    assert near(drawn(encoded(image)).convert("RGB").getpixel((256, 256)), (255, 255, 255))


def test_a_print_shops_jpeg_is_understood() -> None:
    assert near(drawn(picture("JPEG", mode="CMYK", colour=(0, 255, 255, 0))).getpixel((256, 256)), RED)


def test_the_middle_is_kept() -> None:
    image = Image.new("RGB", (900, 300), BLUE)
    image.paste(GREEN, (300, 0, 600, 300))
    found = drawn(encoded(image))
    assert all(near(found.getpixel(at), GREEN) for at in ((8, 8), (256, 256), (503, 503)))


def test_what_is_transparent_stays_so() -> None:
    image = Image.new("RGBA", (300, 300), CLEAR)
    image.paste(RED, (0, 0, 150, 300))
    found = drawn(encoded(image))
    assert (found.getpixel((400, 256))[3], found.getpixel((100, 256))[3]) == (0, 255)  # type: ignore[index]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_however_the_camera_was_held(orientation: int) -> None:
    upright = Image.new("RGB", (400, 400), BLUE)
    upright.paste(RED, (0, 0, 200, 200))
    upright.paste(GREEN, (200, 0, 400, 200))
    back = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    turn = pictures.UPRIGHT.get(back)
    stored = upright.transpose(turn) if turn is not None else upright
    exif = Image.Exif()
    exif[pictures.ORIENTATION] = orientation
    found = drawn(encoded(stored, "JPEG", exif=exif, quality=95, subsampling=0))
    corners = [(100, 100), (400, 100), (100, 400), (400, 400)]
    assert all(near(found.getpixel(at), wanted) for at, wanted in zip(corners, (RED, GREEN, BLUE, BLUE), strict=True))


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[pictures.ORIENTATION] = "CANARY camera", 1
    exif.get_ifd(0x8825)[1] = "N"
    sent = picture("JPEG", exif=exif, comment=b"CANARY", icc_profile=b"CANARY" * 40) + b"CANARY"
    assert b"CANARY" in sent
    stored = pictures.draw(sent)
    found = Image.open(BytesIO(stored))
    assert b"CANARY" not in stored
    assert b"EXIF" not in stored
    assert not {"exif", "icc_profile", "xmp", "comment"} & found.info.keys()


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_stays(format: str) -> None:
    frames = [Image.new("RGB", (200, 200), colour) for colour in (RED, GREEN, BLUE)]
    found = drawn(encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=100))
    assert getattr(found, "n_frames", 1) == 1
    assert near(found.convert("RGB").getpixel((256, 256)), RED)


# Who has one


async def test_a_picture_is_sent_shown_and_taken_away(app: Quart, world: FakeWorld) -> None:
    user = await cast.alice()
    alice = await Visitor(app).signed_in(user)
    assert (await send(alice, picture("JPEG"), "ada.jpg")).location == "/account"
    where = await address(user)
    page = await alice.get("/account")
    assert f'src="{where}"' in page.text
    shown = await alice.get(where)
    assert (shown.status, shown.headers["Content-Type"]) == (200, "image/webp")
    assert shown.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert Image.open(BytesIO(shown.body)).size == (512, 512)
    assert (await alice.get(where, headers={"If-None-Match": shown.headers["ETag"]})).status == 304
    assert (await alice.post("/account/picture/removal")).location == "/account"
    assert (await alice.get(where)).status == 404
    assert (await User.get(id=user.id)).avatar is None
    assert not [path for path in world.settings.upload_dir.rglob("*") if path.is_file()]


async def test_a_new_picture_takes_the_place_of_the_one_before(app: Quart, world: FakeWorld) -> None:
    user = await cast.alice()
    alice = await Visitor(app).signed_in(user)
    await send(alice, picture())
    before = await address(user)
    await send(alice, picture(colour=GREEN))
    after = await address(user)
    assert before != after, "browsers keep what they have of an address"
    assert ((await alice.get(before)).status, (await alice.get(after)).status) == (404, 200)
    assert len([path for path in world.settings.upload_dir.rglob("*") if path.is_file()]) == 1


async def test_the_same_picture_again_changes_nothing(app: Quart) -> None:
    user = await cast.alice()
    alice = await Visitor(app).signed_in(user)
    await send(alice, picture())
    before = await address(user)
    await send(alice, picture())
    assert await address(user) == before
    assert (await alice.get(before)).status == 200


async def test_without_a_file_the_form_says_so(app: Quart) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    for answer in (await alice.post("/account/picture"), await send(alice, b"", "")):
        assert answer.status == 422
        assert "Please choose a picture." in answer.text


async def test_teams_and_projects_have_pictures_that_their_members_see(app: Quart, world: FakeWorld) -> None:
    team, project = await cast.team_of(await cast.alice()), await cast.project()
    bob = await Visitor(app).signed_in(await cast.bob())
    version = await pictures.keep(world, "team", team.id, picture())
    await pictures.keep(world, "project", project.id, picture())
    assert (await bob.get(f"/avatars/team/{team.id}/{version}.webp")).status == 200
    assert (await bob.get(f"/avatars/project/{project.id}/{version}.webp")).status == 200
    assert ((await Team.get(id=team.id)).avatar, (await Project.get(id=project.id)).avatar) == (version, version)
    await pictures.forget(world, "team", team.id)
    assert (await bob.get(f"/avatars/team/{team.id}/{version}.webp")).status == 404
    assert (await bob.get(f"/avatars/project/{project.id}/{version}.webp")).status == 200


async def test_a_disk_that_is_full_is_told_and_leaves_nothing(app: Quart, world: FakeWorld) -> None:
    user = await cast.alice()
    world.settings.upload_dir.parent.mkdir(parents=True, exist_ok=True)
    world.settings.upload_dir.write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="can't be kept now"):
        await pictures.keep(world, "user", user.id, picture())
    answer = await send(await Visitor(app).signed_in(user), picture())
    assert (answer.status, (await User.get(id=user.id)).avatar) == (503, None)


async def test_a_picture_of_nobody_is_not_kept(app: Quart, world: FakeWorld) -> None:
    with pytest.raises(NotFound):
        await pictures.keep(world, "user", uuid4(), picture())
    assert not [path for path in world.settings.upload_dir.rglob("*") if path.is_file()]
