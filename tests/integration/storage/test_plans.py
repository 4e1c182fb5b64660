from decimal import Decimal

import pytest

from voicehub.errors import ConflictError
from voicehub.storage import plans
from voicehub.storage.plans import Terms

TERMS = Terms("Plan", None, Decimal(1), Decimal("0.000001"), Decimal(0), Decimal(0))


async def test_a_plan_comes_back_as_it_was_written(pg):
    async with pg.connection() as conn:
        plan = await plans.create(conn, TERMS)
        assert await plans.get(conn, plan.id) == plan
        assert await plans.get(conn, plan.id + 1) is None
        with pytest.raises(ConflictError):
            await plans.create(conn, TERMS)


async def test_prices_that_nobody_wrote_are_none(pg):
    async with pg.connection() as conn:
        plan_id = await conn.fetchval(
            "INSERT INTO plans (name, max_audio_tokens, max_text_tokens, monthly_price,"
            " annual_price) VALUES ('p', 1, 1, NULL, NULL) RETURNING id"
        )
        assert (await plans.get(conn, plan_id)).is_free


@pytest.mark.parametrize(
    ("monthly", "annual", "is_free"), [("0", "0", True), ("0.01", "0", False), ("0", "1", False)]
)
def test_a_plan_is_free_where_neither_price_is(monthly, annual, is_free):
    terms = Terms("p", None, Decimal(1), Decimal(1), Decimal(monthly), Decimal(annual))
    assert terms.is_free is is_free
