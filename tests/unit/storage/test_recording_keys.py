import pytest

from voicehub.storage.recording_keys import session_of, session_prefix


@pytest.mark.parametrize("suffix", ["3.flac", "3.tail-00001", "joined-1.flac"])
def test_a_key_tells_whose_it_is(suffix):
    assert session_of(session_prefix(7, 42) + suffix) == (7, 42)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "recordings/",
        "recordings/team-7/session-",
        "recordings/team-x/session-1-1.flac",
        "x/recordings/team-7/session-1-1.flac",
        f"recordings/team-{'9' * 30}/session-1-1.flac",
    ],
)
def test_a_foreign_key_is_nobody_s(key):
    assert session_of(key) is None
