from voicehub.session.rate import Bucket


def test_a_burst_is_allowed_and_then_no_more():
    bucket = Bucket(per_s=10, burst=5, now_ms=1_000)
    assert [bucket.take(1_000) for _ in range(7)] == [True] * 5 + [False] * 2


def test_in_the_long_run_the_rate_holds():
    bucket = Bucket(per_s=10, burst=5, now_ms=0)
    allowed = sum(bucket.take(number * 10) for number in range(1_000))
    assert 100 <= allowed <= 105


def test_a_rest_fills_up_to_the_burst_and_no_further():
    bucket = Bucket(per_s=10, burst=5, now_ms=0)
    assert [bucket.take(3_600_000) for _ in range(7)].count(True) == 5


def test_at_the_rate_itself_nothing_is_refused():
    bucket = Bucket(per_s=500, burst=1, now_ms=0)
    assert all(bucket.take(number * 2.0) for number in range(10_000))
