"""When a webhook is tried again, and what counts as delivered."""

import pytest

from voicehub.jobs.webhooks import JITTER, WAITS_S, Outcome, wait_after


def test_a_delivery_is_tried_eight_times_over_a_day():
    waits = [wait_after(attempts, 0.0) for attempts in range(1, 10)]
    assert waits == [5, 300, 1800, 7200, 18_000, 28_800, 36_000, None, None]
    assert 24 < sum(WAITS_S) / 3600 < sum(WAITS_S) * (1 + JITTER) / 3600 < 31


def test_chance_makes_a_wait_longer_and_never_shorter():
    assert wait_after(2, 1.0) == pytest.approx(360)
    assert wait_after(2, 0.5) == pytest.approx(330)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_is_a_delivery(status):
    assert Outcome(status=status).is_delivered


@pytest.mark.parametrize("status", [301, 307, 400, 410, 429, 500])
def test_nothing_else_is(status):
    assert not Outcome(status=status).is_delivered
    assert not Outcome(error="timeout").is_delivered
    assert Outcome(status=status).is_gone == (status == 410)
