from decimal import Decimal

import pytest
from pydantic import ValidationError

from voicehub.rest.body import Body
from voicehub.rest.fields import Amount, Identifier, Quantity, Shown


class Priced(Body):
    price: Amount


class PriceShown(Shown):
    price: Quantity


@pytest.mark.parametrize(("sent", "kept"), [(5, "5"), (0.1, "0.1"), (1.25, "1.25"), (0, "0")])
def test_an_amount_is_what_its_digits_say(sent, kept):
    assert Priced(price=sent).price == Decimal(kept)


@pytest.mark.parametrize("sent", [-1, 10**16, 0.1234567, True, "5", None, float("nan")])
def test_what_is_no_amount_is_refused(sent):
    with pytest.raises(ValidationError):
        Priced(price=sent)


def test_quantities_are_shown_as_numbers():
    assert PriceShown(price=Decimal("12.000")).model_dump_json() == '{"price":12}'
    assert PriceShown(price=Decimal("0.5")).model_dump_json() == '{"price":0.5}'


class Referring(Body):
    agent_id: Identifier


@pytest.mark.parametrize("sent", [7, 7.0])
def test_a_whole_number_is_one_however_it_is_written(sent):
    referring = Referring(agent_id=sent)
    assert (referring.agent_id, type(referring.agent_id)) == (7, int)


@pytest.mark.parametrize("sent", [7.5, True, "7", -1, 2.0**63, float("inf"), float("nan"), None])
def test_what_is_no_identifier_is_refused(sent):
    with pytest.raises(ValidationError):
        Referring(agent_id=sent)
