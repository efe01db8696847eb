"""A tenant's own Dockerfile, read strictly and written anew: the engine gets one instruction a line, and of images only
the ids of those that we have looked at. Decides everything, touches nothing.

The classic builder would take any image of this engine, other tenants' too, by a name or a few digits of an id; and
what ADD names by URL the engine itself would fetch, from where it reaches what no container does."""

import fnmatch
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from devpush.errors import DeployFailed

NAME = "Dockerfile"
LONGEST = 200_000
LONGEST_VALUE = 4_000
"""Characters that a text with variables may come to: each argument can be made of many of the one before."""
MOST_FLAGS = 20
SCRATCH = "scratch"
KNOWN = frozenset(
    ("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "RUN",
     "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR")
)  # fmt: skip
INSTRUCTION = re.compile(r"([A-Za-z]+)(?:[ \t]+(.*))?")
STRANGE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\S \t]")
"""Controls, and spaces that one reader takes for spaces and another doesn't."""
HEREDOC = re.compile(r"(?:^|[ \t])\d*<<-?[^<\s]")
"""Whatever a newer builder may take for the word that ends one: it would read our next lines as text."""
FROM = re.compile(r"(?:--platform=\S+[ \t]+)?(\S+)(?:[ \t]+AS[ \t]+(\S+))?", re.IGNORECASE)
STAGE = re.compile(r"[a-z][a-z0-9._-]*")
VARIABLE = re.compile(r"\$(?:(?P<bare>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?::(?P<sign>[-+])(?P<word>[^${}]*))?\})")
FLAG = re.compile(r"--([a-z-]+)(?:=([A-Za-z0-9_.,:/@$+{}=*~-]*))?(?:[ \t]+|$)")
REFERENCE = re.compile(
    r"(?:(?P<domain>localhost|[A-Za-z0-9-]+(?=:)|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)(?P<port>:[0-9]+)?/)?"
    r"(?P<path>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
HUB = "docker.io"


@dataclass(frozen=True)
class Instruction:
    keyword: str
    rest: str
    line: int


@dataclass(frozen=True)
class Dockerfile:
    """Its instructions, each whole."""

    instructions: Sequence[Instruction]

    @property
    def arguments(self) -> set[str]:
        """The build arguments it declares; it is given no others."""
        return {name for each in self.instructions if each.keyword == "ARG" for name, _ in _declared(each)}

    def images(self, arguments: Mapping[str, str]) -> list[str]:
        """Every image it is built from, as it names them: other stages and `scratch` are none."""
        found = [image for _, image in _resolved(self, arguments) if image]
        return list(dict.fromkeys(found))

    def written(self, arguments: Mapping[str, str], ids: Mapping[str, str], labels: Mapping[str, str]) -> str:
        """What the engine is given: `ids` says which image each name is. Our labels in each stage keep what the builder
        remembers of one project from every other, and mark what runs; so the Dockerfile's own are left out."""
        marks = "".join(f" {name}={value}" for name, value in labels.items())
        lines = []
        for each, image in _resolved(self, arguments):
            if each.keyword == "LABEL":
                continue
            lines.append(f"{each.keyword} {_with_id(each, image, ids) if image else each.rest}")
            if each.keyword == "FROM":
                lines.append(f"LABEL{marks}")
        return "\n".join(lines) + "\n"


def read(content: bytes) -> Dockerfile:
    """Raises DeployFailed for what can't be built here, with its line."""
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise DeployFailed("The Dockerfile is no text in UTF-8.") from None
    instructions = [_instruction(line, number) for number, line in _lines(text)]
    if not any(each.keyword == "FROM" for each in instructions):
        raise DeployFailed("The Dockerfile has no FROM instruction.")
    file = Dockerfile([_without_comforts(each) for each in instructions])
    list(_resolved(file, dict.fromkeys(file.arguments, "any")))  # complaints come before anything is fetched
    return file


def full_name(image: str, registries: Sequence[str]) -> str:
    """registry/path:tag of an image, as an engine would understand the name. Raises DeployFailed unless it comes from
    one of these registries: names of images on the server itself are taken for the public ones of that name."""
    found = REFERENCE.fullmatch(image)
    if not found or re.fullmatch("[0-9a-f]{64}|sha256", found["path"]):
        raise DeployFailed(f"The Dockerfile names an image {image!r}, which is no name of an image in a registry.")
    registry = (found["domain"] or HUB).lower() + (found["port"] or "")
    registry = HUB if registry == f"index.{HUB}" else registry
    if registry not in registries:
        raise DeployFailed(
            f"The Dockerfile builds on {image}, but images come from {', '.join(registries) or 'no registry'} only. "
            "The operator can add others (IMAGE_REGISTRIES)."
        )
    path = f"library/{found['path']}" if registry == HUB and "/" not in found["path"] else found["path"]
    return f"{registry}/{path}" + (f"@{found['digest']}" if found["digest"] else f":{found['tag'] or 'latest'}")


def told(line: str, names: Mapping[str, str]) -> str | None:
    """A line of the builder's output as people want to read it: images by their names; None for what says nothing."""
    if NOISE.match(line):
        return None
    for id, name in names.items():
        line = line.replace(id, name)
    return line


NOISE = re.compile(
    r" ---> (?:Running in )?[0-9a-f]{12}$|Removing intermediate container |Successfully (?:built [0-9a-f]{12}$|tagged )"
    r"|Step \d+/\d+ : LABEL devpush\."
)


# Reading


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of its first line, a whole instruction)."""
    begun, joined = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        bare = line.strip()
        if re.match(r"#\s*escape\s*=\s*`", bare, re.IGNORECASE):
            raise _wrong(number, "another escape character than \\ isn't possible here.")
        if not bare or bare.startswith("#"):  # even in the middle of an instruction
            continue
        if STRANGE.search(line):
            raise _wrong(number, "there is a control character, or a space that is none of the usual ones.")
        begun = begun or number
        piece = line.rstrip(" \t")
        if piece.endswith("\\\\"):
            raise _wrong(number, "two backslashes at the end are read differently by different versions of Docker.")
        if piece.endswith("\\"):
            joined += piece[:-1]
            continue
        yield begun, joined + line
        begun, joined = 0, ""
    if joined:
        yield begun, joined


def _instruction(line: str, number: int) -> Instruction:
    found = INSTRUCTION.fullmatch(line.strip(" \t"))
    keyword, rest = (found[1].upper(), (found[2] or "").strip(" \t")) if found else ("", "")
    if keyword == "ONBUILD":
        raise _wrong(number, "ONBUILD is for images that others build on, and nobody builds on this one.")
    if keyword not in KNOWN:
        raise _wrong(number, f"there is no instruction {(line.split() or ['?'])[0][:40]!r}.")
    if rest.endswith("\\"):
        raise _wrong(number, "a backslash ends the instruction.")
    if keyword in ("RUN", "COPY", "ADD") and HEREDOC.search(rest):
        raise _wrong(number, "here-documents (<<) need BuildKit, which isn't used here. Put the text into a file.")
    return Instruction(keyword, rest, number)


def _without_comforts(each: Instruction) -> Instruction:
    """Without the flags that only BuildKit knows and that change nothing but its speed."""
    if each.keyword not in FLAGGED:
        return each
    flags, rest = _flags(each)
    for name, value in flags:
        if name == "mount" and "type=cache" not in value.split(","):
            raise _wrong(each.line, f"RUN --mount={value} needs BuildKit, which isn't used here.")
    return Instruction(each.keyword, _joined([flag for flag in flags if flag[0] not in COMFORTS], rest), each.line)


FLAGGED = ("RUN", "COPY", "ADD")
COMFORTS = ("mount", "link")


def _flags(each: Instruction) -> tuple[list[tuple[str, str]], str]:
    """The flags an instruction begins with, and what comes after them."""
    flags: list[tuple[str, str]] = []
    rest = each.rest
    while rest.startswith("--"):
        flag = FLAG.match(rest)
        if not flag or len(flags) == MOST_FLAGS:
            raise _wrong(each.line, f"please write the flags of {each.keyword} plainly, without quotes.")
        flags.append((flag[1], flag[2] or ""))
        rest = rest[flag.end() :]
    return flags, rest


def _joined(flags: Sequence[tuple[str, str]], rest: str) -> str:
    return " ".join([*(f"--{name}={value}" if value else f"--{name}" for name, value in flags), rest])


def _declared(each: Instruction) -> list[tuple[str, str | None]]:
    """(name, default) of each argument that an ARG instruction declares."""
    try:
        words = shlex.split(each.rest)
    except ValueError:
        raise _wrong(each.line, "a quote isn't closed.") from None
    pairs = [(name, default if sign else None) for name, sign, default in (word.partition("=") for word in words)]
    if any(not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) for name, _ in pairs):
        raise _wrong(each.line, "ARG wants names of letters, digits and underscores.")
    return pairs


# Which image each instruction is about


def _resolved(file: Dockerfile, arguments: Mapping[str, str]) -> Iterator[tuple[Instruction, str]]:
    """Each instruction with its variables in the place of an image's name filled in, and that image; "" for none."""
    known: dict[str, str] = {}
    stages: list[str] = []
    for each in file.instructions:
        if each.keyword == "ARG" and not stages:
            for name, default in _declared(each):
                known[name] = arguments.get(name, _filled(default or "", known, each.line))
        if each.keyword == "FROM":
            stage, instruction, image = _from(each, known, stages)
            yield instruction, image
            stages.append(stage)
        elif not stages and each.keyword != "ARG":
            raise _wrong(each.line, f"{each.keyword} stands before the first FROM.")
        else:
            yield each, _copied_from(each, stages)


