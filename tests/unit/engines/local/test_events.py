import numpy as np
import pytest

from voicehub.engines.local.events import (
    RATE_HZ,
    SAMPLES_PER_MS,
    WINDOW_MS,
    WINDOW_SAMPLES,
    Heard,
    ReplyText,
    ReplyTool,
    Spoken,
    Transcribed,
)


@pytest.mark.parametrize(
    "event",
    [
        Transcribed("job", "secret"),
        ReplyText("resp", "secret"),
        ReplyTool("resp", "f", "secret"),
        Spoken("resp", b"secret"),
    ],
)
def test_what_is_said_does_not_show_in_a_repr(event):
    assert "secret" not in repr(event)


def test_windows_and_samples_agree():
    assert WINDOW_MS * SAMPLES_PER_MS == WINDOW_SAMPLES
    assert SAMPLES_PER_MS * 1_000 == RATE_HZ
    assert Heard(np.zeros(3, np.float32)).probabilities == ()
