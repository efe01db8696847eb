"""A tenant's Dockerfile as the engine gets it: no image but those we have looked at, and nothing to fetch itself."""

import pytest

from devpush.deploy import dockerfile
from devpush.errors import DeployFailed

ID = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"
LABELS = {"devpush.project": "p"}
HUB = ("docker.io", "ghcr.io", "registry.lan:5000")


def written(text: str, ids: dict[str, str] | None = None) -> list[str]:
    file = dockerfile.read(text.encode())
    return file.written({}, ids or dict.fromkeys(file.images({}), ID), LABELS).splitlines()


def images(text: str, **arguments: str) -> list[str]:
    return dockerfile.read(text.encode()).images(arguments)


def refusal(text: str) -> str:
    with pytest.raises(DeployFailed) as refused:
        written(text)
    return str(refused.value)


def test_the_engine_gets_ids_and_one_instruction_a_line() -> None:
    text = """# syntax=docker/dockerfile:1
ARG VERSION=3.13
FROM --platform=$BUILDPLATFORM python:${VERSION}-slim AS Build
run --mount=type=cache,target=/root/.cache pip install \\
    # a comment in the middle

    flask
FROM ghcr.io/acme/base
COPY --link --chown=1000:1000 --from=build /app /app
COPY --from=0 /a /b
COPY --from=nginx:1 /etc/nginx /etc/nginx
LABEL devpush.kind=app
ADD . $HOME
"""
    ids = {"python:3.13-slim": ID, "ghcr.io/acme/base": OTHER, "nginx:1": OTHER}
    assert images(text) == list(ids)
    assert written(text, ids) == [
        "ARG VERSION=3.13",
        f"FROM {ID} AS build",
        "LABEL devpush.project=p",
        "RUN pip install     flask",
        f"FROM {OTHER}",
        "LABEL devpush.project=p",
        "COPY --chown=1000:1000 --from=build /app /app",
        "COPY --from=0 /a /b",
        f"COPY --from={OTHER} /etc/nginx /etc/nginx",
        "ADD . $HOME",
    ]


def test_build_arguments_win_over_defaults_and_only_declared_ones_are_given() -> None:
    text = "ARG BASE=alpine\nARG TAG\nFROM ${BASE}:${TAG:-3}\nARG TOKEN PORT=1\n"
    assert images(text) == ["alpine:3"]
    assert images(text, BASE="debian", TAG="13") == ["debian:13"]
    assert dockerfile.read(text.encode()).arguments == {"BASE", "TAG", "TOKEN", "PORT"}


def test_stages_and_scratch_are_no_images() -> None:
    assert images("FROM scratch AS one\nFROM ONE\nFROM alpine\nCOPY --from=One /a /b\nCOPY --from=1 /a /b") == [
        "alpine"
    ]
    assert images("FROM alpine\nCOPY --from=later /a /b\nFROM alpine AS later") == ["alpine", "later"]


@pytest.mark.parametrize(
    "hidden",
    [
        "FROM alpine\nFR\\\nOM a7",
        "FROM alpine\nCOPY \\\n--from=a7 / /loot",
        "FROM alpine\nCOPY --chown=1 --from=a7 / /loot",
        "FROM alpine\r\nCOPY --from=a7 / /loot\r\n",
        "\ufeffFROM alpine\n  copy --from=a7 / /loot",
        "ARG X=a7\nFROM alpine\nFROM ${X}",
        "ARG X\nFROM alpine\nFROM ${X:-a7}",
        "ARG X=a\nARG Y=${X}7\nFROM alpine\nFROM $Y",
    ],
)
def test_no_image_is_named_in_hiding(hidden: str) -> None:
    assert images(hidden) == ["alpine", "a7"]
    assert "a7" not in " ".join(line for line in written(hidden) if not line.startswith("ARG"))


