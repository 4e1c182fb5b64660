from voicehub.client.repeats import REMEMBERED_MAX, Repeats


def event(number, kind="response.done"):
    return {"type": kind, "event_id": f"event_{number}"}


def test_what_is_sent_again_is_a_repeat_until_something_new_comes():
    repeats = Repeats()
    assert not any(repeats.is_repeat(event(number)) for number in range(5))
    repeats.expect()
    assert not repeats.is_repeat(event(9, "session.created"))
    assert repeats.is_repeat(event(3))
    assert repeats.is_repeat(event(4))
    assert not repeats.is_repeat(event(5))
    # An engine that counts its events, and began anew.
    assert not repeats.is_repeat(event(4))


def test_nothing_is_a_repeat_on_one_socket():
    repeats = Repeats()
    assert [repeats.is_repeat(event(1)) for _ in range(3)] == [False] * 3


def test_an_id_of_another_event_is_new():
    repeats = Repeats()
    repeats.is_repeat(event(1, "response.created"))
    repeats.expect()
    assert not repeats.is_repeat(event(1, "response.done"))


def test_the_last_event_is_known_by_its_id():
    repeats = Repeats()
    assert repeats.last_event_id is None
    repeats.is_repeat(event(1))
    repeats.is_repeat({"type": "response.output_audio.delta"})
    assert repeats.last_event_id == "event_1"


def test_memory_is_bounded():
    repeats = Repeats()
    for number in range(REMEMBERED_MAX + 1):
        repeats.is_repeat(event(number))
    repeats.expect()
    assert repeats.is_repeat(event(1))
    assert not repeats.is_repeat(event(0))
