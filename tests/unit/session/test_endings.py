"""How a session ends: whoever asks, with a reply in flight or not, every word and token is kept."""

import pytest

from tests.sessions import Live, usage
from voicehub.errors import DrainError, EngineError, FencedError, ForbiddenError
from voicehub.session import events
from voicehub.session.commands import Book, Record
from voicehub.session.session import CLOSING_MS
from voicehub.session.state import EndedReason

DRAIN = EndedReason.DRAIN
COMPLETED = "conversation.item.input_audio_transcription.completed"


def replying(live):
    live.engine("response.created", response={"id": "resp_1"})
    live.agent_audio(8_000)
    live.engine("response.output_audio_transcript.delta", item_id="item_a", delta="A long story")


def test_the_client_leaves_between_turns():
    live = Live()
    live.speak(2_000)
    assert live.do(events.ClientLeft(clean=True)) == [
        "record 2000 ms",
        "book 3",
        "close 1000 client_close",
        "finish completed client_close",
    ]
    assert live.all[-1].duration_ms == 2_000


def test_a_broken_socket_is_told_apart():
    live = Live()
    words = live.do(events.ClientLeft(clean=False))
    assert words[-2:] == ["close 1000 lost", "finish completed lost"]


def test_the_client_leaves_in_the_middle_of_a_reply_and_its_usage_is_waited_for():
    live = Live()
    replying(live)
    live.speak(1_000)
    assert live.do(events.ClientLeft(clean=True)) == ["engine response.cancel"]
    assert live.last[0].frame.body["response_id"] == "resp_1"
    live.wait(500)
    response = {"id": "resp_1", "status": "cancelled", "usage": usage(10, 20, 30, 5)}
    words = live.engine("response.done", response=response)
    assert words == [
        "book 4",
        "client response.done held",
        "line 1 agent: A long story interrupted",
        "record 1500 ms",
        "book 5",
        "close 1000 client_close",
        "finish completed client_close",
    ]
    assert live.booked()["audio_tokens"] == 40


def test_an_engine_that_never_tells_is_not_waited_for_longer():
    live = Live()
    replying(live)
    live.do(events.ClientLeft(clean=True))
    words = live.wait(CLOSING_MS - 1)
    assert not live.session.closed
    words = live.wait(1)
    assert words[-1] == "finish completed client_close"
    book = next(each for each in reversed(live.all) if isinstance(each, Book))
    assert (book.totals.audio, book.pending_audio) == (0, 0), "what no usage covers is not billed"


def test_the_last_words_of_the_caller_are_waited_for():
    live = Live()
    live.speak(1_000)
    live.engine("input_audio_buffer.committed", item_id="u")
    assert live.do(events.ClientLeft(clean=True)) == []
    words = live.engine(COMPLETED, item_id="u", transcript="Bye.")
    assert words[0] == "line 1 user: Bye."
    assert words[-1] == "finish completed client_close"


def test_nobody_hears_the_agent_once_the_client_has_left():
    live = Live()
    replying(live)
    live.engine("response.output_audio_transcript.done", item_id="item_a", transcript="A story")
    live.wait(1_000)
    words = live.do(events.ClientLeft(clean=True))
    assert words == ["line 2 agent: A story interrupted", "engine response.cancel"]
    live.wait(CLOSING_MS)
    assert live.session._scribe.timeline.agent_span_ms("item_a") == (0, 1_000)


def test_audio_that_the_client_never_got_is_not_recorded_but_counts():
    live = Live()
    replying(live)
    live.speak(1_000)
    live.do(events.ClientLeft(clean=True))
    assert live.agent_audio(5_000, item="item_b") == []
    assert live.session._scribe.timeline.agent_span_ms("item_b") is None
    assert live.session._ledger.meter.totals.agent_audio_ms == 13_000


def test_a_reply_that_begins_while_the_session_ends_is_cancelled():
    live = Live()
    replying(live)
    live.do(events.ClientLeft(clean=True))
    words = live.engine("response.created", response={"id": "resp_2"})
    assert words == ["client response.created", "engine response.cancel"]
    assert live.last[-1].frame.body["response_id"] == "resp_2"
    live.engine("response.done", response={"id": "resp_1"})
    assert not live.session.closed
    live.engine("response.done", response={"id": "resp_2"})
    assert live.session.closed


def test_what_the_client_says_while_the_session_ends_is_not_heard():
    live = Live()
    replying(live)
    live.do(events.EndAsked(EndedReason.ADMIN, ForbiddenError("Ended by an administrator.")))
    assert live.client("response.create") == []
    assert live.do(events.ClientErred(ForbiddenError("again"))) == []
    assert live.do(events.ClientLeft(clean=True)) == []


def test_the_engine_fails():
    live = Live()
    replying(live)
    live.speak(500)
    assert live.do(events.EngineEnded(EngineError("It broke."))) == [
        "line 1 agent: A long story interrupted",
        "record 500 ms",
        "book 3",
        "client error",
        "close 1011 engine_failed",
        "finish failed engine",
    ]
    assert live.error["code"] == "engine_failed"


def test_the_engine_does_not_open():
    live = Live(opened=False)
    assert live.do(events.EngineEnded(EngineError("It did not open."))) == [
        "client error",
        "close 1011 engine_failed",
        "finish failed engine",
    ]
    assert live.all[-1].duration_ms == 0


