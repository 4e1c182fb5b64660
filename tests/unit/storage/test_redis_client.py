import pytest

from voicehub.errors import VoiceHubError
from voicehub.storage.redis_client import open_client, parse_address


def test_sentinels_are_listed_and_the_service_is_the_path():
    address = parse_address(
        "redis+sentinel://ada:p%40ss@one:26000,two,[::1]:27000/main/3?sentinel_password=s"
    )
    assert address.kind == "sentinel"
    assert address.hosts == [("one", 26000), ("two", 26379), ("::1", 27000)]
    assert (address.username, address.password) == ("ada", "p@ss")
    assert (address.service, address.database, address.tls) == ("main", 3, False)
    assert (address.sentinel_username, address.sentinel_password) == (None, "s")


def test_the_nodes_of_a_cluster_are_listed():
    address = parse_address("rediss+cluster://:secret@one,two:7000")
    assert address.kind == "cluster"
    assert address.hosts == [("one", 6379), ("two", 7000)]
    assert (address.username, address.password, address.tls) == (None, "secret", True)


def test_a_password_is_in_no_repr():
    url = "redis+sentinel://:secret1@one/main?sentinel_password=secret2"
    assert "secret" not in repr(parse_address(url))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+sentinel://:secret@one", "service"),
        ("redis+sentinel:///main", "no host"),
        ("redis+sentinel://:secret@one/main/x", "database"),
        ("redis+cluster://:secret@one/1", "database 0"),
        ("redis+ring://:secret@one", "scheme"),
        ("http+cluster://:secret@one", "scheme"),
        ("redis+cluster://one:secret", "port"),
        ("redis+cluster://:secret@:6379", "without a name"),
    ],
)
def test_an_address_that_cannot_be_used_says_why_and_quotes_nothing(url, why):
    with pytest.raises(VoiceHubError) as refusal:
        parse_address(url)
    assert why in str(refusal.value)
    assert "secret" not in str(refusal.value)


async def test_another_scheme_is_refused_without_quoting_it():
    with pytest.raises(VoiceHubError) as refusal:
        async with open_client("postgresql://:secret@one"):
            pass
    assert "secret" not in str(refusal.value)
