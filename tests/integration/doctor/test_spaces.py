"""A bucket that is well, and each way in which it is not."""

import pytest

from voicehub.doctor.finding import State
from voicehub.doctor.spaces import look_at_spaces
from voicehub.storage.spaces import Spaces


def spaces(bucket_settings, **changed):
    known = {name.removeprefix("SPACES_").lower(): value for name, value in bucket_settings.items()}
    return Spaces(**{"region": "us-east-1", **known, **changed})


async def test_one_that_is_well_and_is_left_empty(bucket_settings):
    found = await look_at_spaces(spaces(bucket_settings))
    assert [each.state for each in found] == [State.OK] * 5, found
    async with spaces(bucket_settings) as opened:
        assert not await opened.list_objects("")
        assert not await opened.list_uploads("")


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"bucket": "bucket-of-nobody"}, "it has no such bucket"),
        ({"secret": "wr0ng"}, "it refuses the secret"),
        ({"key": "wr0ng"}, "it does not know the access key"),
        ({"endpoint": "http://127.0.0.1:9"}, "it cannot be reached"),
    ],
)
async def test_one_that_is_not(bucket_settings, changed, what):
    (finding,) = await look_at_spaces(spaces(bucket_settings, **changed))
    assert finding.state is State.FAILED
    assert finding.what.startswith(what)
    assert finding.advice
    assert "wr0ng" not in str(finding)
