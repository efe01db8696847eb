"""What name servers say of a hostname, asked of one that we run."""

from collections.abc import AsyncIterator

import pytest
from dns.rdataclass import RdataClass

from devpush.adapters import dns
from devpush.adapters.dns import NameServers
from devpush.errors import Unavailable
from devpush.ports import NameRecords
from tests.dns_server import DnsServer

OURS = "203.0.113.5"
NOWHERE = "192.0.2.0/24"


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    async with DnsServer().serving() as server:
        yield server


def asking(server: DnsServer, resolver: DnsServer | None = None, *, allowed: str = "127.0.0.0/8") -> NameServers:
    """`server` is every zone's own, and the machine's resolver if there is no other."""
    return NameServers(allowed=[allowed], resolvers=[("127.0.0.1", (resolver or server).port)], port=server.port)


async def test_an_apex_is_known_by_its_zone(server: DnsServer) -> None:
    server.say("example.com", "A", OURS, "203.0.113.6")
    server.say("example.com", "AAAA", "2001:db8::5")
    server.say("app.example.com", "A", OURS)
    found = await asking(server).records("example.com")
    assert found == NameRecords((), (OURS, "203.0.113.6", "2001:db8::5"), apex=True)
    assert await asking(server).records("app.example.com") == NameRecords((), (OURS,), apex=False)


async def test_a_name_is_followed_from_zone_to_zone(server: DnsServer) -> None:
    server.say("app.example.com", "CNAME", "Shop.Apps.Example.NET.")
    server.say("shop.apps.example.net", "A", OURS)
    found = await asking(server).records("app.example.com")
    assert found == NameRecords(("shop.apps.example.net",), (OURS,))


async def test_names_that_lead_in_a_circle_come_to_an_end(server: DnsServer) -> None:
    server.say("a.example.com", "CNAME", "b.example.com.")
    server.say("b.example.com", "CNAME", "a.example.com.")
    for number in range(12):
        server.say(f"n{number}.example.com", "CNAME", f"n{number + 1}.example.com.")
    with pytest.raises(Unavailable):
        await asking(server).records("a.example.com")
    assert len((await asking(server).records("n0.example.com")).aliases) == dns.MOST_ALIASES


async def test_texts_are_put_together_again(server: DnsServer) -> None:
    server.say("_devpush.example.com", "TXT", '"devpush=" "abc"', '"another"')
    assert set(await asking(server).texts("_devpush.example.com")) == {"devpush=abc", "another"}


async def test_a_hostname_so_long_that_nothing_can_stand_before_it_has_no_texts(server: DnsServer) -> None:
    longest = ".".join(["a" * 60] * 4 + ["example"])
    assert await asking(server).texts(f"_devpush.{longest}") == ()


async def test_records_of_another_class_are_none(server: DnsServer) -> None:
    """They aren't addresses, whatever they are called: a zone's own server may send anything."""
    server.odd = RdataClass(5)
    server.say("app.example.com", "AAAA", r"\# 16 20010db8000000000000000000000005")
    assert (await asking(server).records("app.example.com")).addresses == ()


async def test_what_nobody_has_heard_of_has_no_records(server: DnsServer) -> None:
    assert await asking(server).records("gone.example.com") == NameRecords()
    assert await asking(server).records("a.name.of.nobody.test") == NameRecords()
    assert await asking(server).texts("_devpush.gone.example.com") == []


async def test_a_record_counts_at_once_although_the_resolver_remembers_that_there_was_none(server: DnsServer) -> None:
    async with DnsServer(remembers=True).serving() as resolver:
        by_resolver, by_both = asking(server, resolver, allowed=NOWHERE), asking(server, resolver)
        assert (await by_resolver.records("app.example.com")).addresses == ()
        for each in (server, resolver):
            each.say("app.example.com", "A", OURS)
        assert (await by_resolver.records("app.example.com")).addresses == ()
        assert (await by_both.records("app.example.com")).addresses == (OURS,)


async def test_a_server_that_only_we_can_reach_is_not_asked_for_whoever_names_it(server: DnsServer) -> None:
    """The zone's owner says where its servers are: 127.0.0.1, or something on the operator's network."""
    async with DnsServer().serving() as resolver:
        resolver.say("app.example.com", "A", OURS)
        assert (await asking(server, resolver, allowed=NOWHERE).records("app.example.com")).addresses == (OURS,)
    assert server.asked == []


async def test_a_server_that_is_not_the_zones_own_is_not_believed(server: DnsServer) -> None:
    server.say("app.example.com", "A", "198.51.100.1")
    server.lame = True
    async with DnsServer().serving() as resolver:
        resolver.say("app.example.com", "A", OURS)
        assert (await asking(server, resolver).records("app.example.com")).addresses == (OURS,)
    assert server.asked


async def test_no_answer_is_not_the_same_as_no_record(server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "ALL_IN_ALL", 0.2)
    server.silent = True
    with pytest.raises(Unavailable, match=r"No name server answers for app\.example\.com"):
        await asking(server).records("app.example.com")
