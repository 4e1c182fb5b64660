from tests.unit.engines.upstream.conftest import added, begun, client, event, message, said
from voicehub.engines.upstream.mirror import Mirror
from voicehub.engines.upstream.pending import Pending
from voicehub.engines.upstream.retelling import Retelling

CUT = {"item_id": "reply_1", "content_index": 0, "audio_end_ms": 500}


def conversation(new_id):
    mirror, pending = Mirror(), Pending()
    asked = message("user_1", "user", {"type": "input_text", "text": "Count."})
    for frame in (added(asked), *begun(1, ""), said("reply_1", "One two three four")):
        mirror.note(frame)
    mirror.hear("reply_1", 1000)
    return Retelling(mirror, pending, new_id), mirror, pending


def test_the_conversation_is_told_in_order_and_its_answers_are_ours(new_id):
    retelling, _, _ = conversation(new_id)
    events = retelling.tell()
    assert [frame.body["item"]["id"] for frame in events] == ["user_1", "reply_1"]
    assert all(retelling.is_own(frame.event_id) for frame in events)
    assert not retelling.is_own("mine")
    assert not retelling.is_own(None)
    shown = added(events[0].body["item"])
    assert retelling.is_answer(shown)
    assert not retelling.is_answer(shown), "the second is somebody else's"
    assert not retelling.is_answer(added(message("user_2", "user")))


def test_a_truncation_goes_on_where_the_upstream_has_the_audio(new_id):
    retelling, _, _ = conversation(new_id)
    assert retelling.cut(client("conversation.item.truncate", **CUT)) is None


def test_a_truncation_of_what_was_told_becomes_a_shorter_text(new_id):
    retelling, _, _ = conversation(new_id)
    retelling.tell()
    delete, create = retelling.cut(client("conversation.item.truncate", **CUT))
    assert delete.body["item_id"] == "reply_1"
    assert create.body["previous_item_id"] == "user_1"
    assert create.body["item"]["content"] == [{"type": "output_text", "text": "One two"}]
    truncated = retelling.was_cut(event("conversation.item.deleted", item_id="reply_1"))
    assert truncated.type == "conversation.item.truncated"
    assert truncated.body["audio_end_ms"] == 500
    assert retelling.is_answer(added(create.body["item"]))
    assert retelling.was_cut(event("conversation.item.deleted", item_id="reply_1")) is None


def test_what_was_not_heard_at_all_is_only_deleted(new_id):
    retelling, _, _ = conversation(new_id)
    retelling.tell()
    events = retelling.cut(client("conversation.item.truncate", **{**CUT, "audio_end_ms": 0}))
    assert [frame.type for frame in events] == ["conversation.item.delete"]


def test_the_place_of_a_shorter_text_is_one_that_the_upstream_knows(new_id):
    retelling, mirror, _ = conversation(new_id)
    retelling.tell()
    mirror.note(event("conversation.item.deleted", item_id="user_1"))
    _, create = retelling.cut(client("conversation.item.truncate", **CUT))
    assert create.body["previous_item_id"] == "root"


def test_truncations_without_a_connection_are_made_in_the_copy(new_id):
    retelling, _, pending = conversation(new_id)
    pending.sent(client("conversation.item.truncate", **CUT))
    (truncated,) = retelling.cut_offline()
    assert truncated.body["item_id"] == "reply_1"
    assert retelling.tell()[1].body["item"]["content"][0]["text"] == "One two"
    assert retelling.cut_offline() == []


def test_truncations_whose_answer_was_lost_are_answered(new_id):
    retelling, _, pending = conversation(new_id)
    retelling.tell()
    retelling.cut(client("conversation.item.truncate", **CUT))
    pending.sent(client("conversation.item.truncate", **{**CUT, "item_id": "other"}))
    answers = retelling.break_off()
    assert [frame.body["item_id"] for frame in answers] == ["reply_1", "other"]
    assert retelling.cut(client("conversation.item.truncate", **CUT)) is None
    assert retelling.tell()[1].body["item"]["content"][0]["text"] == "One two"
