from ipaddress import ip_network

import pytest

from voicehub.rest.origin import PROXIES_MAX, nearest_stranger

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # Nobody that we trust: what it tells does not count.
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("203.0.113.5", [], "203.0.113.5"),
        # One proxy, two proxies, two lines, ports.
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1", "10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("fd00::1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        # What a client writes itself stands left of what the proxy adds.
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["10.1.1.1, 198.51.100.1"], "198.51.100.1"),
        # Nothing to go by: the nearest that we know.
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_client_is_the_nearest_who_is_no_trusted_proxy(peer, forwarded, client):
    assert nearest_stranger(peer, forwarded, PROXIES) == client


def test_a_header_is_followed_for_a_number_of_proxies_only():
    hops = ["198.51.100.1", *["10.0.0.2"] * 10_000]
    assert nearest_stranger("10.0.0.1", [",".join(hops)], PROXIES) == "10.0.0.2"
    hops = ["198.51.100.1", *["10.0.0.2"] * (PROXIES_MAX - 1)]
    assert nearest_stranger("10.0.0.1", [",".join(hops)], PROXIES) == "198.51.100.1"
