from hypothesis import given, settings
from hypothesis import strategies as st

from voicehub.engines.local.turns import Change, Floor, TurnDetector


def changes(detector, *runs):
    """The changes that runs of (probability, windows) give."""
    given_changes = [detector.push(p) for p, windows in runs for _ in range(windows)]
    return [change for change in given_changes if change is not None]


def test_speech_starts_after_two_windows_and_stops_after_the_silence():
    detector = TurnDetector(0.5, 500)
    assert [detector.push(0.9), detector.floor] == [None, Floor.STARTING]
    assert [detector.push(0.9), detector.floor] == [Change.STARTED, Floor.SPEAKING]
    assert [detector.push(0.0), detector.floor] == [None, Floor.STOPPING]
    assert changes(detector, (0.0, 15)) == [Change.PAUSED, Change.STOPPED]
    assert detector.floor is Floor.QUIET
    assert detector.silence_ms == 512


def test_between_the_thresholds_speech_goes_on():
    detector = TurnDetector(0.5, 500)
    assert changes(detector, (0.9, 2), (0.4, 100)) == [Change.STARTED]
    assert changes(detector, (0.34, 16)) == [Change.PAUSED, Change.STOPPED]


def test_speech_after_a_pause_resumes_the_turn():
    detector = TurnDetector(0.5, 500)
    assert changes(detector, (0.9, 2), (0.0, 10), (0.9, 1), (0.0, 16)) == [
        Change.STARTED,
        Change.PAUSED,
        Change.RESUMED,
        Change.PAUSED,
        Change.STOPPED,
    ]


def test_a_short_silence_setting_stops_without_a_pause():
    assert changes(TurnDetector(0.5, 0), (0.9, 2), (0.0, 1)) == [Change.STARTED, Change.STOPPED]


def test_the_onset_reaches_back_over_weak_windows_and_not_for_ever():
    detector = TurnDetector(0.5, 500)
    changes(detector, (0.0, 5), (0.2, 3), (0.9, 2))
    assert detector.onset_windows == 5
    detector.reset()
    changes(detector, (0.2, 100), (0.9, 2))
    assert detector.onset_windows == 12


def test_settings_may_change_in_the_middle_of_a_turn():
    detector = TurnDetector(0.5, 500)
    changes(detector, (0.9, 2), (0.0, 4))
    detector.configure(0.5, 100)
    assert changes(detector, (0.0, 1)) == [Change.STOPPED]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=300), st.integers(0, 2_000))
def test_starts_and_stops_alternate(probabilities, silence_ms):
    detector = TurnDetector(0.5, silence_ms)
    seen = [change for p in probabilities if (change := detector.push(p)) is not None]
    edges = [change for change in seen if change in {Change.STARTED, Change.STOPPED}]
    assert edges == [Change.STARTED, Change.STOPPED] * (len(edges) // 2) + [Change.STARTED] * (
        len(edges) % 2
    )
