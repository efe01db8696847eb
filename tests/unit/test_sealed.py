"""A sealed file comes back as it was, or not at all."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devpush.deploy import sealed
from devpush.deploy.sealed import CHUNK, HEAD, TAG, seal, unseal
from devpush.errors import Refused

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that costs a tenth of a millisecond: what it costs in earnest is looked at once, below."""
    monkeypatch.setattr(sealed, "COST", (4, 8, 1))


def written(folder: Path, files: dict[str, bytes]) -> list[tuple[str, Path]]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number, (name, content) in enumerate(files.items()):
        (folder / str(number)).write_bytes(content)
        paths.append((name, folder / str(number)))
    return paths


def sealed_file(tmp_path: Path, files: dict[str, bytes]) -> Path:
    seal(tmp_path / "sealed", written(tmp_path / "in", files), PASSPHRASE)
    return tmp_path / "sealed"


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1024, CHUNK, 3 * CHUNK + 17])
def test_what_was_sealed_comes_back(tmp_path: Path, size: int) -> None:
    files = {"manifest.json": b"{}", "upload/a.webp": bytes(range(256)) * (size // 256) + b"x" * (size % 256)}
    unseal(sealed_file(tmp_path, files), tmp_path / "out", PASSPHRASE)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in files} == files
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").rglob("*.*")} == {0o600}


def test_a_file_that_is_gone_meanwhile_is_left_out(tmp_path: Path) -> None:
    paths = [*written(tmp_path / "in", {"kept": b"kept"}), ("gone", tmp_path / "in" / "gone")]
    seal(tmp_path / "sealed", paths, PASSPHRASE)
    unseal(tmp_path / "sealed", tmp_path / "out", PASSPHRASE)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kept"]


def test_nothing_of_it_can_be_read_without_the_passphrase(tmp_path: Path) -> None:
    file = sealed_file(tmp_path, {"settings.json": b"a canary secret" * 100})
    assert b"canary" not in file.read_bytes()
    assert b"settings" not in file.read_bytes()
    with pytest.raises(Refused, match="passphrase"):
        unseal(file, tmp_path / "out", PASSPHRASE + "!")
    assert not (tmp_path / "out").exists()


def test_two_of_the_same_have_nothing_in_common(tmp_path: Path) -> None:
    one = sealed_file(tmp_path, {"a": b"same"}).read_bytes()
    other = sealed_file(tmp_path, {"a": b"same"}).read_bytes()
    assert one[8:11] == other[8:11]
    assert one[11:64] != other[11:64]
    assert one[HEAD.size + TAG :] != other[HEAD.size + TAG :]


@settings(max_examples=60)
@given(where=st.floats(0, 1), bit=st.integers(0, 7))
def test_whatever_bit_is_turned_over_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("bit")
    file = sealed_file(tmp_path, {"a": b"text" * 1000})
    content = bytearray(file.read_bytes())
    at = min(int(where * len(content)), len(content) - 1)
    if 8 <= at < 11:  # scrypt's cost: other numbers are other work, of which some is too much for a test
        at = 11
    content[at] ^= 1 << bit
    file.write_bytes(content)
    with pytest.raises(Refused):
        unseal(file, tmp_path / "out", PASSPHRASE)


@pytest.mark.parametrize("keep", [0, 7, HEAD.size, HEAD.size + TAG, HEAD.size + TAG + 100, -CHUNK, -1])
def test_one_that_was_cut_off_is_noticed(tmp_path: Path, keep: int) -> None:
    file = sealed_file(tmp_path, {"a": b"x" * (2 * CHUNK)})
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(Refused):
        unseal(file, tmp_path / "out", PASSPHRASE)


def test_one_that_ends_between_two_chunks_is_noticed(tmp_path: Path) -> None:
    file = sealed_file(tmp_path, {"a": b"x" * (2 * CHUNK)})
    file.write_bytes(file.read_bytes()[: HEAD.size + TAG + CHUNK + TAG])
    with pytest.raises(Refused, match="damaged"):
        unseal(file, tmp_path / "out", PASSPHRASE)


def test_chunks_that_changed_places_are_noticed(tmp_path: Path) -> None:
    file = sealed_file(tmp_path, {"a": b"x" * (3 * CHUNK)})
    content, start, whole = file.read_bytes(), HEAD.size + TAG, CHUNK + TAG
    first, second = content[start : start + whole], content[start + whole : start + 2 * whole]
    file.write_bytes(content[:start] + second + first + content[start + 2 * whole :])
    with pytest.raises(Refused, match="damaged"):
        unseal(file, tmp_path / "out", PASSPHRASE)


def test_something_else_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"\x89PNG" * 100)
    with pytest.raises(Refused, match="no backup"):
        unseal(tmp_path / "photo", tmp_path / "out", PASSPHRASE)


def test_a_file_that_asks_for_gigabytes_of_work_is_refused_at_once(tmp_path: Path) -> None:
    file = sealed_file(tmp_path, {"a": b"x"})
    content = bytearray(file.read_bytes())
    content[8] = 40
    file.write_bytes(content)
    with pytest.raises(Refused, match="no backup"):
        unseal(file, tmp_path / "out", PASSPHRASE)


@pytest.mark.abuse
@pytest.mark.parametrize("name", ["../out-of-it", "/etc/cron.d/x", "a/../../b"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    seal(tmp_path / "sealed", written(tmp_path / "in", {name: b"evil"}), PASSPHRASE)
    with pytest.raises(Refused):
        unseal(tmp_path / "sealed", tmp_path / "out", PASSPHRASE)
    assert not (tmp_path / "out-of-it").exists()


@pytest.mark.abuse
def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    with (tmp_path / "sealed").open("wb") as target:
        writer = sealed._Writer(target, PASSPHRASE)
        writer.write(inner.getvalue())
        writer.close()
    with pytest.raises(Refused):
        unseal(tmp_path / "sealed", tmp_path / "out", PASSPHRASE)


def test_the_key_is_costly_to_guess(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    n, r, p = sealed.COST
    assert (1 << n) * r * 128 >= 32 * 1024 * 1024
    assert p >= 3
    unseal(sealed_file(tmp_path, {"a": b"x"}), tmp_path / "out", PASSPHRASE)
