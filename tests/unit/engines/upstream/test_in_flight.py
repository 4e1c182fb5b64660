from tests.unit.engines.upstream.conftest import begun, event, message
from voicehub.engines.upstream.in_flight import PART_CHARACTERS_MAX, RESPONSES_MAX, InFlight
from voicehub.engines.upstream.mirror import Mirror


def followed(frames, mirror=None):
    in_flight, mirror = InFlight(), mirror or Mirror()
    for frame in frames:
        in_flight.note(frame)
        mirror.note(frame)
    return in_flight, mirror


def test_a_response_that_ended_leaves_nothing(new_id):
    done = event("response.done", response={"id": "resp_1"})
    in_flight, mirror = followed([*begun(1, "Well"), done])
    assert len(in_flight) == 0
    assert in_flight.break_off(new_id, mirror) == []


def test_a_response_that_breaks_off_ends_in_the_protocols_order(new_id):
    in_flight, mirror = followed(begun(1, "The sea"))
    frames = in_flight.break_off(new_id, mirror)
    assert [frame.type for frame in frames] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert frames[1].body["transcript"] == "The sea"
    assert frames[3].body["item"]["status"] == "incomplete"
    assert frames[-1].body["response"]["status"] == "failed"
    assert "usage" not in frames[-1].body["response"]
    assert len(in_flight) == 0


def test_what_was_finished_is_not_finished_again(new_id):
    place = {"response_id": "resp_1", "item_id": "reply_1", "content_index": 0}
    words = event("response.output_audio_transcript.done", **place, transcript="The sea.")
    in_flight, mirror = followed([*begun(1, "The"), words])
    kinds = [frame.type for frame in in_flight.break_off(new_id, mirror)]
    assert kinds[0] == "response.content_part.done"
    whole = event(
        "response.output_item.done",
        response_id="resp_1",
        item=message("reply_1", "assistant", {"type": "output_audio", "transcript": "The sea."}),
    )
    in_flight, mirror = followed([*begun(1, "The"), words, whole])
    (done,) = in_flight.break_off(new_id, mirror)
    assert done.body["response"]["output"] == [whole.body["item"]]


def test_a_response_beside_the_conversation_adds_nothing_to_it(new_id):
    in_flight, mirror = followed(begun(1, "A title", conversation_id=None))
    kinds = [frame.type for frame in in_flight.break_off(new_id, mirror)]
    assert "conversation.item.done" not in kinds
    assert kinds[-1] == "response.done"


def test_arguments_that_were_cut_short_are_no_request(new_id):
    request = {"id": "tool_1", "type": "function_call", "status": "in_progress", "arguments": '{"a'}
    frames = [
        event("response.created", response={"id": "resp_1", "conversation_id": "conv"}),
        event("response.output_item.added", response_id="resp_1", output_index=0, item=request),
    ]
    in_flight, mirror = followed(frames)
    (done,) = in_flight.break_off(new_id, mirror)
    assert done.body["response"]["output"] == []


def test_a_text_part_ends_as_text(new_id):
    frames = begun(1, "")
    frames[3].body["part"] = {"type": "text"}
    place = {"response_id": "resp_1", "item_id": "reply_1", "content_index": 0}
    frames[4] = event("response.output_text.delta", **place, delta="Hej")
    in_flight, mirror = followed(frames)
    ended = in_flight.break_off(new_id, mirror)
    assert ended[0].type == "response.output_text.done"
    assert ended[0].body["text"] == "Hej"
    assert ended[1].body["part"] == {"type": "text", "text": "Hej"}
    assert ended[2].body["item"]["content"] == [{"type": "output_text", "text": "Hej"}]


def test_an_endless_response_does_not_grow(new_id):
    more = begun(1, "x" * 100_000)[-1]
    in_flight, mirror = followed([*begun(1, ""), *[more] * 10])
    words = in_flight.break_off(new_id, mirror)[1].body["transcript"]
    assert len(words) < PART_CHARACTERS_MAX + 100_000


def test_responses_that_never_end_are_forgotten(new_id):
    in_flight, _ = followed([frame for number in range(50) for frame in begun(number, "a")])
    assert len(in_flight) == RESPONSES_MAX


def test_events_of_what_is_not_known_are_ignored():
    in_flight, _ = followed(begun(1, "Well")[1:])
    assert len(in_flight) == 0
