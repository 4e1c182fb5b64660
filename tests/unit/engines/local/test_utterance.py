import numpy as np

from voicehub.engines.local.utterance import PIECE_MS_MAX, Utterance

WINDOW = 512


def window(level):
    return np.full(WINDOW, level, np.float32)


def test_the_pre_roll_comes_before_the_onset_and_no_more():
    utterance = Utterance(0)
    for level in range(100):
        utterance.add(window(level))
    utterance.begin(2)
    piece = utterance.whole_piece()
    # 13 windows are 416 ms, the least pre-roll of 400 ms.
    assert piece[0] == 100 - 2 - 13
    assert piece[-1] == 99


def test_a_longer_padding_keeps_more():
    utterance = Utterance(1_000)
    for level in range(100):
        utterance.add(window(level))
    utterance.begin(2)
    assert utterance.piece_ms == (2 + 32) * 32


def test_a_piece_is_cut_at_its_quietest_place_and_nothing_is_lost():
    utterance = Utterance(0)
    utterance.begin_empty()
    for number in range(PIECE_MS_MAX // 32):
        utterance.add(window(0.0 if number == 700 else 0.5))
    whole = utterance.whole_piece()
    piece = utterance.cut_piece()
    assert abs(len(piece) // WINDOW - 700) <= 1
    assert np.array_equal(np.concatenate((piece, utterance.whole_piece())), whole)


def test_a_piece_taken_at_a_pause_leaves_its_silence_as_lead_in():
    utterance = Utterance(0)
    utterance.begin_empty()
    for level in range(20):
        utterance.add(window(level))
    assert len(utterance.take_piece()) == 20 * WINDOW
    assert utterance.piece_ms == 192
    assert not utterance.is_voiced


def test_the_end_of_a_turn_leaves_nothing():
    utterance = Utterance(0)
    utterance.begin_empty()
    utterance.add(window(1))
    utterance.end()
    assert not utterance.is_open
    assert len(utterance.whole_piece()) == 0