@pytest.mark.parametrize(
    "text",
    [
        'COPY --fr"om"=a7 / /loot',
        "COPY --fr\\om=a7 / /loot",
        "COPY \u00a0--from=a7 / /loot",
        "COPY\u2003--from=a7 / /loot",
        "COPY --chown=1\u00a0--from=a7 / /loot",
        "COPY --from=alpine --from=a7 / /loot",
        "COPY --from=$X / /loot",
        "COPY --from= / /loot",
        "COPY --from=7 / /loot",
        "ADD --from=a7 / /loot",
        "ONBUILD COPY --from=a7 / /loot",
        "RUN --mount=type=bind,from=a7,target=/loot cp -r /loot /",
        "RUN cat <<EOF\nFROM a7\nEOF",
        "COPY <<EOF /x\nFROM a7\nEOF",
        "RUN cat <<.E\nFROM scratch AS a7\n.E\nCOPY --from=a7 / /loot",
        "RUN cat 3<<-$E\nFROM scratch AS a7\n$E",
        'RUN cat <<"-x"\nFROM scratch AS a7\n-x',
        "RUN " + "--a " * 30_000,
        "RUN echo \\\\\nFROM a7",
        "RUN echo\x0bFROM a7",
        "RUN echo\x00",
        "RUN echo \\\u00a0\nFROM a7",
        "FROM $UNSET",
        "FROM a7 AS two words",
        'FROM "a7"',
        "FROM",
        "FROM a`7",
        "FROM alpine AS UPPER!",
        "INCLUDE a7",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(text: str) -> None:
    assert refusal(f"FROM alpine\n{text}").startswith("Line ")


def test_arguments_made_of_arguments_do_not_grow_without_end() -> None:
    """A31: seven lines of ten times the one before are ten million characters, a few more the server's memory."""
    text = "ARG A0=xxxxxxxxxx\n" + "".join(f"ARG A{n}={f'${{A{n - 1}}}' * 10}\n" for n in range(1, 40)) + "FROM $A39"
    with pytest.raises(DeployFailed, match="longer than 4,000 characters"):
        images(text)


@pytest.mark.parametrize(
    "sources",
    [
        "http://127.0.0.1:2375/images/json",
        "https://169.254.169.254/latest",
        "$URL",
        "${URL}",
        '["http:\\u002f/127.0.0.1/", "/x"]',
        '["\\u0068ttp:\\u002f/127.0.0.1/", "/x"]',
        '"http:"//127.0.0.1/',
        "ht\\tp:/\\/127.0.0.1/",
        "a http://127.0.0.1/",
        "--checksum=sha256:1 http://127.0.0.1/",
    ],
)
def test_the_engine_fetches_nothing_by_itself(sources: str) -> None:
    assert "ADD" in refusal(f"ARG URL\nFROM alpine\nARG URL\nADD {sources} /x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no FROM"),
        ("RUN true\nFROM alpine", "before the first FROM"),
        ("# escape=`\nFROM alpine", "escape character"),
        ("FROM alpine\nRUN --mount=type=secret,id=x cat /run/secrets/x", "needs BuildKit"),
        ("FROM alpine\nARG 'open", "a quote isn't closed"),
        ("FROM alpine\nARG 1X=2", "ARG wants names"),
    ],
)
def test_what_can_not_be_built_is_told_in_a_sentence(text: str, words: str) -> None:
    assert words in refusal(text)


def test_a_dockerfile_that_is_no_text_is_refused() -> None:
    with pytest.raises(DeployFailed, match="UTF-8"):
        dockerfile.read(b"FROM \xff")


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.13-slim", "docker.io/library/python:3.13-slim"),
        ("acme/app", "docker.io/acme/app:latest"),
        ("index.docker.io/acme/app:1", "docker.io/acme/app:1"),
        ("ghcr.io/acme/deep/app:1", "ghcr.io/acme/deep/app:1"),
        ("registry.lan:5000/x", "registry.lan:5000/x:latest"),
        (f"python:3@sha256:{'c' * 64}", f"docker.io/library/python@sha256:{'c' * 64}"),
        ("a7", "docker.io/library/a7:latest"),
        ("devpush-0a1b2c3d-1:app-1", "docker.io/library/devpush-0a1b2c3d-1:app-1"),
    ],
)
def test_a_name_is_always_that_of_a_registrys_image(name: str, full: str) -> None:
    assert dockerfile.full_name(name, HUB) == full


