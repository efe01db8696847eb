"""What no file of the repository should hold: keys and tokens in the forms that services give them."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.gates.allowed import Allowed

FORMS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\\n|\s|[\"'])+[A-Za-z0-9+/]{40,}",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "a Bitbucket token": r"\bATBB[A-Za-z0-9]{28,}|\bATATT3[A-Za-z0-9_=-]{60,}",
    "an AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Google secret": r"\bGOCSPX-[A-Za-z0-9_-]{28}\b|\bAIza[A-Za-z0-9_-]{35}\b",
    "a Resend key": r"\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{20,}",
    "a Stripe key": r"\b[rs]k_live_[A-Za-z0-9]{20,}",
    "an npm or PyPI token": r"\bnpm_[A-Za-z0-9]{36}\b|\bpypi-AgEI[A-Za-z0-9_-]{50,}",
    "an API key": r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}",
    "a signed token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}",
    "an encryption key": r"(?<![A-Za-z0-9_/+-])[A-Za-z0-9_-]{43}=(?![A-Za-z0-9=])",
}
WRITTEN = re.compile("|".join(f"(?P<_{number}>{form})" for number, form in enumerate(FORMS.values())))
GIVEN = re.compile(
    r"(?i)(?:secret|token|passw(?:or)?d|api_?key|access_?key|encryption_?key|private_?key)[a-z_]*[\"']?\s*[:=]\s*"
    r"[\"']?([A-Za-z0-9+/_=-]{20,})(?![A-Za-z0-9+/_=.(\[{-])"
)
"""SECRET_KEY=…, "token": "…": whatever is written there by chance and not in words."""
RANDOM = 3.6
"""Bits a character: words joined by hyphens have less, or no digits."""
LOCKS = ("requirements.lock", "requirements-dev.lock", "package-lock.json")
"""Full of hashes, and written by tools."""


def said_of(root: Path, paths: Sequence[Path], allowed: Allowed) -> list[str]:
    """One line for each, with its mark. The text itself isn't said again: this is in logs."""
    said = list(allowed.wrong)
    for path in paths:
        if path.name in LOCKS:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for what, found, line in secrets_in(text):
            if not allowed.example(mark := mark_of(found)):
                said.append(f"{path.relative_to(root)}:{line}: {what} (mark {mark})")
    over = sorted(allowed.examples - allowed.met)
    return said + [f"The example {mark} is nowhere. Please take it out of allowed.toml." for mark in over]


def secrets_in(text: str) -> Iterator[tuple[str, str, int]]:
    """What each is, what stands there, and in which line."""
    kinds, seen = list(FORMS), set()
    for found in WRITTEN.finditer(text):
        seen.add(found[0])
        yield kinds[int(str(found.lastgroup)[1:])], found[0], text.count("\n", 0, found.start()) + 1
    for found in GIVEN.finditer(text):
        if _by_chance(found[1]) and not any(found[1] in one or one in found[1] for one in seen):
            yield "a secret with a value", found[1], text.count("\n", 0, found.start()) + 1


def mark_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def _by_chance(value: str) -> bool:
    """Whether it looks drawn: letters and digits, many different ones. What tests look for says what it is."""
    counts = Counter(value).values()
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return (
        bits >= RANDOM and "canary" not in value and bool(re.search(r"[0-9]", value) and re.search(r"[A-Za-z]", value))
    )
