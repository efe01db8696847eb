"""One hostname has one form, whoever types it in whatever way (A13)."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devpush.adapters.traefik import rendered
from devpush.errors import Refused
from devpush.models import rules
from devpush.ports import Redirect, RouteTable

PROJECT = "0b9c6a34-2f4e-4b43-9d5a-3c1f2e7a9b10"


@dataclass
class Own:
    hostname: str = "dash.example.net"
    deploy_domain: str = "apps.example.net"


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("www.example.com", "www.example.com"),
        (" WWW.Example.COM. ", "www.example.com"),
        ("www。example．com", "www.example.com"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("Faß.de", "xn--fa-hia.de"),
        ("\u212a.com", "k.com"),
        ("notapps.example.net", "notapps.example.net"),
        ("example.net", "example.net"),
    ],
)
def test_a_hostname_has_one_form(typed: str, host: str) -> None:
    assert rules.hostname(typed, Own()) == host == rules.hostname(host, Own())


@given(
    st.text(max_size=40) | st.text(alphabet="a1-._:/*`{}。\u212a\u00e4\u200d", max_size=12).map(lambda t: f"{t}.com")
)
def test_whatever_passes_is_a_host_to_traefik_as_well_and_stays_what_it_is(text: str) -> None:
    try:
        host = rules.hostname(text, Own())
    except Refused:
        return
    assert rules.hostname(host, Own()) == host
    assert rendered(RouteTable(PROJECT, [], [Redirect(host, rules.redirect_target(host), 308)]))


def test_a_redirect_goes_by_https_unless_it_was_typed_otherwise() -> None:
    assert rules.redirect_target("WWW.example.com") == "https://www.example.com"
    assert rules.redirect_target("https://www.example.com/") == "https://www.example.com"
    assert rules.redirect_target("HTTP://www.example.com") == "http://www.example.com"
