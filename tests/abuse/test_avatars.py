"""Pictures that are none, or too much, or somebody else's (A11, A14, A26, A31)."""

import asyncio
import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image
from quart import Quart

from devpush.deploy import membership, pictures
from devpush.errors import Refused
from devpush.models import Member, Role, User
from tests import cast
from tests.fakes import FakeWorld
from tests.integration.test_avatars import encoded, picture, send
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.abuse]

NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def app(db: str, world: FakeWorld) -> Quart:
    return dashboard(world)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_bomb(side: int) -> bytes:
    """A small file that says it is `side` pixels square, and would be."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def png_of_words(size: int) -> bytes:
    """A comment that is megabytes once unpacked."""
    whole = picture()
    at = whole.index(b"IDAT") - 4
    return whole[:at] + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(size), 9)) + whole[at:]


def gif_bomb() -> bytes:
    return (
        b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\2\1\0\0;"
    )


def webp_bomb() -> bytes:
    """A VP8X canvas of 16,384 pixels square around a frame of one."""
    inner = encoded(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    canvas = (16383).to_bytes(3, "little") * 2
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_of_many_passes() -> bytes:
    """Progressive, large, and the last pass again and again."""
    whole = encoded(Image.new("RGB", (6000, 6000), (9, 9, 9)), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + (whole[last:-2] * 200) + b"\xff\xd9"


WRONG = {
    "nothing": b"",
    "text": b"Hello, I am a picture.",
    "a page": b"<!doctype html><script>alert(1)</script>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect width="9" height="9"/></svg>',
    "SVG with a declaration": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "BMP": encoded(Image.new("RGB", (9, 9)), "BMP"),
    "TIFF": encoded(Image.new("RGB", (9, 9)), "TIFF"),
    "ICO": encoded(Image.new("RGB", (16, 16)), "ICO"),
    "PDF": encoded(Image.new("RGB", (9, 9)), "PDF"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "a pipe for ImageMagick": b"push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1/x'\n",
    "a zip": b"PK\x03\x04" + bytes(100),
    "half a JPEG": encoded(Image.effect_noise((400, 400), 90).convert("RGB"), "JPEG")[:4000],
    "half a PNG": encoded(Image.effect_noise((400, 400), 90), "PNG")[:4000],
    "half a WebP": encoded(Image.effect_noise((400, 400), 90).convert("RGB"), "WEBP")[:1000],
    "a GIF's head": b"GIF89a",
    "a PNG's head": b"\x89PNG\r\n\x1a\n",
    "a JPEG's head": b"\xff\xd8\xff\xe0",
}


@pytest.mark.parametrize("kind", WRONG)
async def test_a11_what_is_no_picture_is_refused_whatever_its_name(app: Quart, world: FakeWorld, kind: str) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    answer = await send(alice, WRONG[kind], "me.png")
    assert answer.status == 422
    assert "picture" in answer.text
    assert (await User.get(email="alice@example.com")).avatar is None
    assert not files(world)


@pytest.mark.parametrize(
    "bomb", [png_bomb(30_000), gif_bomb(), webp_bomb(), png_bomb(7072)], ids=["png", "gif", "webp", "just too large"]
)
def test_a31_a_bomb_is_refused_before_it_is_unpacked(bomb: bytes) -> None:
    assert len(bomb) < 10_000
    began = time.monotonic()
    with pytest.raises(Refused):
        pictures.draw(bomb)
    assert time.monotonic() - began < 1


def test_a31_what_a_comment_unpacks_to_is_limited() -> None:
    began = time.monotonic()
    with pytest.raises(Refused):
        pictures.draw(png_of_words(100_000_000))
    assert time.monotonic() - began < 2


def test_a31_a_jpeg_of_endless_passes_is_refused() -> None:
    began = time.monotonic()
    with pytest.raises(Refused, match="too long"):
        pictures.draw(jpeg_of_many_passes())
    assert time.monotonic() - began < 2


async def test_a31_the_dashboard_goes_on_answering_while_pictures_are_drawn(app: Quart) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    huge = encoded(Image.new("L", (7000, 7000), 200), "PNG")
    sending = [asyncio.create_task(send(await Visitor(app).signed_in(await cast.alice()), huge)) for _ in range(4)]
    slowest = 0.0
    while not all(task.done() for task in sending):
        began = time.monotonic()
        assert (await alice.get("/health")).status == 200
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(0.01)
    assert [(await task).status for task in sending] == [303] * 4
    assert slowest < 1


async def test_a31_nobody_sends_pictures_without_end(app: Quart) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    answers = [(await send(alice, b"no picture")).text for _ in range(22)]
    assert [("That was too often" in answer) for answer in answers] == [False] * 20 + [True] * 2


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/cron.d/x",
        "..\\..\\x.png",
        "/etc/passwd",
        "a\0.png",
        "x.php",
        "x" * 5000,
        "-rf.png",
        "\u202egnp.exe",
        "",
    ],
)
async def test_a11_the_name_of_the_file_says_nothing(app: Quart, world: FakeWorld, name: str) -> None:
    user = await cast.alice()
    answer = await send(await Visitor(app).signed_in(user), picture(), name)
    await user.refresh_from_db()
    if answer.status == 303:
        assert files(world) == [Path("avatars", "user", f"{user.id}-{user.avatar}.webp")]
    else:
        assert (answer.status, files(world)) == (422, []), "a field without a name is no file"


async def test_a11_a_picture_that_is_a_page_as_well_is_only_a_picture(app: Quart) -> None:
    user = await cast.alice()
    alice = await Visitor(app).signed_in(user)
    script = b"<script>alert(1)</script>"
    for sent in (
        picture("GIF") + script,
        picture("JPEG", comment=script),
        script.join(picture("PNG").partition(b"IEND")[:1]) + picture("PNG") + script,
    ):
        await send(alice, sent, "me.html")
    await user.refresh_from_db()
    shown = await alice.get(f"/avatars/user/{user.id}/{user.avatar}.webp")
    assert script not in shown.body
    assert (shown.headers["Content-Type"], shown.headers["X-Content-Type-Options"]) == ("image/webp", "nosniff")


@pytest.mark.parametrize(
    "path",
    [
        "/avatars/user/{id}/..%2f..%2fsecret.webp",
        "/avatars/user/{id}/{version}.WEBP",
        "/avatars/user/{id}/{version}0.webp",
        "/avatars/user/{id}/*.webp",
        "/avatars/user/{id}/.webp",
        "/avatars/user/..%2f{id}/{version}.webp",
        "/avatars/../user/{id}/{version}.webp",
        "/avatars/team/{id}/{version}.webp",
        "/avatars/secret/{id}/{version}.webp",
        "/avatars/user/{nobody}/{version}.webp",
    ],
)
async def test_a11_no_address_leads_to_another_file(app: Quart, world: FakeWorld, path: str) -> None:
    user = await cast.alice()
    version = await pictures.keep(world, "user", user.id, picture())
    (world.settings.upload_dir / "secret.webp").write_text("a secret")
    alice = await Visitor(app).signed_in(user)
    assert (await alice.get(f"/avatars/user/{user.id}/{version}.webp")).status == 200
    assert (await alice.get(path.format(id=user.id, version=version, nobody=NOBODYS))).status == 404


async def test_a31_eleven_megabytes_are_too_much(app: Quart, world: FakeWorld) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    answer = await send(alice, bytes(11_000_000))
    assert answer.status == 413
    assert "At most 10 MB can be sent at once." in answer.text
    small = picture()
    just = await send(alice, small + bytes(pictures.MOST_BYTES + 1 - len(small)))
    assert just.status == 422
    assert "at most 10 MB" in just.text
    assert (await send(alice, small + bytes(pictures.MOST_BYTES - len(small)))).status == 303
    assert len(files(world)) == 1


async def test_a31_every_other_form_stays_at_two_megabytes(app: Quart) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    for path in ("/account/general", "/account/removal", "/account/picture/removal"):
        answer = await send(alice, bytes(3_000_000), to=path)
        assert answer.status == 413
        assert "At most 2 MB can be sent at once." in answer.text


@pytest.mark.parametrize(("path", "most"), [("/account/general", 2_097_152), ("/account/picture", 10_585_760)])
async def test_a31_a_form_that_keeps_its_length_to_itself_ends_all_the_same(app: Quart, path: str, most: int) -> None:
    """Sent in pieces: what was read already counts as well."""
    alice = await Visitor(app).signed_in(await cast.alice())
    token, piece = await alice.csrf_token(), bytes(65_536)
    headers = {
        "Host": alice.host,
        "Cookie": "; ".join(f"{name}={value}" for name, value in alice.cookies.items()),
        "Content-Type": "multipart/form-data; boundary=xx",
        "Origin": f"http://{alice.host}",
        "Transfer-Encoding": "chunked",
    }
    head = f'--xx\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n--xx\r\n'
    async with app.test_client(use_cookies=False).request(path, method="POST", headers=headers) as connection:
        await connection.send(head.encode() + b'Content-Disposition: form-data; name="picture"; filename="x"\r\n\r\n')
        for _ in range(most // len(piece) + 2):
            await connection.send(piece)
            await asyncio.sleep(0)
        await connection.send(b"\r\n--xx--\r\n")
        await connection.send_complete()
    assert (await connection.as_response()).status_code == 413


# Whose they are


async def test_a14_other_teams_pictures_are_nobodys(app: Quart, world: FakeWorld) -> None:
    alice, bob, project = await cast.alice(), await cast.bob(), await cast.project()
    team = await cast.team_of(alice)
    theirs = [("user", alice.id), ("user", bob.id), ("team", team.id), ("project", project.id)]
    addresses = [f"/avatars/{kind}/{id}/{await pictures.keep(world, kind, id, picture())}.webp" for kind, id in theirs]
    carol, bobs = await Visitor(app).signed_in(await cast.carol()), await Visitor(app).signed_in(bob)
    nobodys = await carol.get(f"/avatars/user/{NOBODYS}/0123456789abcdef.webp")
    for address in addresses:
        stranger = await carol.get(address)
        assert (stranger.status, stranger.text) == (404, nobodys.text)
        assert (await Visitor(app).get(address)).location.startswith("/auth/sign-in")
        assert (await bobs.get(address)).status == 200


async def test_who_is_invited_sees_the_teams_picture_and_nothing_else(app: Quart, world: FakeWorld) -> None:
    alice, carol = await cast.alice(), await cast.carol()
    team = await cast.team_of(alice)
    teams = f"/avatars/team/{team.id}/{await pictures.keep(world, 'team', team.id, picture())}.webp"
    alices = f"/avatars/user/{alice.id}/{await pictures.keep(world, 'user', alice.id, picture())}.webp"
    visitor = await Visitor(app).signed_in(carol)
    invited = await membership.invite(world, team, carol.email, Role.member, by=alice)
    assert ((await visitor.get(teams)).status, (await visitor.get(alices)).status) == (200, 404)
    await membership.revoke(world, team, invited.invitation.id, by=alice)
    assert (await visitor.get(teams)).status == 404


async def test_a32_a_picture_is_gone_with_the_right_to_see_it(app: Quart, world: FakeWorld) -> None:
    alice, bob = await cast.alice(), await cast.bob()
    team = await cast.team_of(alice)
    address = f"/avatars/team/{team.id}/{await pictures.keep(world, 'team', team.id, picture())}.webp"
    visitor = await Visitor(app).signed_in(bob)
    assert (await visitor.get(address)).status == 200
    await Member.filter(team=team, user=bob).delete()
    assert (await visitor.get(address)).status == 404


def files(world: FakeWorld) -> list[Path]:
    root = world.settings.upload_dir
    return [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file()]
