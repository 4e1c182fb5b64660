from itertools import pairwise

from tests.unit.engines.upstream.conftest import append, client, event
from voicehub.engines.upstream.pending import (
    CONTROL_BYTES_MAX,
    CONTROLS_MAX,
    QUIET_KEPT_MS,
    TURN_KEPT_MS,
    Pending,
)
from voicehub.realtime.frame import Frame

COMMITTED = event("input_audio_buffer.committed", item_id="user_1", previous_item_id=None)


def sent(*frames, in_turn=True):
    pending = Pending()
    pending.in_turn = in_turn
    for frame in frames:
        pending.sent(frame, 100.0 if frame.audio else 0.0)
    return pending


def test_events_wait_in_the_order_in_which_they_came():
    frames = [
        append(100),
        client("input_audio_buffer.commit"),
        append(100),
        client("response.create"),
    ]
    pending = sent(*frames)
    assert list(pending.frames()) == frames
    assert list(pending.frames(after=2)) == frames[2:]


def test_what_means_nothing_on_another_connection_is_not_kept():
    pending = sent(client("response.cancel"), client("output_audio_buffer.clear"))
    assert list(pending.frames()) == []


def test_the_end_of_a_turn_takes_its_audio():
    pending = sent(append(100, b"\1\0"), append(100, b"\2\0"))
    assert pending.note(COMMITTED) is None
    assert list(pending.frames()) == []
    assert pending.audio_ms == 0
    assert pending.turn_audio("user_1") == b"\1\0" * 2400 + b"\2\0" * 2400
    assert pending.turn_audio("user_2") == b""
    pending.transcribed("user_1")
    assert pending.turn_audio("user_1") == b""


def test_a_clients_commit_takes_the_audio_before_it():
    commit, later = client("input_audio_buffer.commit"), append(100)
    pending = sent(append(100), commit, later)
    assert pending.note(COMMITTED) is commit
    assert list(pending.frames()) == [later]
    assert pending.audio_ms == 100


def test_a_cleared_buffer_is_forgotten():
    clear = client("input_audio_buffer.clear")
    pending = sent(append(100), clear)
    assert pending.note(event("input_audio_buffer.cleared")) is clear
    assert pending.is_quiet
    assert list(pending.frames()) == []


def test_an_event_is_done_when_the_upstream_says_so_of_its_item():
    first = client("conversation.item.delete", item_id="a")
    second = client("conversation.item.delete", item_id="b")
    pending = sent(first, second)
    assert pending.note(event("conversation.item.deleted", item_id="b")) is second
    assert list(pending.frames()) == [first]
    retrieve = client("conversation.item.retrieve", item_id="a")
    pending = sent(retrieve)
    assert pending.note(event("conversation.item.retrieved", item={"id": "b"})) is None
    assert pending.note(event("conversation.item.retrieved", item={"id": "a"})) is retrieve


def test_an_item_without_an_id_is_known_by_its_looks():
    create = client("conversation.item.create", item={"type": "message", "role": "user"})
    named = client("conversation.item.create", item={"id": "n", "type": "message", "role": "user"})
    pending = sent(create, named)
    replied = {"id": "x", "type": "message", "role": "assistant"}
    assert pending.note(event("conversation.item.added", item=replied)) is None
    assert pending.note(event("conversation.item.added", item={**replied, "id": "n"})) is named
    assert (
        pending.note(event("conversation.item.added", item={**replied, "role": "user"})) is create
    )


def test_a_refused_event_is_done_too():
    named = client("response.create", event_id="mine")
    nameless = client("conversation.item.delete", item_id="a")
    pending = sent(nameless, named)
    assert pending.note(event("error", error={"event_id": "other"})) is None
    assert pending.note(event("error", error={"event_id": "mine"})) is named
    assert pending.note(event("error", error={})) is nameless


def test_a_pause_keeps_little_audio_and_a_turn_much():
    pending = sent(*[append(100) for _ in range(300)], in_turn=False)
    assert pending.audio_ms == QUIET_KEPT_MS
    pending = sent(*[append(100) for _ in range(300)])
    assert pending.audio_ms == TURN_KEPT_MS
    assert len(list(pending.frames())) == TURN_KEPT_MS // 100


def test_one_long_append_is_kept_whole():
    pending = Pending()
    pending.sent(append(10), 30_000.0)
    assert pending.audio_ms == 30_000
    pending.sent(append(10), 100.0)
    assert pending.audio_ms == 100


def test_other_events_are_bounded_in_number_and_size():
    frames = [client("response.create", event_id=str(n)) for n in range(CONTROLS_MAX + 5)]
    pending = sent(*frames)
    assert list(pending.frames()) == frames[5:]
    assert pending.dropped == 5
    big = Frame("conversation.item.create", {"item": {}}, raw=b"x" * CONTROL_BYTES_MAX)
    pending.sent(big)
    assert list(pending.frames()) == [big]


def test_what_is_done_in_another_way_is_taken_out():
    truncate = client("conversation.item.truncate", item_id="a")
    create = client("response.create")
    pending = sent(truncate, create)
    assert pending.holds("response.create")
    pending.forget(create)
    assert not pending.holds("response.create")
    assert pending.take("conversation.item.truncate") == [truncate]
    assert pending.is_quiet


def test_places_only_grow():
    pending = Pending()
    orders = []
    for frame in (append(100), client("response.create"), append(100)):
        pending.sent(frame, 100)
        orders.append(pending.last_order)
    assert all(before < after for before, after in pairwise(orders))
