"""What people may type: each rule gives back the normalised value, or refuses it in words, under its field.

What becomes an argument, a path, a URL or a name elsewhere is held to a grammar here, so that nothing later
has to guess. Refusals never repeat a value: it may be a secret in the wrong field.
"""

import os
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol
from urllib.parse import urlsplit

import idna

from devpush.errors import Refused

LONGEST_NAME = 120
LONGEST_ENVIRONMENT_NAME = 60
COLORS = ("blue", "green", "amber", "red", "violet", "cyan", "pink", "slate")
"""What tells environments apart at a glance, as the stylesheet knows them."""
LONGEST_URL = 2048
LONGEST_BRANCH = 255
LONGEST_PATH = 512
LONGEST_COMMAND = 4000
LONGEST_CREDENTIAL = 4096
LARGEST_VALUE = 64 * 1024
"""Linux takes 128 kB for one variable; we leave room for its name and for whoever appends to it."""
MOST_DEPENDENCY_FILES = 50
MOST_WATCH_PATHS = 50
LEAST_MEMORY_MB = 32
LEAST_CPU_QUOTA = 5_000
ONE_CORE = 100_000
LONGEST_DRAIN = 86_400
MOST_KEPT_IMAGES = 100
MOST_CACHE_MB = 1_048_576

RESERVED_KEYS = frozenset({"PORT", "DEVPUSH", "PATH", "HOME", "BASH_ENV", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"})
"""What we set ourselves, and what would run before the command that was asked for, or instead. `ENV` is free:
only interactive shells read it, and many apps want `ENV=production`. So are LaunchDarkly's `LD_…`."""
RESERVED_PREFIXES = ("DEVPUSH_", "DOCKER_")

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*|\[[0-9a-f:.]{2,45}\]"
)
SSH_URL = re.compile(
    r"ssh://(?:(?P<user>[^@/]*)@)?(?P<host>\[[^\]/]*\]|[^:/\[\]@]*)(?::(?P<port>[0-9]*))?(?P<path>/.*)"
)
SCP_LIKE = re.compile(r"(?P<user>[^@/:]+)@(?P<host>\[[^\]/]*\]|[^:/\[\]@]+):(?!//)/?(?P<path>.+)")
"""git@github.com:ada/engine.git, as Git servers show it."""
SSH_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
SSH_PATH = re.compile(r"/[A-Za-z0-9._~/+@!,:=-]+")
"""Without “%”: Git decodes it on its way to the server."""
URL_PATH = re.compile(r"/[A-Za-z0-9._~/+%@!,:=-]+")
HEALTH_PATH = re.compile(r"/([A-Za-z0-9._~%+,;=:?&-][A-Za-z0-9._~%+,;=:?&/-]*)?")
ENCODED_CONTROL = re.compile(r"%(?![2-7][0-9a-f]|[89a-f][0-9a-f])|%7f", re.IGNORECASE)
"""A percent sign that is no encoding, or that hides a control character."""
FORBIDDEN_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)")
CORES = re.compile(r"[0-9]{1,4}(\.[0-9]{0,6})?|\.[0-9]{1,6}")
DOMAIN = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
AN_ADDRESS = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)")
"""Browsers take a name whose last part is a number for an address: 127.1, 0x7f000001."""
NOBODYS_DOMAINS = ("localhost", "local", "invalid", "onion", "arpa")
"""Names below these lead to nobody, to oneself, or aren't found by DNS."""
TURNS_TEXT_AROUND = re.compile("[\u202a-\u202e\u2066-\u2069]")


class Defaults(Protocol):
    """The part of the settings that bounds a project's resources."""

    @property
    def default_memory_mb(self) -> int: ...

    @property
    def default_cpu_quota(self) -> int: ...


class Own(Protocol):
    """The part of the settings that says which hostnames are the platform's."""

    @property
    def hostname(self) -> str: ...

    @property
    def deploy_domain(self) -> str: ...