def _from(each: Instruction, known: Mapping[str, str], stages: Sequence[str]) -> tuple[str, Instruction, str]:
    """(the stage's name, FROM without variables and platform, its image)."""
    found = FROM.fullmatch(each.rest)
    if not found:
        raise _wrong(each.line, "FROM wants an image, and perhaps AS and a name.")
    base, name = _filled(found[1], known, each.line), (found[2] or "").lower()
    if name and not STAGE.fullmatch(name):
        raise _wrong(each.line, f"{found[2]!r} can't be the name of a stage.")
    is_stage = bool(base) and base.lower() in stages
    instruction = Instruction("FROM", (base.lower() if is_stage else base) + (f" AS {name}" if name else ""), each.line)
    return name, instruction, "" if is_stage or base == SCRATCH else _plain(base, each.line)


def _copied_from(each: Instruction, stages: Sequence[str]) -> str:
    """The image of COPY --from, "" where it copies from a stage or from the repository."""
    if each.keyword not in FLAGGED:
        return ""
    flags, rest = _flags(each)
    if each.keyword == "ADD":
        _check_add(each.line, rest)
    sources = [value for name, value in flags if name == "from"]
    if not sources:
        return ""
    if len(sources) > 1 or each.keyword != "COPY":
        raise _wrong(each.line, "--from is for COPY, and once.")
    [source] = sources
    earlier = stages[:-1]
    if source and (source.lower() in earlier or source in map(str, range(len(earlier)))):
        return ""
    if source.isdigit() or source == SCRATCH:
        raise _wrong(each.line, f"there is no stage {source}.")
    return _plain(source, each.line)