@pytest.mark.parametrize(
    "name",
    ["localhost/x", "localhost:5000/x", "127.0.0.1:5000/x", "evil.example/x", "registry.lan/x", ID, "a" * 64,
     "Python", "-x", "a//b", "../x", "docker.io/", "x@sha256:1"],
)  # fmt: skip
def test_images_of_other_registries_and_ids_are_refused(name: str) -> None:
    with pytest.raises(DeployFailed):
        dockerfile.full_name(name, HUB)


def test_the_builders_output_is_shortened_and_names_images() -> None:
    names = {ID: "python:3.13"}
    assert dockerfile.told(f"Step 1/9 : FROM {ID}", names) == "Step 1/9 : FROM python:3.13"
    assert dockerfile.told(" ---> Using cache", names) == " ---> Using cache"
    assert dockerfile.told("Successfully installed flask", names) == "Successfully installed flask"
    for noise in (" ---> 0a1b2c3d4e5f", " ---> Running in 0a1b2c3d4e5f", "Removing intermediate container 0a1b2c3d4e5f",
                  "Step 2/9 : LABEL devpush.project=p", "Successfully built 0a1b2c3d4e5f"):  # fmt: skip
        assert dockerfile.told(noise, names) is None


def test_dockerignore_decides_by_the_last_pattern_that_fits() -> None:
    paths = [
        "README.md",
        "docs/a.md",
        "docs/keep.md",
        "src/a.py",
        "src/deep/a.log",
        "b.log",
        ".env",
        "x/node_modules/y",
    ]
    text = "# comment\n*.md\n/docs\n!docs/keep.md\n**/*.log\n.env\n\n**/node_modules\n"
    assert dockerfile.kept(paths, text) == ["docs/keep.md", "src/a.py"]
    assert dockerfile.kept(paths, "*\n!src\n") == ["src/a.py", "src/deep/a.log"]


# .dockerignore


@pytest.mark.parametrize(
    ("ignored", "kept"),
    [
        ("*.md", "a.py docs/a.md docs/deep/a.md secret/key"),
        ("**/*.md", "a.py secret/key"),
        ("**.md", "a.py secret/key"),
        ("docs", "a.py a.md secret/key"),
        ("/docs/", "a.py a.md secret/key"),
        ("docs/*", "a.py a.md secret/key"),
        ("docs/**", "a.py a.md secret/key"),
        ("docs/*/*.md", "a.py a.md docs/a.md secret/key"),
        ("**/deep", "a.py a.md docs/a.md secret/key"),
        ("**/deep/**/**/a.md", "a.py a.md docs/a.md secret/key"),
        ("**", ""),
        ("*\n!docs/deep", "docs/deep/a.md"),
        ("docs\n!docs/a.md\n**/deep", "a.py a.md docs/a.md secret/key"),
        ("s?cret\n# a.py\n[a].py\n!", "a.py a.md docs/a.md docs/deep/a.md"),
    ],
)
def test_dockerignore_leaves_out_what_it_names(ignored: str, kept: str) -> None:
    paths = ["a.py", "a.md", "docs/a.md", "docs/deep/a.md", "secret/key"]
    assert dockerfile.kept(paths, ignored) == kept.split()


def test_no_dockerignore_keeps_the_server_busy() -> None:
    """A31: patterns that try everything in vain, and very many of them."""
    deep = ["a/" * 200 + "b"]
    assert dockerfile.kept(deep, "**/" * 12 + "x\n" + "**/a/*a*a*a*a*a*b*" * 20) == deep
    assert dockerfile.kept(["a" * 250], "*a" * 100 + "b") == ["a" * 250]
    with pytest.raises(DeployFailed, match="too many patterns"):
        dockerfile.kept(["a/b/c"] * 10_000, "**/x\n" * 1_001)
    with pytest.raises(DeployFailed, match="longer than 500"):
        dockerfile.kept(deep, "a" * 501)
