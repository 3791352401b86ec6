"""Where a client comes from that came through reverse proxies, and who may say so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cookietrack_plugin.config.proxies import TrustedProxies
from cookietrack_plugin.router.forwarded import client_of

NGINX = "tcp4:10.0.0.1:40000"
OURS = TrustedProxies.of(["10.0.0.0/8", "fd00::/8", "unix"])


def client(peer=NGINX, trusted=OURS, **headers):
    return client_of(peer, {k.replace("_", "-"): v for k, v in headers.items()}, trusted)


@pytest.mark.parametrize(
    "peer",
    ["tcp4:192.0.2.1:9", "tcp6:2001:db8::1:9", "tcp4:110.0.0.1:9", "process:7", "unknown", ""],
)
def test_a_peer_that_is_not_trusted_is_the_client_whatever_it_says(peer):
    assert client(peer, x_forwarded_for="198.51.100.7", forwarded="for=198.51.100.7") == peer


@pytest.mark.parametrize(
    "peer", [NGINX, "tcp6:fd00::1:9", "tcp6:::ffff:10.0.0.1:9", "unix:/x", "unix"]
)
def test_a_trusted_one_is_believed(peer):
    assert client(peer, x_forwarded_for="198.51.100.7") == "tcp4:198.51.100.7:0"


def test_nobody_is_trusted_unless_that_is_configured():
    assert client(trusted=TrustedProxies(), x_forwarded_for="198.51.100.7") == NGINX
    assert not TrustedProxies()


def test_a_trusted_one_that_says_nothing_is_the_client():
    assert client() == NGINX


@pytest.mark.parametrize(
    ("hops", "found"),
    [
        ("198.51.100.7", "tcp4:198.51.100.7:0"),
        (" 198.51.100.7:4711 ", "tcp4:198.51.100.7:4711"),
        ("2001:db8::7", "tcp6:2001:db8::7:0"),
        ("2001:DB8::0007", "tcp6:2001:db8::7:0"),
        ("[2001:db8::7]:4711", "tcp6:2001:db8::7:4711"),
        # What the client has made up stands before what the proxies have added.
        ("203.0.113.1, 198.51.100.7", "tcp4:198.51.100.7:0"),
        ("203.0.113.1, 198.51.100.7, 10.1.1.1, 10.2.2.2", "tcp4:198.51.100.7:0"),
        ("10.3.3.3, 10.2.2.2", "tcp4:10.3.3.3:0"),
        # No further than to a hop that tells no address.
        ("198.51.100.7, unknown", NGINX),
        ("198.51.100.7, unknown, 10.2.2.2", "tcp4:10.2.2.2:0"),
        ("198.51.100.7,", NGINX),
        ("", NGINX),
        ("300.1.1.1", NGINX),
        ("1", NGINX),
        ("198.51.100.7:99999999", NGINX),
        ("198.51.100.7:65536", NGINX),
        ("fe80::1%eth0", NGINX),
        ("::ffff:198.51.100.7", "tcp4:198.51.100.7:0"),
        (", ".join(["::1"] * 15_000), "tcp6:::1:0"),
        (", ".join([*["::1"] * 15_000, "198.51.100.7"]), "tcp4:198.51.100.7:0"),
        ("10.9.9.9, " * 40 + "198.51.100.7, 10.1.1.1", "tcp4:198.51.100.7:0"),
        ("evil\r\nX: y", NGINX),
    ],
)
def test_the_last_hop_that_is_not_trusted_counts(hops, found):
    assert client(x_forwarded_for=hops) == found


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("for=198.51.100.7", "tcp4:198.51.100.7:0"),
        ('For="198.51.100.7:4711";proto=https;by=10.0.0.1', "tcp4:198.51.100.7:4711"),
        ('for="[2001:db8::7]:4711"', "tcp6:2001:db8::7:4711"),
        ("for=203.0.113.1, for=198.51.100.7;proto=http , for=10.9.9.9", "tcp4:198.51.100.7:0"),
        ('for=203.0.113.1;x="a,b;for=1.1.1.1", for=198.51.100.7', "tcp4:198.51.100.7:0"),
        ("proto=https;for=198.51.100.7", "tcp4:198.51.100.7:0"),
        ("for=198.51.100.7, for=_gateway", NGINX),
        ("for=198.51.100.7, for=unknown", NGINX),
        ("proto=https", NGINX),
        ("198.51.100.7", NGINX),
        ("", NGINX),
        # A quote that the client left open swallows what the proxy has added.
        ('for=203.0.113.1;x=", for="[2001:db8::7]"', NGINX),
        ('for=203.0.113.1;x=", for=198.51.100.7;by="[fd00::1]"', NGINX),
        ('for=203.0.113.1;x=", for=198.51.100.7', NGINX),
    ],
)
def test_the_standards_header_is_read_whole_or_not_at_all(header, found):
    assert client(forwarded=header) == found


class TestBothHeaders:
    def test_count_where_they_agree(self):
        agreeing = {"x_forwarded_for": "198.51.100.7", "forwarded": 'for="198.51.100.7:4711"'}
        assert client(**agreeing) == "tcp4:198.51.100.7:4711"

    @pytest.mark.parametrize(
        ("by_proxy", "by_client"),
        [("x_forwarded_for", "forwarded"), ("forwarded", "x_forwarded_for")],
    )
    def test_name_nobody_where_one_is_the_clients_own(self, by_proxy, by_client):
        values = {"x_forwarded_for": "{}", "forwarded": "for={}"}
        said = {by_proxy: "198.51.100.7", by_client: "203.0.113.1"}
        headers = {name: values[name].format(address) for name, address in said.items()}
        assert client(**headers) == NGINX


@given(st.text(), st.text())
def test_no_header_makes_it_fail_or_gives_what_is_no_peer(forwarded, list_):
    for headers in ({"forwarded": forwarded}, {"x_forwarded_for": list_}):
        kind, _, place = client(**headers).partition(":")
        assert kind in ("tcp4", "tcp6")
        assert place.rpartition(":")[2].isdigit()


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_what_a_client_puts_before_it_does_not_change_what_a_proxy_has_added(prefix):
    found = client(x_forwarded_for=f"{prefix}, 198.51.100.7")
    assert found == "tcp4:198.51.100.7:0"
    found = client(forwarded=f'{prefix}, for="[2001:db8::7]"')
    assert found in ("tcp6:2001:db8::7:0", NGINX)