def test_the_engine_fails_while_the_session_ends():
    live = Live()
    replying(live)
    live.do(events.ClientLeft(clean=True))
    words = live.do(events.EngineEnded(EngineError("It broke.")))
    assert words[-1] == "finish completed client_close"


def test_a_plan_that_is_used_up_at_connect():
    live = Live()
    assert live.quota(audio=0) == [
        "book 2",
        "client error",
        "close 1008 insufficient_quota",
        "finish completed quota",
    ]
    assert live.error["code"] == "insufficient_quota"


@pytest.mark.parametrize(("audio", "text"), [(-5, 10), (10, 0), (10, -1)])
def test_either_kind_of_token_may_be_used_up(audio, text):
    live = Live()
    assert live.quota(audio, text)[-1] == "finish completed quota"


def test_a_plan_that_is_used_up_as_a_reply_begins():
    live = Live()
    live.quota(audio=5_000_000)
    live.engine("response.created", response={"id": "resp_1"})
    live.agent_audio(200)
    response = {"id": "resp_1", "usage": usage(0, 0, 4, 0)}
    assert live.engine("response.done", response=response) == [
        "book 3",
        "client response.done held",
    ]
    live.session._ledger.meter.totals.audio += 1_000_000
    words = live.engine("response.created", response={"id": "resp_2"})
    assert words == ["client response.created", "engine response.cancel"]
    assert live.engine("response.done", response={"id": "resp_2", "usage": usage()})[-3:] == [
        "client error",
        "close 1008 insufficient_quota",
        "finish completed quota",
    ]


def test_a_plan_that_is_used_up_while_the_agent_speaks():
    live = Live()
    live.quota(audio=10_000_000)
    live.engine("response.created", response={"id": "resp_1"})
    assert live.agent_audio(400) == ["client response.output_audio.delta"]
    assert live.agent_audio(100) == ["client response.output_audio.delta", "engine response.cancel"]


def test_a_plan_that_another_session_uses_up_while_the_caller_speaks():
    live = Live()
    live.quota(audio=10**12)
    live.speak(1_200)
    assert live.quota(audio=0)[-1] == "finish completed quota"


def test_a_plan_that_is_used_up_by_the_last_words_of_a_reply():
    live = Live()
    live.quota(audio=10**12, text=30_000_000)
    live.engine("response.created", response={"id": "resp_1"})
    words = live.engine("response.done", response={"id": "resp_1", "usage": usage(0, 30, 0, 0)})
    assert words == [
        "book 3",
        "client response.done held",
        "book 4",
        "client error",
        "close 1008 insufficient_quota",
        "finish completed quota",
    ]


def test_a_deploy_waits_for_the_end_of_the_turn():
    live = Live()
    replying(live)
    live.speak(1_000)
    drain = events.EndAsked(DRAIN, DrainError("Deploy."), at_turn_end=True)
    assert live.do(drain) == []
    live.engine("response.done", response={"id": "resp_1", "usage": usage()})
    live.speak(6_000)
    assert not live.session.closed, "the reply is still being heard"
    words = live.speak(2_000)
    assert words[-3:] == ["client error", "close 1012 server_draining", "finish completed drain"]


def test_a_deploy_between_turns_ends_at_once():
    live = Live()
    live.speak(1_000)
    words = live.do(events.EndAsked(DRAIN, DrainError("Deploy."), at_turn_end=True))
    assert words[-2:] == ["close 1012 server_draining", "finish completed drain"]


def test_a_deploy_waits_for_the_caller_to_finish():
    live = Live()
    live.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
    live.do(events.EndAsked(DRAIN, DrainError("Deploy."), at_turn_end=True))
    live.speak(3_000)
    assert not live.session.closed
    live.engine("input_audio_buffer.committed", item_id="u")
    live.wait(1_000)
    assert not live.session.closed, "the words are still to come"
    live.engine(COMPLETED, item_id="u", transcript="Bye.")
    assert live.wait(500)[-1] == "finish completed drain"


def test_a_deploy_at_its_deadline_does_not_wait():
    live = Live()
    replying(live)
    live.do(events.EndAsked(DRAIN, DrainError("Deploy."), at_turn_end=True))
    live.wait(1_000)
    assert live.do(events.EndAsked(DRAIN, DrainError("Deploy."))) == ["engine response.cancel"]
    words = live.engine("response.done", response={"id": "resp_1", "usage": usage()})
    assert words[-2:] == ["close 1012 server_draining", "finish completed drain"]


def test_a_deploy_while_the_engine_opens():
    live = Live(opened=False)
    words = live.do(events.EndAsked(DRAIN, DrainError("Deploy."), at_turn_end=True))
    assert words == ["client error", "close 1012 server_draining", "finish completed drain"]


def test_a_lost_lease_fails_the_session():
    live = Live()
    words = live.do(events.EndAsked(EndedReason.LOST, FencedError("A newer owner.")))
    assert words[-2:] == ["close 1011 session_lost", "finish failed lost"]


def test_a_close_reason_fits_into_its_frame():
    live = Live()
    words = live.do(events.EndAsked(EndedReason.ADMIN, ForbiddenError("x", code="c" * 500)))
    assert words[-2] == "close 1008 " + "c" * 123


def test_every_block_comes_before_the_end():
    live = Live()
    live.speak(20_000)
    live.do(events.ClientLeft(clean=True))
    recorded = sum(len(each.block) for each in live.all if isinstance(each, Record))
    assert recorded == 20_000 * 24
