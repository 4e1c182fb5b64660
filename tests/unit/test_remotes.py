import pytest
from pydantic import ValidationError

from voicehub.remotes import ToolSettings, UpstreamSettings


@pytest.mark.parametrize(
    ("model", "url"),
    [(UpstreamSettings, "wss://cloud.example/v1/realtime"), (ToolSettings, "https://tool.example")],
)
def test_an_address_is_enough_and_shows_in_no_repr(model, url):
    assert "example" not in repr(model(url=url))


@pytest.mark.parametrize(
    ("model", "url"),
    [
        (UpstreamSettings, "https://cloud.example"),
        (UpstreamSettings, "wss://user:hidden@cloud.example"),
        (ToolSettings, "ftp://tool.example"),
        (ToolSettings, "https://user:hidden@tool.example"),
    ],
)
def test_an_address_of_another_kind_or_with_a_secret_is_refused_unquoted(model, url):
    with pytest.raises(ValidationError) as caught:
        model(url=url)
    assert "hidden" not in str(caught.value)


def test_keys_are_read_from_the_variables_that_are_named(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "hidden")
    upstream = UpstreamSettings(url="wss://cloud.example", key_env="SOME_KEY")
    tool = ToolSettings(url="https://tool.example", secret_env="SOME_KEY")
    assert upstream.key().get_secret_value() == tool.secret().get_secret_value() == "hidden"
    monkeypatch.delenv("SOME_KEY")
    assert (upstream.key(), tool.secret()) == (None, None)
