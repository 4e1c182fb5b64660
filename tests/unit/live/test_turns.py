from voicehub.live import turns as module
from voicehub.live.turns import Turns
from voicehub.realtime.frame import Frame
from voicehub.telemetry.telemetry import Telemetry
from voicehub.telemetry.tracing import NoTracing


class Clock:
    def __init__(self):
        self.s = 100.0

    def __call__(self):
        return self.s


class Spans(NoTracing):
    """Remembers what it was told."""

    def __init__(self):
        self.told = []

    def begin(self, name, attributes):
        spans, number = self, attributes["voicehub.response.id"]

        class Span:
            def note(self, attributes):
                spans.told.append((number, dict(attributes)))

            def fail(self, kind):
                spans.told.append((number, kind))

            def end(self):
                spans.told.append((number, "end"))

        self.told.append((number, name))
        return Span()


def created(name="r1"):
    return Frame("response.created", {"response": {"id": name}})


def audio(name="r1"):
    return Frame("response.output_audio.delta", {"response_id": name}, audio=b"..")


def done(name="r1", status="completed"):
    return Frame("response.done", {"response": {"id": name, "status": status}})


def told(turns, clock, *frames):
    """Each a second after the one before."""
    for frame in frames:
        clock.s += 1
        turns.engine_sent(frame if isinstance(frame, Frame) else Frame(frame, {}))


def test_a_turn_lasts_from_the_end_of_speech_to_the_first_audio():
    telemetry, clock = Telemetry(), Clock()
    turns = Turns(telemetry, clock)
    committed = "input_audio_buffer.committed"
    stopped = "input_audio_buffer.speech_stopped"
    told(turns, clock, stopped, committed, created(), audio(), audio(), done())
    assert (telemetry.turns.cell().count, telemetry.turns.cell().total) == (1, 3)
    assert (telemetry.first_audio.cell().count, telemetry.first_audio.cell().total) == (1, 1)
    assert telemetry.responses.value("completed") == 1


def test_a_turn_that_was_cut_off_is_no_measure_of_the_next_answer():
    telemetry, clock = Telemetry(), Clock()
    turns = Turns(telemetry, clock)
    stopped = "input_audio_buffer.speech_stopped"
    told(turns, clock, stopped, created("r1"), done("r1", "cancelled"), created("r2"), audio("r2"))
    assert telemetry.turns.cell().count == 0
    assert telemetry.first_audio.cell().total == 1
    assert telemetry.responses.value("cancelled") == 1


def test_an_engines_own_words_make_no_label():
    telemetry = Telemetry()
    turns = Turns(telemetry)
    for status in ("my status", None, 7):
        turns.engine_sent(done("r", status))
    turns.engine_sent(Frame("response.done", {}))
    turns.engine_sent(Frame("response.created", {"response": "nonsense"}))
    assert telemetry.responses.value("unknown") == 4


def test_each_response_is_a_span_that_ends_with_the_leg_at_the_latest():
    spans = Spans()
    turns = Turns(Telemetry(spans))
    for frame in (created("r1"), done("r1", "failed"), created("r2")):
        turns.engine_sent(frame)
    turns.close()
    turns.close()
    assert spans.told == [
        ("r1", "response"),
        ("r1", {"voicehub.response.status": "failed"}),
        ("r1", "response_failed"),
        ("r1", "end"),
        ("r2", "response"),
        ("r2", "end"),
    ]


def test_of_responses_that_never_end_the_oldest_is_forgotten(monkeypatch):
    monkeypatch.setattr(module, "RESPONSES_MAX", 2)
    spans = Spans()
    turns = Turns(Telemetry(spans))
    for number in range(4):
        turns.engine_sent(created(f"r{number}"))
    assert [name for name, what in spans.told if what == "end"] == ["r0", "r1"]
