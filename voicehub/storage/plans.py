"""The table `plans`: what can be subscribed to. It belongs to the platform, and to no team."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from voicehub.errors import ConflictError, Fault, NotFoundError
from voicehub.storage.page import Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load
from voicehub.storage.references import COUNT_MAX, refuse_while_referred

_SQL = load("plans")


@dataclass(frozen=True, slots=True)
class Terms:
    """What an admin says of a plan."""

    name: str
    description: str | None
    max_audio_tokens: Decimal
    max_text_tokens: Decimal
    monthly_price: Decimal
    annual_price: Decimal

    @property
    def is_free(self) -> bool:
        return not self.monthly_price and not self.annual_price


@dataclass(frozen=True, slots=True)
class Plan(Terms):
    id: int
    created_at: datetime
    updated_at: datetime


async def get(conn: Connection, plan_id: int) -> Plan | None:
    record = await conn.fetchrow(_SQL["get"], plan_id)
    return Plan(**record) if record else None


async def list_page(conn: Connection, window: Window) -> Page[Plan]:
    records = await conn.fetch(_SQL[window.query], window.lowest, window.highest, window.rows_max)
    return Page.cut(window, [Plan(**record) for record in records])


async def create(conn: Connection, terms: Terms) -> Plan:
    """Raises ConflictError where the name is taken."""
    record = await conn.fetchrow(_SQL["insert"], *_columns(terms))
    if record is None:
        raise _name_taken()
    return Plan(**record)


async def lock_for_reference(conn: Connection, plan_id: int) -> Plan | None:
    """The plan, which until the transaction ends is neither changed nor deleted."""
    record = await conn.fetchrow(_SQL["lock_for_reference"], plan_id)
    return Plan(**record) if record else None


async def lock_for_change(conn: Connection, plan_id: int) -> Plan | None:
    """The plan, locked until the transaction ends."""
    record = await conn.fetchrow(_SQL["lock_for_change"], plan_id)
    return Plan(**record) if record else None


async def update(conn: Connection, plan_id: int, terms: Terms) -> Plan:
    """The locked plan with other terms. Raises ConflictError where the name is taken."""
    try:
        record = await conn.fetchrow(_SQL["update"], plan_id, *_columns(terms))
    except asyncpg.UniqueViolationError:
        raise _name_taken() from None
    assert record is not None, "the row is locked"
    return Plan(**record)


async def delete(conn: Connection, plan_id: int) -> None:
    """Inside a transaction. Raises NotFoundError, and ConflictError while a subscription names it.

    Those that are over count too: their plan is part of a team's history.
    """
    if await conn.fetchval(_SQL["lock_for_deletion"], plan_id) is None:
        raise NotFoundError("There is no such plan.")
    # In a statement of its own, after the lock: it sees what was committed while this waited.
    counts = await conn.fetchrow(_SQL["count_referrers"], plan_id, COUNT_MAX + 1)
    refuse_while_referred("The plan", counts)
    await conn.execute(_SQL["delete"], plan_id)


def _columns(terms: Terms) -> tuple[str, str | None, Decimal, Decimal, Decimal, Decimal]:
    return (
        terms.name,
        terms.description,
        terms.max_audio_tokens,
        terms.max_text_tokens,
        terms.monthly_price,
        terms.annual_price,
    )


def _name_taken() -> ConflictError:
    message = "Another plan has this name."
    faults = [Fault("#/name", "name_taken", message)]
    return ConflictError(message, code="name_taken", param="name", faults=faults)
