import pytest
from pydantic import ValidationError

from voicehub.errors import ClientError
from voicehub.rest.agent_settings import SETTINGS_BYTES_MAX, AgentSettings, merged
from voicehub.settings import Settings

UPSTREAM = {"url": "wss://models.example/v1/realtime"}
TOOL = {"url": "https://tools.example/time"}


@pytest.fixture
def settings():
    return Settings(
        DATABASE_URL="postgresql://x",
        REDIS_URL="redis://x",
        SPACES_ENDPOINT="https://x",
        SPACES_REGION="r",
        SPACES_BUCKET="b",
        SPACES_KEY="k",
        SPACES_SECRET="s",
        VOICEHUB_JWT_KEYS="k1:" + "s" * 40,
        VOICEHUB_ENGINES={"up": UPSTREAM},
        VOICEHUB_TOOLS={"time": TOOL},
    )


def asked(**keys):
    return AgentSettings.model_validate(keys)


def test_each_key_is_replaced_as_a_whole_and_null_takes_one_away(settings):
    before = {"engine": "up", "session": {"audio": {"output": {"voice": "marin"}}}, "mine": 1}
    after = merged(before, asked(engine=None, session={"max_output_tokens": 9}), settings)
    assert after == {"session": {"max_output_tokens": 9}, "mine": 1}


def test_a_null_further_down_is_kept(settings):
    session = {"audio": {"input": {"turn_detection": None}}}
    assert merged({}, asked(session=session), settings) == {"session": session}


def test_keys_that_the_server_does_not_read_are_kept_as_they_are(settings):
    given = {"theme": {"colour": [1, 2.5, None]}, "tools": [{"name": "time", "icon": "clock"}]}
    assert merged({}, asked(**given), settings) == given


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"engine": "nobody"}, "#/settings/engine"),
        ({"engine": "wss://models.example"}, "#/settings/engine"),
        ({"tools": [{"name": "time"}, {"name": "space"}]}, "#/settings/tools/1/name"),
        ({"tools": [{"name": "time"}, {"name": "time"}]}, "#/settings/tools/1/name"),
        ({"blob": "x" * SETTINGS_BYTES_MAX}, "#/settings"),
    ],
)
def test_what_the_server_cannot_serve_is_refused_at_its_place(settings, given, place):
    with pytest.raises(ClientError) as refused:
        merged({}, asked(**given), settings)
    assert [fault.place for fault in refused.value.faults] == [place]


def test_the_engines_of_the_server_are_known(settings):
    for name in ("local", "up"):
        assert merged({}, asked(engine=name), settings) == {"engine": name}


@pytest.mark.parametrize(
    "given",
    [
        {"engine": 1},
        {"client_may": "tools"},
        {"client_may": ["everything"]},
        {"tools": {"name": "time"}},
        {"tools": [{"name": "bad name"}]},
        {"session": {"audio": {"output": {"speed": "fast"}}}},
        {"session": {"audio": {"input": {"turn_detection": {"type": "none"}}}}},
        {"session": {"instructions": "mine"}},
        {"session": {"tools": [{"type": "mcp", "server_url": "https://inside.example"}]}},
        {"session": []},
    ],
)
def test_a_wrong_type_of_a_known_key_is_refused(given):
    with pytest.raises(ValidationError):
        AgentSettings.model_validate(given)
