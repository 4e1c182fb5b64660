from hypothesis import given, settings
from hypothesis import strategies as st

from voicehub.realtime.tokens import (
    agent_audio_tokens,
    duration_usage,
    text_tokens,
    user_audio_tokens,
)


def test_a_minute_counts_what_the_guide_says():
    assert user_audio_tokens(60_000) == 600
    assert agent_audio_tokens(60_000) == 1_200


def test_parts_of_a_token_round_up():
    assert user_audio_tokens(101) == 2
    assert agent_audio_tokens(0.1) == 1
    assert text_tokens(5) == 2
    assert agent_audio_tokens(0) == 0


def test_sums_of_sample_counts_do_not_round_up():
    assert agent_audio_tokens(sum([0.1] * 500)) == 1


@settings(deadline=None)
@given(
    st.floats(0, 1e9),
    st.floats(0, 1e9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
)
def test_details_sum_to_the_totals(user_ms, agent_ms, text_in, text_out, cached):
    usage = duration_usage(user_ms, agent_ms, text_in, text_out, text_cached=cached)
    taken, given_out = usage["input_token_details"], usage["output_token_details"]
    assert taken["text_tokens"] + taken["audio_tokens"] == usage["input_tokens"]
    assert given_out["text_tokens"] + given_out["audio_tokens"] == usage["output_tokens"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert taken["cached_tokens"] <= taken["text_tokens"]
    assert taken["cached_tokens_details"]["text_tokens"] == taken["cached_tokens"]
