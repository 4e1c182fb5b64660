"""The table `ai_agents`: a team's own agents and the built-in ones. A deleted one stays for the
sessions that name it, and serves no new one.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from voicehub.storage.page import BIGINT_MAX, Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("agents")
_OF_ALL = {"page_ascending": "all_page_ascending", "page_descending": "all_page_descending"}
_REFERENCE = re.compile(r"(?:agent_)?([0-9]{1,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Agent:
    id: int
    creator_id: int | None
    team_id: int | None
    name: str
    description: str | None = field(repr=False)
    persona_prompt: str = field(repr=False)
    system_prompt: str = field(repr=False)
    is_built_in: bool
    settings: dict[str, Any] = field(repr=False)  # the team's own JSON
    deleted_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Texts:
    """What somebody writes of an agent."""

    name: str
    description: str | None = field(repr=False)
    persona_prompt: str = field(repr=False)
    system_prompt: str = field(repr=False)
    settings: dict[str, Any] = field(repr=False)  # JSON


@dataclass(frozen=True, slots=True)
class Filters:
    name: str | None = None
    creator_id: int | None = None
    is_built_in: bool | None = None


async def get(conn: Connection, team_id: int, agent_id: int) -> Agent | None:
    """One that the team may use."""
    record = await conn.fetchrow(_SQL["get"], team_id, agent_id)
    return Agent(**record) if record else None


async def resolve(conn: Connection, team_id: int, reference: str) -> Agent | None:
    """The agent that `reference` means: its id (`12`, `agent_12`), else its name."""
    agent_id = _identifier(reference)
    if agent_id is not None and (agent := await get(conn, team_id, agent_id)):
        return agent
    # Postgres text holds no U+0000, and UTF-8 no lone surrogate: no agent has such a name.
    if "\0" in reference or any("\ud800" <= letter <= "\udfff" for letter in reference):
        return None
    record = await conn.fetchrow(_SQL["by_name"], team_id, reference)
    return Agent(**record) if record else None


async def list_page(
    conn: Connection, team_id: int, filters: Filters, window: Window
) -> Page[Agent]:
    """Those that the team may use."""
    records = await conn.fetch(
        _SQL[window.query],
        team_id,
        window.lowest,
        window.highest,
        window.rows_max,
        filters.name,
        filters.creator_id,
        filters.is_built_in,
    )
    return Page.cut(window, [Agent(**record) for record in records])


async def list_all(
    conn: Connection,
    filters: Filters,
    window: Window,
    *,
    team_id: int | None = None,
    is_deleted: bool | None = None,
) -> Page[Agent]:
    """Those of all teams, for admins."""
    records = await conn.fetch(
        _SQL[_OF_ALL[window.query]],
        window.lowest,
        window.highest,
        window.rows_max,
        filters.name,
        filters.creator_id,
        filters.is_built_in,
        team_id,
        is_deleted,
    )
    return Page.cut(window, [Agent(**record) for record in records])


async def lock_for_reference(conn: Connection, team_id: int, agent_id: int) -> bool:
    """Whether the team may use the agent; it then cannot be deleted until the transaction ends."""
    return await conn.fetchval(_SQL["lock_for_reference"], team_id, agent_id) is not None


async def insert(
    conn: Connection, team_id: int | None, creator_id: int | None, texts: Texts
) -> Agent:
    """A new agent of a team, or without one a built-in. Team and creator are locked."""
    record = await conn.fetchrow(
        _SQL["insert"],
        team_id,
        creator_id,
        texts.name,
        texts.description,
        texts.persona_prompt,
        texts.system_prompt,
        texts.settings,
    )
    assert record is not None, "INSERT ... RETURNING gives its row"
    return Agent(**record)


async def lock_for_change(conn: Connection, team_id: int | None, agent_id: int) -> Agent | None:
    """The team's own agent, or without a team a built-in; as it is until the transaction ends."""
    record = await conn.fetchrow(_SQL["lock_for_change"], team_id, agent_id)
    return Agent(**record) if record else None


async def lock_for_delete(conn: Connection, team_id: int | None, agent_id: int) -> Agent | None:
    """The same, deleted or not. Sessions that are being created with it come first, and those that
    come later wait, and do not find it.
    """
    record = await conn.fetchrow(_SQL["lock_for_delete"], team_id, agent_id)
    return Agent(**record) if record else None


async def update(conn: Connection, agent_id: int, texts: Texts) -> Agent:
    """Write what a locked agent is from now on."""
    record = await conn.fetchrow(
        _SQL["update"],
        agent_id,
        texts.name,
        texts.description,
        texts.persona_prompt,
        texts.system_prompt,
        texts.settings,
    )
    assert record is not None, "its lock keeps the row"
    return Agent(**record)


async def set_deleted(conn: Connection, agent_id: int, *, is_deleted: bool) -> Agent:
    """Delete an agent that is locked for it, or bring it back."""
    record = await conn.fetchrow(_SQL["set_deleted"], agent_id, is_deleted)
    assert record is not None, "its lock keeps the row"
    return Agent(**record)


def _identifier(reference: str) -> int | None:
    matched = _REFERENCE.fullmatch(reference)
    if not matched or (number := int(matched[1])) > BIGINT_MAX:
        return None
    return number
