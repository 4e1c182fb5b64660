import pytest

from voicehub.client.notices import (
    GoingAway,
    Paused,
    Plan,
    QuotaWarning,
    Resumed,
    UsageUpdated,
    notice_of,
)

USAGE = {
    "type": "voicehub.usage.updated",
    "usage": {"responses": 1},
    "plan": {"audio_tokens": {"left": 7, "max": 9}, "text_tokens": {"left": 1, "max": 2}},
}
WARNING = {
    "type": "voicehub.quota.warning",
    "kind": "audio_tokens",
    "percent": 80,
    "left": 1.5,
    "max": 9,
}
AWAY = {"type": "voicehub.session.going_away", "reason": "drain", "ends_within_ms": 900}


@pytest.mark.parametrize(
    ("body", "notice"),
    [
        (USAGE, UsageUpdated({"responses": 1}, Plan(7, 9), Plan(1, 2))),
        (WARNING, QuotaWarning("audio_tokens", 80, Plan(1.5, 9))),
        (AWAY, GoingAway("drain", 900)),
        ({"type": "voicehub.session.paused", "at_ms": 1_200}, Paused(1_200)),
        ({"type": "voicehub.session.resumed", "session": {}}, Resumed()),
        ({"type": "response.done"}, None),
        ({"type": "voicehub.something.new"}, None),
    ],
)
def test_each_event_is_the_notice_that_it_says(body, notice):
    assert notice_of(body) == notice
