import pytest

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local.item_list import ItemList
from voicehub.engines.local.items import Item
from voicehub.engines.local.response_options import (
    INPUT_ITEMS_MAX,
    ResponseOptions,
    parse_options,
)
from voicehub.engines.local.session_config import SessionConfig
from voicehub.errors import ClientError

CONFIG = SessionConfig("sess_1", instructions="You are Ava.")


def parse(body, items=None):
    return parse_options(body, CONFIG, items or ItemList(), lambda _: "new", voice_fixed=False)


def test_no_overrides_are_the_session_itself():
    assert parse({}) == ResponseOptions.of_session(CONFIG)
    assert parse({"instructions": None}) == ResponseOptions.of_session(CONFIG)


def test_output_format_and_voice_can_be_chosen():
    output = {"format": {"type": "audio/pcma"}, "voice": "cedar"}
    options = parse({"audio": {"output": output}})
    assert options.format is AudioFormat.PCMA
    assert options.voice == "cedar"


def test_input_mixes_references_and_new_items():
    items = ItemList()
    known = Item("known")
    items.append(known)
    message = {"type": "message", "role": "system", "content": []}
    options = parse({"input": [{"type": "item_reference", "id": "known"}, message]}, items)
    assert options.input[0] is known
    assert options.input[1] is options.new_items[0].item
    assert len(options.new_items) == 1


def test_too_much_input_is_refused():
    message = {"type": "message", "role": "system", "content": []}
    with pytest.raises(ClientError):
        parse({"input": [message] * (INPUT_ITEMS_MAX + 1)})
