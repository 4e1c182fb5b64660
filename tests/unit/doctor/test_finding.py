import pytest

from voicehub.doctor.finding import State, clock, failed, is_well, looked_at, ok, warning
from voicehub.errors import StorageError


def test_warnings_are_no_failure():
    assert is_well([ok("a", "b"), warning("a", "b", "c")])
    assert not is_well([ok("a", "b"), failed("a", "b", "c")])


@pytest.mark.parametrize(
    ("difference_s", "state"),
    [(0.3, State.OK), (-1.9, State.OK), (3, State.WARNING), (-30, State.FAILED)],
)
def test_a_clock_may_differ_a_little(difference_s, state):
    finding = clock("Redis", difference_s)
    assert finding.state is state
    if state is not State.OK:
        assert ("ahead" if difference_s > 0 else "behind") in finding.what
        assert finding.advice


async def test_a_check_that_fails_itself_is_a_finding_without_the_errors_words():
    async def broken():
        raise RuntimeError("redis://:s3cret@host")

    async def refused():
        raise StorageError("It is away.")

    (finding,) = await looked_at("Redis", broken)
    assert (finding.state, finding.what) == (State.FAILED, "the check broke: RuntimeError")
    (finding,) = await looked_at("Redis", refused)
    assert finding.what == "It is away."
    assert finding.as_json()["state"] == "failed"
