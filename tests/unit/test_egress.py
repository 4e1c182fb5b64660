"""Which addresses the server connects to on behalf of others."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicehub.egress import AddressRefused, fault_of, is_public, public_socket

INWARD = (
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("2002:7f00:1::", "2002:a00:1::"),
)


@pytest.mark.parametrize("address", INWARD)
def test_what_is_not_public_is_refused(address):
    assert not is_public(address)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(AddressRefused):
        public_socket((family, socket.SOCK_STREAM, 0, "", (address, 80)))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_what_is_public_is_not(address):
    assert is_public(address)


def test_a_public_address_gets_its_socket():
    place = ("8.8.8.8", 443)
    with public_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", place)) as opened:
        assert opened.family is socket.AF_INET


@given(st.ip_addresses(v=4))
def test_an_address_is_no_more_public_inside_ipv6(address):
    number = int(address)
    mapped = f"::ffff:{address}"
    translated = f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}"
    assert is_public(mapped) == is_public(translated) == is_public(str(address))


@pytest.mark.parametrize(
    "url",
    [
        *("http://a.example/", "a.example", "https://", "https:///x", "https://a.example:99999/"),
        *("https://u@a.example/", "https://:p@a.example/", "https://a.example/#f"),
        *("https://a.example/ b", "https://a.example/\n", "https://127.1/", "https://0x7f.1/"),
        *("https://2130706433/", "https://017700000001/", "https://[::ffff:7f00:1]/"),
        *("https://[fe80::1%25eth0]/", "https://[64:ff9b::7f00:1]/", "https://１２７.0.0.1/"),  # noqa: RUF001  # digits that are read as such
    ],
)
def test_a_url_that_leads_inward_or_is_none_has_a_fault(url):
    assert fault_of(url, private=False)


@pytest.mark.parametrize(
    "url",
    ["https://a.example", "HTTPS://A.example:8443/b?c=d", "https://8.8.8.8/", "https://ü.example/"],
)
def test_any_other_has_none(url):
    assert fault_of(url, private=False) is None


def test_where_private_addresses_are_allowed_tls_is_not_asked_for():
    assert fault_of("http://127.0.0.1:80/", private=True) is None
    assert fault_of("ftp://127.0.0.1/", private=True)
    assert fault_of("http://u:p@127.0.0.1/", private=True)


@given(st.text())
def test_any_text_has_an_answer(text):
    assert fault_of(text, private=False) is None or not fault_of(text, private=False).isspace()
    fault_of(f"https://{text}", private=False)
