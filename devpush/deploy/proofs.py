"""What DNS must say for a custom domain to be served, and what it does say. Decides everything, touches nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from ipaddress import ip_address

from devpush.models import Domain
from devpush.ports import Certificate, NameRecords
from devpush.settings import Settings

CERTIFICATE_WITHIN = timedelta(hours=1)
RENEWED_BEFORE = timedelta(days=7)
SECOND_LEVELS = ("ac", "co", "com", "edu", "gob", "gov", "gv", "ne", "net", "nom", "or", "org")
"""co.uk, com.au, …"""


class Proof(IntEnum):
    """How sure DNS makes us that a name is a project's."""

    none = 0
    address = 1
    """It leads to this server, where it could be anybody's."""
    named = 2
    """It names the very project, or says the text that only this project was shown."""


@dataclass(frozen=True)
class Verdict:
    proof: Proof
    sentence: str = ""
    """What is wrong, and what to do; or what is worth knowing although it is proved."""


@dataclass(frozen=True)
class Seen:
    """What was found by asking."""

    records: NameRecords
    names_us: bool
    """One of the names it is another name of is this project's."""
    texts: Sequence[str]


@dataclass(frozen=True)
class Record:
    """A DNS record, as it is to be set."""

    type: str
    name: str
    value: str


# What is to be set


def leading(settings: Settings, hostname: str, target: str) -> list[Record]:
    """The records that prove it and lead here as well. `target` is the project's own hostname."""
    if not _looks_like_apex(hostname):
        return [Record("CNAME", hostname, target)]
    kinds = {4: "A", 6: "AAAA"}
    return [Record(kinds[ip_address(text).version], hostname, text) for text in own_addresses(settings)]


def saying(domain: Domain) -> Record:
    """The record that proves it for whoever leads the name elsewhere (by a proxy, say)."""
    return Record("TXT", proof_name(domain.hostname), proof_text(domain))


def proof_name(hostname: str) -> str:
    return f"_devpush.{hostname}"


def proof_text(domain: Domain) -> str:
    return f"devpush={domain.proof}"


def own_addresses(settings: Settings) -> list[str]:
    """This server's, from SERVER_IP: one, or an IPv4 and an IPv6 one."""
    return [str(ip_address(word)) for word in settings.server_ip.replace(",", " ").split() if _is_address(word)]


def _is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True


def _looks_like_apex(hostname: str) -> bool:
    """A guess, for what is shown: example.com and example.co.uk. What counts is what DNS says."""
    *below, second, top = hostname.split(".")
    return not below or (len(below) == 1 and second in SECOND_LEVELS and len(top) == 2)


# What is there


def judge(domain: Domain, target: str, ours: Collection[str], seen: Seen) -> Verdict:
    """What DNS proves, and what is wrong if it proves nothing."""
    found = seen.records
    elsewhere = [address for address in found.addresses if address not in ours]
    if proof_text(domain) in seen.texts:
        return Verdict(Proof.named, _worth_knowing(domain.hostname, seen, elsewhere))
    if seen.names_us:
        return Verdict(Proof.named)
    if found.addresses and not elsewhere and found.apex:
        return Verdict(Proof.address)
    another = f" The TXT record at {proof_name(domain.hostname)} is another than the one shown." if seen.texts else ""
    return Verdict(Proof.none, _what_is_wrong(domain.hostname, target, ours, found, elsewhere) + another)


def _worth_knowing(host: str, seen: Seen, elsewhere: Sequence[str]) -> str:
    if elsewhere and not seen.names_us:
        return f"{host} leads to {_and(elsewhere)}, not straight to this server. That is right only behind a proxy."
    return "" if seen.names_us or seen.records.addresses else f"It is proved, but {host} leads nowhere yet."


def _what_is_wrong(host: str, target: str, ours: Collection[str], found: NameRecords, elsewhere: Sequence[str]) -> str:
    if found.aliases:
        return f"{host} is another name of {found.aliases[0]}, not of {target}."
    if not found.addresses:
        return f"No record of {host} is found yet. New ones may take some minutes to be seen."
    if not elsewhere:
        return (
            f"{host} leads to this server, but its address doesn't say to which project on it. "
            "Set the CNAME record in its place, or the TXT record as well."
        )
    if len(elsewhere) < len(found.addresses):
        return f"{host} leads to {_and(elsewhere)} as well as to this server. Please remove what leads there."
    server = f"this server's {_and(list(ours))}" if ours else "this server"
    return f"{host} leads to {_and(elsewhere)}, not to {server}."


def _and(words: Sequence[str]) -> str:
    shown = [*words[:3], *(["others"] if len(words) > 3 else [])]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


# What visitors are shown by https


def certificate(domain: Domain, shown: Certificate, at: datetime) -> dict[str, object]:
    """What the domain's row says of its certificate."""
    fits = shown.fits and shown.until > at
    state, note = ("valid", "") if fits else ("waiting", "")
    if fits and shown.until < at + RENEWED_BEFORE:
        note = "It ends soon and was not renewed yet. The operator can look at Traefik's log."
    if not fits and domain.verified_at and domain.verified_at < at - CERTIFICATE_WITHIN:
        state = "failed"
        note = (
            f"None was issued for {domain.hostname} so far. Port 80 of this server must be reached under that name, "
            "and a CAA record, if there is one, must allow Let’s Encrypt."
        )
    return {"certificate": state, "certificate_note": note, "certificate_until": shown.until if fits else None}
