"""The table `ai_agents`, as a team sees it: its own agents and the built-in ones, none deleted."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from voicehub.storage.page import BIGINT_MAX, Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("agents")
_REFERENCE = re.compile(r"(?:agent_)?([0-9]{1,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Agent:
    id: int
    creator_id: int | None
    team_id: int | None
    name: str
    description: str | None
    persona_prompt: str
    system_prompt: str
    is_built_in: bool
    settings: dict[str, Any]  # the team's own JSON
    created_at: datetime
    updated_at: datetime


async def get(conn: Connection, team_id: int, agent_id: int) -> Agent | None:
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


async def list_page(conn: Connection, team_id: int, window: Window) -> Page[Agent]:
    records = await conn.fetch(
        _SQL[window.query], team_id, window.lowest, window.highest, window.rows_max
    )
    return Page.cut(window, [Agent(**record) for record in records])


async def lock_for_reference(conn: Connection, team_id: int, agent_id: int) -> bool:
    """Whether the team may use the agent; it then cannot be deleted until the transaction ends."""
    return await conn.fetchval(_SQL["lock_for_reference"], team_id, agent_id) is not None


def _identifier(reference: str) -> int | None:
    matched = _REFERENCE.fullmatch(reference)
    if not matched or (number := int(matched[1])) > BIGINT_MAX:
        return None
    return number