def _with_id(each: Instruction, image: str, ids: Mapping[str, str]) -> str:
    if each.keyword == "FROM":
        return ids[image] + each.rest.removeprefix(image)
    flags, rest = _flags(each)
    return _joined([(name, ids[image] if name == "from" else value) for name, value in flags], rest)


def _check_add(line: int, paths: str) -> None:
    """What the engine would fetch by itself is refused, and everything that might become it."""
    if "://" in paths:
        raise _wrong(
            line,
            "ADD can't fetch from a URL here: it would be the server itself that asks for it. "
            "Fetch it with RUN, or put it into the repository.",
        )
    sources = re.split(r"[ \t]+", paths)[:-1]
    if paths.startswith("[") or re.search(r"[\"'\\]", paths) or any("$" in source for source in sources):
        raise _wrong(line, "please write the sources of ADD plainly, without quotes and variables, or use COPY.")


def _filled(text: str, known: Mapping[str, str], line: int) -> str:
    room = LONGEST_VALUE

    def value(found: re.Match[str]) -> str:
        nonlocal room
        filled = _value(found, known)
        room -= len(filled)
        if room < 0:
            raise _wrong(line, f"with its variables filled in, this is longer than {LONGEST_VALUE:,} characters.")
        return filled

    return VARIABLE.sub(value, text)


