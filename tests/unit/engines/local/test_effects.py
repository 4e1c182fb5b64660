from itertools import count

import numpy as np

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local.effects import CancelTranscribe, Emit, Outgoing, Speak, Transcribe
from voicehub.errors import ClientError


def test_effects_are_taken_once_in_order_and_each_event_has_an_id_of_its_own():
    number = count(1)
    out = Outgoing(lambda prefix: f"{prefix}_{next(number)}")
    out.emit("a", x=1)
    out.ask(CancelTranscribe("job"))
    out.emit_audio("response.output_audio.delta", b"12")
    out.error(ClientError("No.", param="p"), "mine")
    first, second, third, fourth = out.take()
    assert first.frame.body == {"type": "a", "event_id": "event_1", "x": 1}
    assert second == CancelTranscribe("job")
    assert isinstance(third, Emit)
    assert third.frame.audio == b"12"
    assert fourth.frame.body["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "No.",
        "param": "p",
        "event_id": "mine",
    }
    assert out.take() == []


def test_what_is_said_does_not_show_in_a_repr():
    speak = Speak("resp", "my secret", 1.0, AudioFormat.PCM)
    assert "secret" not in repr(speak)
    assert "array" not in repr(Transcribe("job", np.zeros(3, np.float32)))