# Projects and their source


def project_name(text: str, field: str = "name") -> str:
    """A name for people; the slug is made from it."""
    name = " ".join(text.split())
    if not name:
        raise Refused("Please give it a name.", field=field)
    if len(name) > LONGEST_NAME:
        raise Refused(f"Please use at most {LONGEST_NAME} characters.", field=field)
    if _hidden(name) or TURNS_TEXT_AROUND.search(name):
        raise Refused("Please use letters, digits and signs that can be seen.", field=field)
    return name


def repository_url(text: str, field: str = "source") -> str:
    """The https:// or ssh:// address of a Git repository, without credentials, query or fragment."""
    url = text.strip()
    if not url:
        raise Refused("Please enter the repository's address, like https://github.com/ada/engine.", field=field)
    if len(url) > LONGEST_URL:
        raise Refused(f"This address is too long; at most {LONGEST_URL} characters.", field=field)
    if _hidden(url) or not url.isascii():
        raise Refused("The address holds characters that no web address has.", field=field)
    if url.lower().startswith("https://"):
        return _https(url, field)
    if found := SCP_LIKE.fullmatch(url):
        url = f"ssh://{found['user']}@{found['host']}/{found['path']}"
    if url.lower().startswith("ssh://"):
        return _ssh(url, field)
    raise Refused(
        "The address must begin with https:// or ssh://, like https://github.com/ada/engine, "
        "or look like git@github.com:ada/engine.git.",
        field=field,
    )


def is_ssh(url: str) -> bool:
    """Whether a repository's address (as repository_url gives it) is opened by a deploy key."""
    return url.startswith("ssh://")


def _ssh(url: str, field: str) -> str:
    found = SSH_URL.fullmatch(f"ssh://{url[6:]}")
    host = (found["host"] or "").lower().rstrip(".") if found else ""
    if not found or not HOST.fullmatch(host) or host.startswith("-"):
        raise Refused("The address needs a server's name, like git@github.com:ada/engine.git.", field=field)
    user, port, path = found["user"] or "git", int(found["port"] or 22), found["path"].rstrip("/")
    if ":" in user:
        raise Refused("Please leave the password out of the address: the deploy key takes its place.", field=field)
    if not SSH_USER.fullmatch(user) or not 0 < port < 65536:
        raise Refused("This is not an SSH address, like git@github.com:ada/engine.git.", field=field)
    if not SSH_PATH.fullmatch(path) or _climbs(path) or "/-" in path[:2]:
        raise Refused("The address needs the repository's path, like git@github.com:ada/engine.git.", field=field)
    return f"ssh://{user}@{host}{'' if port == 22 else f':{port}'}{path}"


