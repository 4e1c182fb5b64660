from voicehub.session.beat import BEAT_MS, beat


def test_what_lies_between_two_beats_is_on_the_first():
    assert beat(0.0) == beat(BEAT_MS - 0.1) == 0
    assert beat(BEAT_MS) == BEAT_MS