def _value(found: re.Match[str], known: Mapping[str, str]) -> str:
    set_to = known.get(found["bare"] or found["name"], "")
    if found["sign"] == "+":
        return str(found["word"]) if set_to else ""
    return set_to or found["word"] or ""


def _plain(image: str, line: int) -> str:
    if not image or not re.fullmatch(r"[\w./:@-]+", image, re.ASCII):
        raise _wrong(line, f"{image!r} is no image: is the argument it is made of set?")
    return image


def _wrong(line: int, why: str) -> DeployFailed:
    return DeployFailed(f"Line {line} of the Dockerfile: {why}")


# .dockerignore


MOST_LOOKS = 30_000_000
"""So often a folder's name may be held against a part of a pattern, at worst."""
LONGEST_PATTERN = 500
Chunk = tuple[bool, Sequence[re.Pattern[str]]]
"""Names of folders that follow each other, and whether any others may come before them (`**`)."""


def kept(paths: Sequence[str], dockerignore: str) -> list[str]:
    """The paths that a .dockerignore leaves in: the last pattern that fits a path, or a folder above it, decides.
    Raises DeployFailed where that would take too long."""
    patterns = [(line.startswith("!"), _pattern(line.removeprefix("!"))) for line in _patterns(dockerignore)]
    parts = sum(len(names) for _, pattern in patterns for _, names in pattern)
    if parts * sum(path.count("/") + 1 for path in paths) > MOST_LOOKS:
        raise DeployFailed("The .dockerignore has too many patterns for so many files.")
    return [path for path in paths if not _ignored(path.split("/"), patterns)]


def _patterns(dockerignore: str) -> list[str]:
    lines = [line.strip() for line in dockerignore.removeprefix("\ufeff").splitlines()]
    if any(len(line) > LONGEST_PATTERN for line in lines):
        raise DeployFailed(f"A line of the .dockerignore is longer than {LONGEST_PATTERN} characters.")
    return [line for line in lines if line and not line.startswith("#")]


def _pattern(glob: str) -> list[Chunk]:
    """Cut at each `**`, so that the first place that fits is always the right one and nothing is tried twice."""
    chunks: list[tuple[bool, list[re.Pattern[str]]]] = [(False, [])]
    for part in glob.strip().split("/"):
        if part.startswith("**"):
            chunks.append((True, []))
        if part not in ("", ".") and not re.fullmatch(r"\*\*+", part):
            chunks[-1][1].append(_name(re.sub(r"\*+", "*", part)))
    anywhere, last = chunks[-1]
    if anywhere and not last:  # `**` at the end: whatever comes, but something
        last.append(_name("*"))
    return [chunk for chunk in chunks if chunk[1]]


def _name(glob: str) -> re.Pattern[str]:
    """For one folder's or file's name; Python's translation never tries in vain what it has tried before."""
    return re.compile(fnmatch.translate(glob.replace("[", "[[]")))


def _ignored(names: Sequence[str], patterns: Sequence[tuple[bool, Sequence[Chunk]]]) -> bool:
    ignored = False
    for kept_again, pattern in patterns:
        if ignored == kept_again and _fits(names, pattern):
            ignored = not kept_again
    return ignored


def _fits(names: Sequence[str], pattern: Sequence[Chunk]) -> bool:
    """Whether the pattern fits the path, or a folder above it."""
    at = 0
    for anywhere, wanted in pattern:
        last = len(names) - len(wanted)
        places = range(at, (last if anywhere else min(at, last)) + 1)
        found = next((place for place in places if _are(names, place, wanted)), None)
        if found is None:
            return False
        at = found + len(wanted)
    return at > 0


def _are(names: Sequence[str], place: int, wanted: Sequence[re.Pattern[str]]) -> bool:
    return all(name.match(names[place + offset]) for offset, name in enumerate(wanted))
