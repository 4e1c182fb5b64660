"""A client that is lost for a while, and one that does not come back."""

from tests.sessions import START_MS, Live
from voicehub.session import events
from voicehub.session.commands import KeepLine
from voicehub.session.spec import Limits

GRACE = Limits(duration_ms=600_000, idle_ms=60_000, grace_ms=30_000)


def lost(**changes) -> Live:
    live = Live(limits=GRACE, **changes)
    live.wait(2_000)
    assert live.do(events.ClientLeft(clean=False)) == ["book 2"]
    return live


def test_a_lost_client_is_greeted_when_it_is_back():
    live = lost()
    live.wait(29_000)
    assert live.do(events.ClientCame()) == ["greet session.created"]
    assert live.last[0].frame.body["session"]["voicehub"]["resumed"]
    assert live.client("response.create") == ["engine response.create"]


def test_who_does_not_come_back_within_the_grace_time_is_lost():
    live = lost()
    words = live.wait(30_000)
    assert words[-2:] == ["close 1000 lost", "finish completed lost"]


def test_without_a_grace_time_the_session_ends_at_once():
    live = Live()
    assert live.do(events.ClientLeft(clean=False))[-1] == "finish completed lost"


def test_who_closes_does_not_come_back():
    live = Live(limits=GRACE)
    assert live.do(events.ClientLeft(clean=True))[-1] == "finish completed client_close"


def test_a_client_that_is_back_is_idle_only_from_then_on():
    live = lost(session=None)
    live.wait(29_000)
    live.do(events.ClientCame())
    assert not any(word.startswith("finish") for word in live.wait(59_000))
    assert live.wait(2_000)[-1] == "finish completed idle"


def test_time_without_a_client_does_not_count():
    live = lost()
    live.wait(20_000)
    live.do(events.ClientCame())
    live.wait(3_000)
    live.do(events.ClientLeft(clean=True))
    assert live.last[-1].duration_ms == 5_000


def test_what_was_sent_before_the_loss_was_heard():
    live = Live(limits=GRACE)
    live.engine("response.created", response={"id": "resp_1"})
    live.agent_audio(3_000)
    live.wait(1_000)
    live.do(events.ClientLeft(clean=False))
    assert live.session._scribe.timeline.agent_span_ms("item_a") == (0.0, 3_000.0)


def test_what_comes_meanwhile_is_heard_when_the_client_is_back():
    live = lost()
    live.engine("response.created", response={"id": "resp_1"})
    assert live.agent_audio(3_000) == ["client response.output_audio.delta"]
    words = live.engine(
        "response.output_audio_transcript.done",
        response_id="resp_1",
        item_id="item_a",
        transcript="There.",
    )
    assert words[0] == "line 1 agent: There."
    live.wait(8_000)
    came_ms = live.now_ms - START_MS
    assert live.do(events.ClientCame()) == ["greet session.created", "line 2 agent: There."]
    line = live.last[1]
    assert isinstance(line, KeepLine)
    assert (line.line["start_ms"], line.line["end_ms"]) == (came_ms, came_ms + 3_000)


def test_a_second_socket_is_greeted_without_a_loss_before():
    live = Live(limits=GRACE)
    assert live.do(events.ClientCame()) == ["greet session.created"]


def test_a_response_that_ends_meanwhile_is_booked_meanwhile():
    live = lost()
    live.engine("response.created", response={"id": "resp_1"})
    usage = {"input_tokens": 9, "output_tokens": 1}
    words = live.engine("response.done", response={"id": "resp_1", "usage": usage})
    assert words == ["book 4", "client response.done held"]
