from http import HTTPStatus

import orjson
import pytest
from aiohttp.test_utils import make_mocked_request

from voicehub.errors import ClientError
from voicehub.rest.body import Body, Query
from voicehub.rest.fields import Shown
from voicehub.rest.operation import operation


class Wanted(Body):
    name: str


class Asked(Query):
    limit: int = 1


class Made(Shown):
    limit: int


@operation("Make", answers=Made, status=HTTPStatus.CREATED)
async def make(_, asked: Asked):
    return Made(limit=asked.limit)


@operation("Remove")
async def remove(_):
    return None


@operation("Change", answers=Made)
async def change(_, wanted: Wanted, asked: Asked):
    return Made(limit=asked.limit + len(wanted.name))


def test_its_parameters_tell_what_it_reads():
    assert (change.body, change.query) == (Wanted, Asked)
    assert (remove.body, remove.query) == (None, None)


async def test_a_model_is_answered_with_the_status_of_the_operation():
    answer = await make(make_mocked_request("POST", "/x?limit=3"))
    assert (answer.status, orjson.loads(answer.body)) == (201, {"limit": 3})


async def test_nothing_is_answered_with_204():
    assert (await remove(make_mocked_request("DELETE", "/x"))).status == 204


async def test_a_query_that_nobody_reads_is_refused():
    with pytest.raises(ClientError) as raised:
        await remove(make_mocked_request("DELETE", "/x?all=1"))
    assert raised.value.code == "unknown_parameter"
    assert raised.value.faults[0].in_query
