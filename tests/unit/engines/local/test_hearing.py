import pytest

from voicehub.engines.local.hearing import is_noise_word, spoken_pieces
from voicehub.engines.local.vad import WINDOW_MS

QUIET, VOICE = 0.02, 0.97
LONGEST = 24_000 // WINDOW_MS


def pieces(*runs):
    """Runs of (probability, windows)."""
    scored = [probability for probability, windows in runs for _ in range(windows)]
    return list(spoken_pieces(scored))


def test_silence_and_short_noises_hold_nothing_to_transcribe():
    assert pieces() == []
    assert pieces((QUIET, 100)) == []
    assert pieces((QUIET, 20), (VOICE, 5), (QUIET, 20)) == []


def test_speech_keeps_a_lead_and_a_tail():
    assert pieces((QUIET, 50), (VOICE, 20), (QUIET, 50)) == [(50 - 12, 70 + 9)]


def test_speech_at_the_edges_stays_inside_the_recording():
    assert pieces((VOICE, 20)) == [(0, 20)]


def test_a_long_recording_is_cut_at_its_least_voiced_window_and_nothing_is_lost():
    found = pieces((VOICE, 500), (QUIET, 3), (VOICE, 800), (0.6, 1), (VOICE, 300))
    assert found[0] == (0, 501)
    assert all(last - first <= LONGEST for first, last in found)
    assert [first for first, _ in found[1:]] <= [last for _, last in found[:-1]]
    assert found[-1][1] == 1604
    covered = {window for first, last in found for window in range(first, last)}
    assert set(range(500)) | set(range(503, 1604)) <= covered


def test_a_long_silence_between_words_is_not_transcribed():
    found = pieces((VOICE, 30), (QUIET, 3000), (VOICE, 30))
    assert sum(last - first for first, last in found) < 2 * LONGEST
    assert found[-1] == (3030 - 12, 3060)


@pytest.mark.parametrize("text", ["You", "you.", " You? "])
def test_the_models_favourite_word_counts_only_when_it_was_clearly_said(text):
    assert is_noise_word(text, [0.6] * 10)
    assert is_noise_word(text, [QUIET] * 10)
    assert not is_noise_word(text, [QUIET] * 10 + [VOICE] * 10)


def test_other_words_are_never_noise():
    assert not is_noise_word("You are right.", [0.6] * 10)
    assert not is_noise_word("", [0.6])
