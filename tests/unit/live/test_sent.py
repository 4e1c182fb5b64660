from voicehub.live import sent
from voicehub.live.sent import Sent
from voicehub.realtime.frame import Frame

DELTA = "response.output_audio.delta"


def event(number):
    return Frame("event", {"event_id": f"e{number}"}, raw=b"{}")


def audio(number, size=1_000):
    return Frame(DELTA, {"event_id": f"e{number}"}, audio=bytes(size), raw=b"{}")


def ids(frames):
    return [frame.body["event_id"] for frame in frames]


def remembered(*frames):
    memory = Sent()
    for frame in frames:
        memory.add(frame)
    return memory


def test_what_came_after_an_event_is_sent_again_and_all_where_the_event_is_not_known():
    memory = remembered(*map(event, range(4)))
    assert ids(memory.after("e1")) == ["e2", "e3"]
    assert ids(memory.after("e3")) == []
    assert ids(memory.after("e9")) == ["e0", "e1", "e2", "e3"]


def test_audio_is_kept_as_samples_and_other_events_as_they_travelled():
    memory = remembered(audio(0, 2), event(1))
    assert [(each.audio, each.raw) for each in memory.after("")] == [
        (bytes(2), None),
        (None, b"{}"),
    ]


def test_old_audio_is_forgotten_before_the_events_around_it(monkeypatch):
    monkeypatch.setattr(sent, "AUDIO_BYTES_MAX", 2 * 1_512)
    memory = remembered(event(0), audio(1), event(2), audio(3), audio(4))
    assert ids(memory.after("")) == ["e0", "e2", "e3", "e4"]


def test_both_bounds_forget_the_oldest_of_all(monkeypatch):
    monkeypatch.setattr(sent, "FRAMES_MAX", 3)
    memory = remembered(audio(0), event(1), audio(2), event(3))
    assert ids(memory.after("")) == ["e1", "e2", "e3"]
    monkeypatch.setattr(sent, "BYTES_MAX", 2 * 514)
    memory.add(event(4))
    assert ids(memory.after("")) == ["e3", "e4"]
    assert memory._audio_bytes == 0
    assert memory._bytes == 2 * 514


def test_a_turn_forgets_what_was_there_at_the_one_before():
    memory = remembered(audio(0), event(1))
    memory.turn()
    memory.add(audio(2))
    assert ids(memory.after("")) == ["e0", "e1", "e2"]
    memory.turn()
    assert ids(memory.after("")) == ["e2"]
    memory.turn()
    assert not memory.after("")
    assert memory._bytes == memory._audio_bytes == 0


def test_clear_forgets_everything():
    memory = remembered(audio(0), event(1))
    memory.clear()
    memory.add(event(2))
    assert ids(memory.after("")) == ["e2"]
