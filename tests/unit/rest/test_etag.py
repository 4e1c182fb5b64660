from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import make_mocked_request

from voicehub.errors import PreconditionFailedError
from voicehub.rest import etag


@dataclass
class Row:
    id: int = 7
    updated_at: datetime = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def request(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("PATCH", "/x", headers=named)


def test_the_tag_changes_with_every_write():
    assert etag.of(Row()) == "7-1772366400123456"
    later = (Row().updated_at + timedelta(microseconds=number) for number in range(1000))
    assert len({etag.of(Row(updated_at=moment)) for moment in later}) == 1000


def test_the_state_that_was_read_may_be_changed():
    etag.require_match(request(), Row())
    etag.require_match(request(If_Match="*"), Row())
    etag.require_match(request(If_Match=f'"0-0", "{etag.of(Row())}"'), Row())


def test_another_state_may_not():
    with pytest.raises(PreconditionFailedError):
        etag.require_match(request(If_Match='"7-1"'), Row())


def test_a_state_that_the_client_has_is_known():
    assert etag.is_known(request(If_None_Match=f'W/"{etag.of(Row())}"'), etag.of(Row()))
    assert not etag.is_known(request(), etag.of(Row()))
