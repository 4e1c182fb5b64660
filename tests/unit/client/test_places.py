import numpy as np
import pytest

from voicehub.client.places import ITEMS_MAX, Places
from voicehub.realtime.binary import AudioHeader


def added(number, item_id, response_id="resp_1"):
    body = {"type": "response.output_item.added", "response_id": response_id, "output_index": 2}
    return {**body, "item": {"id": item_id}, "voicehub": {"item_number": number}}


def sent(number, start_ms, duration_ms):
    return AudioHeader(2, number, start_ms).pack() + b"\1\0" * int(24 * duration_ms)


@pytest.fixture
def places():
    known = Places()
    known.learn(added(1, "item_1"))
    return known


def test_audio_is_the_event_that_it_stands_for(places):
    part = {"type": "response.content_part.added", "item_id": "item_1", "content_index": 1}
    places.learn({**part, "part": {"type": "audio"}})
    body, chunk = places.audio(sent(1, 0, 100))
    assert np.array_equal(chunk, np.ones(2_400, np.int16))
    assert body == {
        "type": "response.output_audio.delta",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 2,
        "content_index": 1,
    }


def test_audio_that_is_here_already_is_dropped(places):
    assert places.audio(sent(1, 0, 100))
    assert places.audio(sent(1, 100, 50.5))
    assert places.audio(sent(1, 0, 100)) is None
    assert places.audio(sent(1, 100, 50.5)) is None
    # Its place is told in whole milliseconds.
    assert places.audio(sent(1, 150, 50))


def test_audio_after_a_gap_is_taken_and_counts_from_there(places):
    places.audio(sent(1, 0, 100))
    assert places.audio(sent(1, 400, 100))
    assert places.audio(sent(1, 400, 100)) is None
    assert places.audio(sent(1, 500, 100))


def test_an_item_that_is_told_of_again_goes_on(places):
    places.audio(sent(1, 0, 100))
    places.learn(added(1, "item_1"))
    assert places.audio(sent(1, 0, 100)) is None
    assert places.audio(sent(1, 100, 100))


def test_a_number_may_come_to_mean_another_item(places):
    places.audio(sent(1, 0, 100))
    places.learn(added(1, "item_of_another_process"))
    body, _ = places.audio(sent(1, 0, 100))
    assert body["item_id"] == "item_of_another_process"


def test_the_oldest_number_is_forgotten_and_one_that_is_given_anew_is_young(places):
    for number in range(2, ITEMS_MAX + 1):
        places.learn(added(number, f"item_{number}"))
    places.learn(added(1, "item_new"))
    places.learn(added(ITEMS_MAX + 1, "item_last"))
    assert places.audio(sent(2, 0, 100)) is None
    assert places.audio(sent(1, 0, 100))


def test_an_item_without_a_number_is_left_to_json():
    places = Places()
    places.learn({"type": "response.output_item.added", "item": {"id": "item_1"}})
    assert places.audio(sent(1, 0, 100)) is None