def _https(url: str, field: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise Refused("This is not a web address.", field=field) from None
    if "@" in parts.netloc:
        raise Refused(
            "Please leave the user name and token out of the address; the token has its own field.",
            field=field,
        )
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise Refused(
            "Please leave out everything from “?” or “#” on: a repository's address has no such part.",
            field=field,
        )
    host = f"[{host}]" if ":" in host else host
    if not HOST.fullmatch(host) or port == 0:
        raise Refused("The address needs a server's name, like github.com.", field=field)
    path = parts.path.rstrip("/")
    if not URL_PATH.fullmatch(path) or ENCODED_CONTROL.search(path) or _climbs(path) or "/-" in path[:2]:
        raise Refused("The address needs the repository's path, like /ada/engine.", field=field)
    return f"https://{host}{'' if port in (None, 443) else f':{port}'}{path}"


def watch_paths(text: str | Sequence[str], field: str = "watch_paths") -> list[str]:
    """Globs of files whose change is worth a deployment, from the repository's root; a line each, or as a list."""
    given = text.splitlines() if isinstance(text, str) else text
    paths = list(dict.fromkeys(_watch_path(line.strip(), field) for line in given if line.strip()))
    if len(paths) > MOST_WATCH_PATHS:
        raise Refused(f"Please name at most {MOST_WATCH_PATHS} paths.", field=field)
    return paths


def _watch_path(line: str, field: str) -> str:
    path = re.sub("/{2,}", "/", line).removeprefix("./")
    climbs = path.startswith(("/", "-", ":", "!")) or ".." in path.split("/")
    if not path or climbs or "\\" in path or _hidden(path) or TURNS_TEXT_AROUND.search(path) or len(path) > 255:
        raise Refused("Paths begin at the repository's root and stay inside, like apps/web/** or *.toml.", field=field)
    return path


def credential(text: str, field: str = "token") -> str:
    """A token (or the user name that goes with it) for a Git server."""
    token = text.strip()
    if len(token) > LONGEST_CREDENTIAL or _hidden(token) or not token.isascii() or " " in token:
        raise Refused("A token is one word of letters, digits and signs. Please copy it again.", field=field)
    return token


def branch(text: str, field: str = "branch") -> str:
    """A branch's name, by Git's own grammar (git help check-ref-format), and readable."""
    name = text.strip(" \t\r\n").removeprefix("refs/heads/")
    if not name:
        raise Refused("Please choose a branch.", field=field)
    if len(name) > LONGEST_BRANCH:
        raise Refused(f"A branch's name has at most {LONGEST_BRANCH} characters.", field=field)
    wrong_end = name[0] in "-./" or name[-1] in "./"
    forbidden = FORBIDDEN_IN_REF.search(name) or TURNS_TEXT_AROUND.search(name) or _hidden(name)
    if wrong_end or name in ("@", "HEAD") or forbidden:
        raise Refused("Git allows no branch with such a name.", field=field)
    return name


def branch_pattern(text: str, field: str = "branch") -> str:
    """Which branches an environment takes: one by its name, or all that fit a pattern with one `*`."""
    pattern = text.strip(" \t\r\n").removeprefix("refs/heads/")
    if pattern.count("*") > 1:
        raise Refused("One “*” is enough: it stands for any text, like feature/* or *-rc.", field=field)
    branch(pattern.replace("*", "x"), field)
    return pattern


def environment_name(text: str, field: str = "name") -> str:
    """A name for people; the slug is made from it."""
    name = project_name(text, field)
    if len(name) > LONGEST_ENVIRONMENT_NAME:
        raise Refused(f"Please use at most {LONGEST_ENVIRONMENT_NAME} characters.", field=field)
    return name


def color(text: str, field: str = "color") -> str:
    """An environment's color."""
    if text not in COLORS:
        raise Refused("Please choose one of the colors.", field=field)
    return text


def root_dir(text: str, field: str = "root_dir") -> str:
    """A folder inside the repository; "" for its root."""
    path = text.strip()
    if _hidden(path) or "\\" in path:
        raise Refused("Please write the folder with plain characters and “/”, like apps/web.", field=field)
    if path.startswith("/") and path.strip("/"):
        raise Refused(
            "The root directory is inside the repository: please leave out the “/” at its beginning.",
            field=field,
        )
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Refused("The root directory must be inside the repository, so “..” can't be part of it.", field=field)
    folder = "/".join(parts)
    if len(folder) > LONGEST_PATH:
        raise Refused(f"This path is too long; at most {LONGEST_PATH} characters.", field=field)
    if folder.startswith(("-", ":")):
        raise Refused("A root directory can't begin with “-” or “:”.", field=field)
    return folder


def health_path(text: str, field: str = "health_path") -> str:
    """The path the app must answer at; only ever asked of the app's own address."""
    path = text.strip() or "/"
    if not path.startswith("/") or path.startswith("//"):
        raise Refused("The health path begins with one “/”, like /health.", field=field)
    if len(path) > LONGEST_PATH:
        raise Refused(f"This path is too long; at most {LONGEST_PATH} characters.", field=field)
    if not HEALTH_PATH.fullmatch(path) or ENCODED_CONTROL.search(path) or _climbs(path):
        raise Refused("The health path is a plain path like /health: no spaces, no “@”, no “\\”, no “..”.", field=field)
    return path


# How a project is built and run


def command(text: str, field: str) -> str:
    """A command of the tenant's, for the shell of the tenant's own container; "" means none."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(lines) > LONGEST_COMMAND:
        raise Refused(f"A command has at most {LONGEST_COMMAND} characters; put longer ones in a script.", field=field)
    if _hidden(lines.replace("\n", "").replace("\t", "")):
        raise Refused("The command holds characters that can't be typed. Please write it again.", field=field)
    return lines


def dependency_files(text: str | Sequence[str], field: str = "dependency_files") -> list[str]:
    """The files install may see, below the root directory, `*` allowed; by lines, commas or as a list."""
    given = re.split(r"[\n,]", text) if isinstance(text, str) else text
    names = [_dependency_file(name.strip(), field) for name in given if name.strip()]
    if len(names) > MOST_DEPENDENCY_FILES:
        raise Refused(f"Please name at most {MOST_DEPENDENCY_FILES} files.", field=field)
    return list(dict.fromkeys(names))


def _dependency_file(name: str, field: str) -> str:
    climbs = name.startswith(("/", "-", ":")) or ".." in name.split("/")
    if climbs or "\\" in name or _hidden(name) or len(name) > 255:
        raise Refused("Dependency files are paths inside the root directory, like requirements*.txt.", field=field)
    return name.removeprefix("./")


def memory_mb(text: str, settings: Defaults, field: str = "memory_mb") -> int:
    """Memory in MB, at most what this server has."""
    most = most_memory_mb(settings)
    value = text.strip()
    if not value:
        return settings.default_memory_mb
    if not re.fullmatch(r"[0-9]{1,9}", value) or not LEAST_MEMORY_MB <= int(value) <= most:
        raise Refused(f"Please enter whole megabytes from {LEAST_MEMORY_MB} to {most}.", field=field)
    return int(value)


def cpu_quota(text: str, settings: Defaults, field: str = "cpu") -> int:
    """Cores, like 0.5, as µs per 100 ms; at most what this server has."""
    most = most_cpu_quota(settings)
    value = text.strip().replace(",", ".")
    if not value:
        return settings.default_cpu_quota
    quota = int(Decimal(value) * ONE_CORE) if CORES.fullmatch(value) else 0
    if not LEAST_CPU_QUOTA <= quota <= most:
        least, all_of_it = in_cores(LEAST_CPU_QUOTA), in_cores(most)
        raise Refused(f"Please enter a number of cores from {least} to {all_of_it}.", field=field)
    return quota


def in_cores(quota: int) -> str:
    """As it is typed: 0.5."""
    return f"{quota / ONE_CORE:g}"


def cores(quota: int) -> str:
    """As it is read: 1 core, 0.5 cores."""
    return f"{in_cores(quota)} core{'' if quota == ONE_CORE else 's'}"


def drain_seconds(text: str, field: str = "drain_seconds") -> int | None:
    """Seconds, at most a day; None: as the server has it."""
    value = text.strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 5 and int(value) <= LONGEST_DRAIN):
        raise Refused(
            f"Please enter seconds from 0 to {LONGEST_DRAIN:,}, or nothing for the server's own.", field=field
        )
    return int(value)


def cache_mb(text: str, field: str = "cache_mb") -> int | None:
    """MB; None: as the server has it."""
    value = text.strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 7 and int(value) <= MOST_CACHE_MB):
        raise Refused(f"Please enter MB from 0 to {MOST_CACHE_MB:,}, or nothing for the server's own.", field=field)
    return int(value)


def kept_images(text: str, field: str = "kept_images") -> int | None:
    """How many; None: as the server has it."""
    value = text.strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 3 and 1 <= int(value) <= MOST_KEPT_IMAGES):
        raise Refused(f"Please enter a number from 1 to {MOST_KEPT_IMAGES}, or nothing.", field=field)
    return int(value)


def most_memory_mb(settings: Defaults) -> int:
    """What the machine has, or what the operator gives by default, if that is more."""
    return max(settings.default_memory_mb, _machine_memory_mb())


def most_cpu_quota(settings: Defaults) -> int:
    return max(settings.default_cpu_quota, (os.cpu_count() or 1) * ONE_CORE)


def _machine_memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_048_576


# Environment variables


def variable_key(text: str, field: str = "key") -> str:
    """A variable's name."""
    key = text.strip()
    if not key:
        raise Refused("Please give the variable a name.", field=field)
    if not KEY.fullmatch(key):
        raise Refused(
            "A name has letters, digits and “_”, doesn't begin with a digit, and is at most 100 long.",
            field=field,
        )
    if key in RESERVED_KEYS or key.startswith(RESERVED_PREFIXES):
        raise Refused(f"{key} is set by the platform; please use another name.", field=field)
    return key


def variable_value(text: str, field: str = "value") -> str:
    """A variable's value, unchanged: it reaches the app byte for byte."""
    if "\0" in text:
        raise Refused("A value can't hold a NUL character.", field=field)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Refused("The value isn't valid text.", field=field) from None
    if size > LARGEST_VALUE:
        raise Refused("A value can be at most 64 kB; put more into a file.", field=field)
    return text


# Custom domains


def hostname(text: str, settings: Own, field: str = "hostname") -> str:
    """A hostname that somebody brings along, in the one form in which all compare it; never one of the platform's."""
    host = _domain(text, field)
    if any(host == own or host.endswith(f".{own}") for own in (settings.hostname, settings.deploy_domain)):
        raise Refused("This name belongs to the platform itself. Please use one of your own.", field=field)
    return host


def redirect_target(text: str, field: str = "redirect_to") -> str:
    """Where a domain redirects to, as https://host, or as http://host where that was typed. Paths come along by
    themselves."""
    scheme, _, rest = text.strip().rpartition("://")
    if scheme.lower() not in ("", "http", "https"):
        raise Refused("A redirect leads to an address that begins with https:// or http://.", field=field)
    return f"{scheme.lower() or 'https'}://{_domain(rest.removesuffix('/'), field)}"


def _domain(text: str, field: str) -> str:
    """IDNA, lower case, no final dot."""
    name = text.strip()
    if not name:
        raise Refused("Please enter a hostname, like www.example.com.", field=field)
    if re.search(r"[:/?#@\\]", name):
        raise Refused("Please enter the name alone, like www.example.com: no https://, no port, no path.", field=field)
    if "*" in name:
        raise Refused("Please enter one name at a time: names with “*” aren't served.", field=field)
    try:
        host = idna.encode(name[:1000], uts46=True, std3_rules=True).decode().lower().removesuffix(".")
    except UnicodeError:
        host = ""
    if AN_ADDRESS.fullmatch(host):
        raise Refused("This is an address. Please enter a name, like www.example.com.", field=field)
    if host.rpartition(".")[2] in NOBODYS_DOMAINS:
        raise Refused("This name isn't found by DNS, so nobody can prove that it's theirs.", field=field)
    if not DOMAIN.fullmatch(host):
        raise Refused("This is no hostname: it has letters, digits, “-” and at least one “.”.", field=field)
    return host


# What several rules ask


def _hidden(text: str) -> bool:
    """Whether it holds control characters, line separators or what UTF-8 can't say."""
    return any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text)


def _climbs(path: str) -> bool:
    decoded = re.sub("%2e", ".", path.split("?")[0], flags=re.IGNORECASE)
    return any(part in (".", "..") for part in re.split(r"/|%2f", decoded, flags=re.IGNORECASE))
