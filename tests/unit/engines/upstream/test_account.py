import pytest

from voicehub.engines.upstream.account import Upstream

URL = "wss://api.example/v1/realtime"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, URL + "?model=gpt-realtime"),
        (URL + "?api-version=1", URL + "?api-version=1&model=gpt-realtime"),
        (URL + "?model=theirs", URL + "?model=theirs"),
        (URL + "?deployment=theirs", URL + "?deployment=theirs"),
    ],
)
def test_the_model_is_named_once(url, expected):
    assert str(Upstream("cloud", url=url, model="gpt-realtime").address()) == expected


def test_an_upstream_without_model_or_key_gets_neither():
    upstream = Upstream("lan", url=URL)
    assert str(upstream.address()) == URL
    assert upstream.headers() == {}


def test_the_key_travels_as_the_provider_wants_it():
    bearer = Upstream("cloud", url=URL, key="k", more_headers={"X-Team": "7"})
    assert bearer.headers() == {"Authorization": "Bearer k", "X-Team": "7"}
    assert Upstream("azure", url=URL, key="k", auth="api-key").headers() == {"api-key": "k"}


def test_its_repr_is_its_name():
    upstream = Upstream("cloud", url=URL, key="k", more_headers={"X-Key": "k2"})
    assert repr(upstream) == "Upstream(name='cloud')"
