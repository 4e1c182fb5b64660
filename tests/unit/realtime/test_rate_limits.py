from openai.types.realtime import RateLimitsUpdatedEvent

from voicehub.realtime.rate_limits import no_rate_limits


def test_a_client_is_told_that_it_has_not_to_wait():
    kind = "rate_limits.updated"
    event = RateLimitsUpdatedEvent.model_validate(
        {"type": kind, "event_id": "e", "rate_limits": no_rate_limits()}, strict=True
    )
    assert [limit.name for limit in event.rate_limits] == ["requests", "tokens"]
    for limit in event.rate_limits:
        assert limit.remaining == limit.limit > 0
        assert limit.reset_seconds == 0
