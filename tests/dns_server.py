"""A name server for tests: zones that it answers for as their own server does, and a resolver that remembers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.name import Name
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType

SOA = "ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 300"
TTL = 300


@dataclass
class DnsServer:
    """`zones` are the names it answers for; `say` sets a record, `forget` takes all of a name away. As a resolver it
    answers from `remembered` first, and so goes on saying what it has once said."""

    zones: Sequence[str] = ("example.com", "apps.example.net")
    said: dict[tuple[Name, RdataType], list[str]] = field(default_factory=dict)
    remembered: dict[tuple[Name, RdataType], dns.message.Message] = field(default_factory=dict)
    remembers: bool = False
    silent: bool = False
    """Never answers."""
    lame: bool = False
    """As a zone's own server it says that it isn't."""
    odd: RdataClass = RdataClass.IN
    """The class that records of hosts have."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    def say(self, name: str, kind: str, *values: str) -> None:
        self.said[dns.name.from_text(name), dns.rdatatype.from_text(kind)] = list(values)

    def forget(self, name: str) -> None:
        self.said = {key: values for key, values in self.said.items() if key[0] != dns.name.from_text(name)}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["DnsServer"]:
        for zone in self.zones:
            self.say(zone, "SOA", SOA.format(zone=zone))
            self.say(zone, "NS", f"ns.{zone}.")
            self.say(f"ns.{zone}", "A", "127.0.0.1")
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(self), local_addr=("127.0.0.1", 0))
        self.port = transport.get_extra_info("sockname")[1]
        try:
            yield self
        finally:
            transport.close()

    def answer(self, question: dns.message.Message) -> dns.message.Message | None:
        [asked] = question.question
        key = asked.name, asked.rdtype
        self.asked.append((asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)))
        if self.silent:
            return None
        resolving = bool(question.flags & dns.flags.RD) and self.remembers
        if resolving and key in self.remembered:
            return _again(question, self.remembered[key])
        answer = self._fresh(question, *key)
        if resolving:
            self.remembered[key] = answer
        return answer

    def _fresh(self, question: dns.message.Message, name: Name, kind: RdataType) -> dns.message.Message:
        answer = dns.message.make_response(question, recursion_available=True)
        answer.flags |= 0 if self.lame else dns.flags.AA
        for _ in range(20):
            if values := self.said.get((name, kind)):
                own = name in map(dns.name.from_text, (*self.zones, *(f"ns.{zone}" for zone in self.zones)))
                answer.answer.append(_rows(name, kind, values, RdataClass.IN if own else self.odd))
                return answer
            if not (alias := self.said.get((name, RdataType.CNAME))):
                break
            answer.answer.append(_rows(name, RdataType.CNAME, alias))
            name = dns.name.from_text(alias[0])
        zone = next((zone for zone in map(dns.name.from_text, self.zones) if name.is_subdomain(zone)), None)
        if zone:
            answer.authority.append(_rows(zone, RdataType.SOA, self.said[zone, RdataType.SOA]))
        if not any(known.is_subdomain(name) for known, _ in self.said):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


def _rows(name: Name, kind: RdataType, values: Sequence[str], of: RdataClass = RdataClass.IN) -> dns.rrset.RRset:
    return dns.rrset.from_text_list(name, TTL, of, kind, values)


def _again(question: dns.message.Message, before: dns.message.Message) -> dns.message.Message:
    answer = dns.message.make_response(question, recursion_available=True)
    answer.answer, answer.authority = before.answer, before.authority
    answer.set_rcode(before.rcode())
    return answer


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self.server = server
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        with suppress(dns.exception.DNSException):
            if answer := self.server.answer(dns.message.from_wire(data)):
                self.transport.sendto(answer.to_wire(), addr)
