from voicehub.engines.local import item_list
from voicehub.engines.local.effects import Outgoing
from voicehub.engines.local.items import Item, Part
from voicehub.engines.local.session_config import SessionConfig
from voicehub.engines.local.shared import NewInput, Playout, Shared


def test_input_is_taken_once():
    new_input = NewInput()
    new_input.add(Item("a", content=[Part("input_text", "ä"), Part("input_audio", audio_ms=5.5)]))
    taken = new_input.take()
    assert (taken.audio_ms, taken.text_bytes) == (5.5, 2)
    assert new_input == NewInput()


def test_playout_goes_on_from_what_is_queued_or_from_now():
    playout = Playout()
    playout.add(100, now_ms=1_000)
    playout.add(100, now_ms=1_050)
    assert playout.end_ms == 1_200
    playout.add(100, now_ms=2_000)
    assert playout.end_ms == 2_100
    playout.cut(2_050)
    assert playout.end_ms == 2_050
    playout.cut(3_000)
    assert playout.end_ms == 2_050


def test_the_oldest_item_goes_with_its_event_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(item_list, "ITEMS_MAX", 1)
    shared = Shared(SessionConfig("s"), "conv", Outgoing(lambda prefix: prefix))
    for name in "ab":
        item = Item(name)
        shared.items.append(item)
        shared.announce(item)
    frames = [effect.frame for effect in shared.out.take()]
    assert frames[-1].type == "conversation.item.deleted"
    assert frames[-1].body["item_id"] == "a"
    assert [item.id for item in shared.items] == ["b"]
