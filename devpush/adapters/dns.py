"""Asks the name servers of a zone themselves what they say of a hostname.

A resolver remembers that a name was not there, often for an hour: whoever has just added a record would wait for
that long. It is asked only where the zone's own servers are, and where those can't be reached.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
from dns.name import Name
from dns.nameserver import Do53Nameserver
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from dns.rrset import RRset

from devpush.adapters.git_address import APPS, is_public
from devpush.errors import Unavailable
from devpush.ports import NameRecords

ONE_SERVER, ALL_IN_ALL = 2.0, 10.0
"""Seconds we wait for one server, and for all that one question takes."""
MOST_SERVERS = 3
MOST_ALIASES = 8
LONGEST_ANSWER = 50
"""Records of one kind that are looked at."""
STANDARD_PORT = 53
A, AAAA, CNAME, NS, TXT = (RdataType.A, RdataType.AAAA, RdataType.CNAME, RdataType.NS, RdataType.TXT)
GOOD = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
NO_ANSWER = "No name server answers for {}. It is asked again by itself."


@dataclass(frozen=True)
class Found:
    """What one question found: the names on the way, and the records at its end."""

    aliases: Sequence[str]
    values: Sequence[str]


class NameServers:
    """Implements ports.Dns. `allowed` are private networks (CIDR) in which a zone's servers may stand all the same;
    `resolvers` (address and port) are asked instead of the machine's own."""

    def __init__(
        self, *, allowed: Sequence[str] = (), resolvers: Sequence[tuple[str, int]] = (), port: int = STANDARD_PORT
    ) -> None:
        self.resolvers, self.port = resolvers, port
        self.allowed = [ipaddress.ip_network(text) for text in allowed]
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def records(self, host: str) -> NameRecords:
        name = dns.name.from_text(host)
        async with _in_time(host):
            zone = await self._zone(name)
            v4, v6 = await asyncio.gather(self._find(name, A, zone), self._find(name, AAAA, zone))
        longest = max(v4.aliases, v6.aliases, key=len)
        return NameRecords(longest, (*v4.values, *v6.values), apex=zone == name)

    async def texts(self, name: str) -> Sequence[str]:
        try:
            wanted = dns.name.from_text(name)
        except dns.exception.DNSException:  # with what stands before it, the longest hostname is too long for a name
            return ()
        async with _in_time(name):
            return (await self._find(wanted, TXT, await self._zone(wanted))).values

    async def _find(self, name: Name, kind: RdataType, zone: Name | None) -> Found:
        """Follows a name from zone to zone."""
        passed: list[Name] = [name]
        while True:
            answer = await self._ask(passed[-1], kind, zone)
            before = len(passed)
            while alias := _records(answer, passed[-1], CNAME):
                target = alias[0].target
                if target in passed or len(passed) > MOST_ALIASES:
                    return Found(_texts(passed[1:]), ())
                passed.append(target)
            values = sorted(_value(record) for record in _records(answer, passed[-1], kind))  # they come in any order
            if values or len(passed) == before:
                return Found(_texts(passed[1:]), values)
            zone = await self._zone(passed[-1])

    async def _ask(self, name: Name, kind: RdataType, zone: Name | None) -> dns.message.Message:
        question = dns.message.make_query(name, kind)
        for server in await self._servers(zone):
            with suppress(dns.exception.DNSException, OSError, EOFError):
                answer, _ = await dns.asyncquery.udp_with_fallback(question, server, ONE_SERVER, self.port)
                if answer.rcode() in GOOD and (answer.flags & dns.flags.AA):
                    return answer
        return await self._resolve(name, kind)

    async def _zone(self, name: Name) -> Name | None:
        """The zone a name belongs to; None if that can't be seen from here."""
        with suppress(dns.exception.DNSException):
            return await dns.asyncresolver.zone_for_name(name, resolver=self._resolving(), lifetime=2 * ONE_SERVER)
        return None

    async def _servers(self, zone: Name | None) -> list[str]:
        """Addresses of a zone's own servers: those that everybody could ask. They are the choice of whoever has the
        zone, and none of what only this server can reach is theirs to have asked."""
        if zone is None:
            return []
        names = [record.target for record in _records(await self._resolve(zone, NS), zone, NS)][:MOST_SERVERS]
        answers = await asyncio.gather(*(self._resolve(name, A) for name in names), return_exceptions=True)
        found = [answer for answer in answers if isinstance(answer, dns.message.Message)]
        addresses = [record.address for answer in found for rows in answer.answer if _is(rows, A) for record in rows]
        return [address for address in addresses if self._may_ask(address)][:MOST_SERVERS]

    def _may_ask(self, text: str) -> bool:
        address = ipaddress.ip_address(text)
        return address not in APPS and (is_public(address) or any(address in network for network in self.allowed))

    async def _resolve(self, name: Name, kind: RdataType) -> dns.message.Message:
        """The resolver's word. An answer without records is an answer, too."""
        resolver = self._resolving()
        try:
            found = await resolver.resolve(name, kind, raise_on_no_answer=False, lifetime=2 * ONE_SERVER)
            return found.response
        except dns.resolver.NXDOMAIN:
            return dns.message.make_response(dns.message.make_query(name, kind))
        except (dns.exception.DNSException, OSError) as trouble:
            raise Unavailable(NO_ANSWER.format(name.to_text(omit_final_dot=True))) from trouble

    def _resolving(self) -> dns.asyncresolver.Resolver:
        if self._resolver is None:
            try:
                self._resolver = dns.asyncresolver.Resolver(configure=not self.resolvers)
            except dns.resolver.NoResolverConfiguration as trouble:
                raise Unavailable("This server knows no name server to ask (/etc/resolv.conf).") from trouble
            if self.resolvers:
                self._resolver.nameservers = [Do53Nameserver(address, port) for address, port in self.resolvers]
        return self._resolver


@asynccontextmanager
async def _in_time(name: str) -> AsyncIterator[None]:
    """All that a question takes, within its time."""
    try:
        async with asyncio.timeout(ALL_IN_ALL):
            yield
    except TimeoutError:
        raise Unavailable(NO_ANSWER.format(name)) from None


def _records(answer: dns.message.Message, name: Name, kind: RdataType) -> list[Any]:
    """Those of a name, of one kind."""
    found = [record for rows in answer.answer if rows.name == name and _is(rows, kind) for record in rows]
    return found[:LONGEST_ANSWER]


def _is(rows: RRset, kind: RdataType) -> bool:
    """Of the internet's class: in others, whose servers may answer as well, an address is something else."""
    return rows.rdtype == kind and rows.rdclass == RdataClass.IN


def _value(record: Any) -> str:
    if record.rdtype == TXT:
        return b"".join(record.strings).decode(errors="replace")
    return str(record.address)


def _texts(names: Sequence[Name]) -> tuple[str, ...]:
    return tuple(name.to_text(omit_final_dot=True).lower() for name in names)
