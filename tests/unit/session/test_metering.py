import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sessions import usage
from voicehub.session.metering import MILLION, TOKENS_MAX, Meter, Totals, millionths, tokens


def test_audio_and_text_of_both_directions_add_up():
    meter = Meter()
    meter.add_response(usage(10, 20, 30, 5))
    meter.add_response(usage(1, 2, 3, 4))
    assert meter.totals.as_json() == {
        "audio_tokens": 44,
        "text_tokens": 31,
        "input": {"audio_tokens": 11, "text_tokens": 22},
        "output": {"audio_tokens": 33, "text_tokens": 9},
        "cached": {"audio_tokens": 0, "text_tokens": 0},
        "transcription": {"audio_tokens": 0, "text_tokens": 0, "seconds": 0.0},
        "responses": 2,
        "user_audio_seconds": 0.0,
        "agent_audio_seconds": 0.0,
        "active_seconds": 0.0,
    }


def cached_usage(cached, **details):
    given = usage(100, 50, 0, 0)
    given["input_token_details"] |= {"cached_tokens": cached, "cached_tokens_details": details}
    return given


def test_cached_tokens_lie_inside_the_input():
    meter = Meter()
    meter.add_response(cached_usage(90, audio_tokens=60, text_tokens=30))
    assert (meter.totals.audio, meter.totals.text) == (100 * MILLION, 50 * MILLION)
    assert meter.totals.cached.as_json() == {"audio_tokens": 60, "text_tokens": 30}


def test_cached_tokens_may_weigh_less():
    meter = Meter(cached_weight_millionths=125_000)
    meter.add_response(cached_usage(90, audio_tokens=60, text_tokens=30))
    assert (meter.totals.audio, meter.totals.text) == (47_500_000, 23_750_000)
    assert meter.totals.as_json()["audio_tokens"] == 47.5


def test_more_cached_than_given_is_capped():
    meter = Meter(cached_weight_millionths=0)
    meter.add_response(cached_usage(10_000, audio_tokens=5_000))
    assert (meter.totals.audio, meter.totals.text) == (0, 0)


def test_a_total_without_details_is_text_and_so_are_images():
    meter = Meter()
    meter.add_response({"input_tokens": 7, "output_tokens": 3, "total_tokens": 10})
    meter.add_response({"input_tokens": 9, "input_token_details": {"audio_tokens": 4}})
    assert (meter.totals.audio, meter.totals.text) == (4 * MILLION, 15 * MILLION)


def test_details_without_totals_count():
    meter = Meter()
    meter.add_response({"input_token_details": {"text_tokens": 5, "audio_tokens": 2}})
    assert (meter.totals.audio, meter.totals.text) == (2 * MILLION, 5 * MILLION)


@pytest.mark.parametrize("odd", [-5, 1.5, "7", None, True, [1], {"a": 1}])
def test_what_is_no_count_counts_nothing(odd):
    meter = Meter()
    details = {"audio_tokens": odd, "text_tokens": odd, "cached_tokens_details": odd}
    meter.add_response({"input_tokens": odd, "output_tokens": odd, "input_token_details": details})
    meter.add_response({"output_token_details": odd})
    meter.add_transcription({"type": "tokens", "total_tokens": odd, "input_token_details": odd})
    assert (meter.totals.audio, meter.totals.text) == (0, 0)


def test_an_absurd_count_is_bounded():
    meter = Meter()
    meter.add_response(usage(10**30))
    assert meter.totals.audio == TOKENS_MAX * MILLION


def test_transcription_in_seconds_is_not_billed():
    meter = Meter()
    for seconds in (2.5, 1, True, -1, float("nan"), float("inf"), "3", None):
        meter.add_transcription({"type": "duration", "seconds": seconds})
    assert meter.totals.transcription_seconds == 3.5
    assert (meter.totals.audio, meter.totals.text) == (0, 0)


def test_pending_audio_is_what_no_usage_covers_yet():
    meter = Meter()
    meter.hear_user(5_000)
    assert meter.pending_audio == 0, "silence is not input"
    meter.speech(1_000)
    meter.hear_agent("r1", 500)
    meter.hear_agent("r2", 250)
    assert meter.pending_audio == (10 + 10 + 5) * MILLION
    assert meter.take_pending("r1") == (1_000, 500)
    assert meter.pending_audio == 5 * MILLION
    assert meter.take_pending("r1") == (0, 0)
    meter.drop_pending()
    assert meter.pending_audio == 0
    assert meter.totals.user_audio_ms == 5_000
    assert meter.totals.agent_audio_ms == 750


def test_a_snapshot_stays_as_it_was():
    meter = Meter()
    snapshot = meter.snapshot()
    meter.add_response(usage(1, 1, 1, 1))
    assert snapshot == Totals()
    assert meter.snapshot().responses == 1


@given(st.integers(0, 2**50))
def test_millionths_come_back_exactly(amount):
    assert millionths(tokens(amount)) == amount


def test_whole_tokens_show_as_whole_numbers():
    assert tokens(3 * MILLION) == 3
    assert isinstance(tokens(3 * MILLION), int)
    assert tokens(1) == 0.000001


def test_totals_come_back_from_the_row_as_they_went():
    meter = Meter(500_000)
    meter.add_response(
        {
            "input_tokens": 9,
            "output_tokens": 7,
            "input_token_details": {
                "audio_tokens": 5,
                "cached_tokens": 3,
                "cached_tokens_details": {"audio_tokens": 2},
            },
            "output_token_details": {"audio_tokens": 4},
        }
    )
    meter.add_transcription({"type": "duration", "seconds": 1.25})
    meter.hear_user(1_230.0)
    meter.totals.active_ms = 4_560.0
    assert Totals.from_json(meter.totals.as_json()) == meter.totals
    assert Totals.from_json({"audio_tokens": 0, "text_tokens": 0}) == Totals()
