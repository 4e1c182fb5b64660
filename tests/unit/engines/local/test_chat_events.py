from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicehub.engines.local.chat_events import EVENT_BYTES_MAX, TOOLS_MAX, ChatEvents, EventLines
from voicehub.engines.local.reply import TextPart, ToolPart, UsagePart
from voicehub.errors import EngineError

END = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


def payloads(*pieces):
    lines = EventLines()
    return [found for piece in pieces for found in lines.push(piece)] + list(lines.flush())


def parts(*chunks):
    events = ChatEvents()
    taken = [part for chunk in chunks for part in events.take(orjson.dumps(chunk))]
    return taken + list(events.end())


def delta(**fields):
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


def tool_piece(index, call_id=None, name=None, arguments=None):
    piece = {"id": call_id, "function": {"name": name, "arguments": arguments}}
    return delta(tool_calls=[piece | ({} if index is None else {"index": index})])


def test_events_are_cut_at_their_empty_lines():
    assert payloads(b": hello\n\ndata: a\r\n\r\nevent: x\ndata:b\ndata: c\n\nid: 3\n\ndata: d") == [
        b"a",
        b"b\nc",
        b"d",
    ]


@given(st.lists(st.integers(0, 60)))
def test_events_do_not_depend_on_how_the_bytes_arrive(cuts):
    received = (
        "data: Grüße 你好\r\n\r\n: note\n\ndata: two\ndata: lines\n\ndata: [DONE]\n\n".encode()
    )
    ends = sorted({*(min(cut, len(received)) for cut in cuts), 0, len(received)})
    pieces = [received[start:end] for start, end in pairwise(ends)]
    assert payloads(*pieces) == ["Grüße 你好".encode(), b"two\nlines", b"[DONE]"]


def test_an_event_without_an_end_is_an_error():
    lines = EventLines()
    with pytest.raises(EngineError):
        list(lines.push(b"data: " + b"x" * EVENT_BYTES_MAX))


def test_many_lines_of_one_event_are_bounded_too():
    line = b"data: " + b"x" * (EVENT_BYTES_MAX // 50) + b"\n"
    with pytest.raises(EngineError):
        payloads(*[line] * 100)


def test_text_goes_out_as_it_comes():
    assert parts(
        delta(role="assistant", content=""), delta(content="Hi"), delta(content="!"), END
    ) == [
        TextPart("Hi"),
        TextPart("!"),
    ]


def test_tool_requests_are_put_together_from_their_pieces():
    assert parts(
        tool_piece(0, "c1", "get_weather", ""),
        tool_piece(0, arguments='{"city":'),
        tool_piece(1, "c2", "end"),
        tool_piece(0, arguments='"Paris"}'),
        END,
    ) == [ToolPart("get_weather", '{"city":"Paris"}', "c1"), ToolPart("end", "{}", "c2")]


def test_a_tool_request_without_an_index_is_taken_whole():
    assert parts(tool_piece(None, None, "end", "{}"), END) == [ToolPart("end", "{}", None)]


def test_the_last_usage_counts():
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 16},
    }
    first = delta(content="a") | {"usage": {"prompt_tokens": 20, "completion_tokens": 1}}
    cut = {"choices": [{"delta": {}, "finish_reason": "length"}]}
    assert parts(first, cut, {"choices": [], "usage": usage})[1:] == [UsagePart(20, 5, 16, True)]


@pytest.mark.parametrize(
    "usage", [5, {"prompt_tokens": "x", "prompt_tokens_details": 4}, {"completion_tokens": -3}]
)
def test_odd_usage_does_no_harm(usage):
    assert [part for part in parts(END | {"usage": usage}) if part != UsagePart(0, 0)] == []


def test_an_answer_in_one_piece_is_understood():
    message = {"role": "assistant", "content": "Whole."}
    assert parts({"choices": [{"message": message, "finish_reason": "stop"}]}) == [
        TextPart("Whole.")
    ]


def test_done_ends_a_reply_that_gave_no_reason():
    events = ChatEvents()
    list(events.take(b"[DONE]"))
    assert list(events.end()) == []


def test_a_reply_that_breaks_off_is_an_error():
    with pytest.raises(EngineError, match="broke off"):
        parts(delta(content="Half a"))


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"3", b'{"error":{"message":"no"}}', b'{"choices":[1]}', b"\xff\xfe"],
)
def test_anything_but_a_chunk_is_an_error(payload):
    with pytest.raises(EngineError):
        list(ChatEvents().take(payload))


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"choices": None},
        {"choices": [{"delta": None}]},
        delta(content=5),
        delta(tool_calls="x"),
        delta(tool_calls=[None, {"function": 3}]),
    ],
)
def test_fields_of_an_odd_kind_are_passed_over(chunk):
    assert parts(chunk, END) == []


def test_too_many_tools_are_an_error():
    with pytest.raises(EngineError, match="too many"):
        parts(*(tool_piece(index, name="t") for index in range(TOOLS_MAX + 1)))
