import pytest
from pydantic import ValidationError

from voicehub.rest.cursor import ListQuery
from voicehub.storage.page import BIGINT_MAX, Window


def test_a_list_begins_with_the_twenty_newest():
    assert ListQuery.model_validate({}).window == Window(20, descending=True)


def test_a_query_becomes_a_window():
    asked = {"limit": "5", "order": "asc", "after": "7", "before": str(BIGINT_MAX)}
    assert ListQuery.model_validate(asked).window == Window(5, False, 7, BIGINT_MAX)


@pytest.mark.parametrize(
    "asked", [{"limit": "0"}, {"limit": "101"}, {"order": ""}, {"after": str(BIGINT_MAX + 1)}]
)
def test_a_query_out_of_bounds_is_refused(asked):
    with pytest.raises(ValidationError):
        ListQuery.model_validate(asked)
