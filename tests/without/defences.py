"""The defences: what stands in the code, what would stand there without it, and which test must fail then."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Defence:
    """`case` is a number of docs/security.md; `stands` occurs once in the file."""

    case: str
    what: str
    file: str
    stands: str
    without: str
    test: str
    """A file, and after a space what narrows it (pytest's -k)."""


DEFENCES = [
    Defence(
        "A1",
        "a branch's name has no sign that means something to a shell or to git",
        "devpush/models/rules.py",
        "    if wrong_end or name in",
        "    if False and name in",
        "tests/unit/test_rules.py branch",
    ),
    Defence(
        "A2",
        "git speaks https and ssh only",
        "devpush/adapters/git_run.py",
        '"GIT_ALLOW_PROTOCOL": "file" if local else "https:ssh"',
        '"GIT_ALLOW_PROTOCOL": "file:https:ssh:ext"',
        "tests/abuse/test_git.py",
    ),
    Defence(
        "A3",
        "a hostname obeys the grammar",
        "devpush/adapters/traefik.py",
        "    last = _checked(HOST, host).rpartition",
        "    last = host.rpartition",
        "tests/unit/test_traefik.py",
    ),
    Defence(
        "A4",
        "names that the platform sets are reserved",
        "devpush/models/rules.py",
        "    if key in RESERVED_KEYS or key.startswith(RESERVED_PREFIXES):",
        "    if False:",
        "tests/unit/test_rules.py",
    ),
    Defence(
        "A5",
        "no capability is left to a container",
        "devpush/adapters/docker_config.py",
        '        "CapDrop": ["ALL"],\n',
        "",
        "tests/abuse/test_containers.py what_the_list_says",
    ),
    Defence(
        "A6",
        "a health path leads to no other host",
        "devpush/models/rules.py",
        "    if not HEALTH_PATH.fullmatch(path) or ENCODED_CONTROL.search(path) or _climbs(path):",
        "    if False:",
        "tests/unit/test_rules.py",
    ),
    Defence(
        "A7",
        "containers of one network don't talk to each other",
        "devpush/adapters/docker_config.py",
        '"com.docker.network.bridge.enable_icc": "false"',
        '"com.docker.network.bridge.enable_icc": "true"',
        "tests/abuse/test_containers.py reaches_another",
    ),
    Defence(
        "A10",
        "no file of a tree lies outside of it, or in .git",
        "devpush/adapters/git_tree.py",
        '        and not any(part in (".", "..") or part.lower() == ".git" for part in parts)\n',
        "",
        "tests/abuse/test_git.py",
    ),
    Defence(
        "A10",
        "a tree has only so many files",
        "devpush/adapters/git_tree.py",
        "    if len(entries) > MAX_FILES:",
        "    if False:",
        "tests/abuse/test_git.py limits",
    ),
    Defence(
        "A12",
        "a file of Traefik's holds no template",
        "devpush/adapters/traefik.py",
        '    if "{{" in text:',
        "    if False:",
        "tests/unit/test_traefik.py",
    ),
    Defence(
        "A17",
        "a form without its proof does nothing",
        "devpush/web/csrf.py",
        "    if not _proves(sent):",
        "    if False:",
        "tests/abuse/test_walk.py",
    ),
    Defence(
        "A18",
        "secrets in production are long",
        "devpush/settings.py",
        "            if len(value) < low:",
        "            if False:",
        "tests/abuse/test_settings.py",
    ),
    Defence(
        "A20",
        "a token of Google's was made for this very sign-in",
        "devpush/adapters/openid.py",
        "        and hmac.compare_digest(sent.encode(), nonce.encode())\n",
        "",
        "tests/integration/test_openid.py",
    ),
    Defence(
        "A21",
        "a link signs in once",
        "devpush/models/people.py",
        "        if not await usable.update(used_at=now()):",
        "        if not await usable.exists():",
        "tests/abuse/test_magic_link.py",
    ),
    Defence(
        "A21",
        "`next` leads to pages of ours only",
        "devpush/web/forms.py",
        '    return "" if parts.scheme or parts.netloc else path',
        "    return path",
        "tests/abuse/test_magic_link.py tests/unit",
    ),
    Defence(
        "A22",
        "so much and no more",
        "devpush/web/throttle.py",
        "        if len(times) >= self._limit:",
        "        if False:",
        "tests/abuse/test_magic_link.py",
    ),
    Defence(
        "A24",
        "a webhook is signed",
        "devpush/web/webhooks.py",
        "        return hmac.compare_digest(expected.encode(), given)",
        "        return True",
        "tests/abuse/test_webhooks.py",
    ),
    Defence(
        "A26",
        "a repository's server stands at a public address",
        "devpush/adapters/git_address.py",
        "        if address in APPS or not (is_public(address)",
        "        if False and not (is_public(address)",
        "tests/abuse/test_git_address.py",
    ),
    Defence(
        "A28",
        "what is secret is masked in a build's log",
        "devpush/deploy/shipper.py",
        "        return mask(text, self.secrets)",
        "        return text",
        "tests/integration/test_shipper.py",
    ),
    Defence(
        "A29",
        "a text to look for is quoted",
        "devpush/adapters/logtable.py",
        'f"%{quoted(text)}%" if text else None',
        'f"%{text}%" if text else None',
        "tests/integration/test_logtable.py tests/integration/test_logstores.py",
    ),
    Defence(
        "A31",
        "a container has only so many processes",
        "devpush/adapters/docker_config.py",
        '        "PidsLimit": spec.limits.pids,\n',
        "",
        "tests/abuse/test_containers.py fork_bomb",
    ),
    Defence(
        "A31",
        "what writes too much is stopped",
        "devpush/deploy/guard.py",
        "        if size > at_most * MB:",
        "        if False:",
        "tests/integration/test_guard.py",
    ),
    Defence(
        "A32",
        "an open page asks again whether it still may",
        "devpush/web/streams.py",
        '            if await still(0) != "may":',
        "            if False:",
        "tests/integration/test_streams.py",
    ),
    Defence(
        "A34",
        "no page is framed",
        "devpush/web/app.py",
        "frame-ancestors 'none'; ",
        "",
        "tests/abuse/test_walk.py",
    ),
]
