"""A team that has been at work for three weeks: what the pages show, in words of the test's own."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import soundfile

from voicehub.storage import seed
from voicehub.storage.postgres import Connection
from voicehub.storage.spaces import Spaces

RATE_HZ = 24_000
RECORDED_S = 24
LINE_S = 4
KEY = "recordings/browser.flac"
QUESTIONS = (
    "Hello, I would like to book a table for tonight.",
    "At eight, please. And could it be the one by the window?",
    "Wonderful. My name is Ada, with one d.",
)
ANSWERS = (
    "Good evening! With pleasure: for how many people, and at what time?",
    "The table by the window is free at eight. Under which name shall I keep it?",
    "Thank you, Ada. The table by the window is yours at eight.",
)


@dataclass(frozen=True)
class Words:
    """What people wrote into every field that somebody can write."""

    name: str = "Rosa"
    description: str = "Books tables, and knows the menu by heart."
    prompt: str = "You are Rosa, and you are patient."
    label: str = "Riverside Kitchen"
    person: str = "Grace Hopper"
    comment: str = "It understood me at once, and the table was booked in a minute."
    spoken: str = "Hello, I would like to book a table for tonight."
    plan: str = "Team"


@dataclass(frozen=True)
class Rows:
    team_id: int
    other_team_id: int
    user_id: int
    agent_id: int
    plan_id: int
    session_id: int
    """It has a recording, and feedback."""
    live_id: int


async def fill(conn: Connection, words: Words | None = None) -> Rows:
    """Beside the seeded team's own rows. The recording's object is put there by `record`."""
    words = words or Words()
    team_id, user_id = await _seeded(conn)
    agent_id = await conn.fetchval(
        "INSERT INTO ai_agents (creator_id, team_id, name, description, persona_prompt,"
        ' system_prompt, settings) VALUES ($1, $2, $3, $4, $5, $5, \'{"engine": "echo"}\')'
        " RETURNING id",
        *(user_id, team_id, words.name, words.description, words.prompt),
    )
    colleague_id = await _user(conn, team_id, words.person, "grace@riverside.example")
    now = datetime.now(UTC).replace(minute=5, second=0, microsecond=0)
    for days in range(20, 0, -1):
        started = now - timedelta(days=days, hours=days % 5)
        who = colleague_id if days % 3 else user_id
        status = "failed" if days == 6 else "completed"
        await _session(conn, (who, team_id, agent_id), status, started, 2 + days * 7 % 9)
    spoken = _transcript(words, now - timedelta(hours=1))
    session_id = await _session(
        conn, (user_id, team_id, agent_id), "completed", now - timedelta(hours=1), 0.4, spoken
    )
    live_id = await _session(conn, (user_id, team_id, agent_id), "in_progress", now, 0, {})
    await conn.execute(
        "INSERT INTO feedbacks (user_id, team_id, data) VALUES ($1, $2, $3)",
        *(user_id, team_id),
        {"session_id": session_id, "rating": 4, "comment": words.comment},
    )
    plan_id = await conn.fetchval(
        "INSERT INTO plans (name, description, max_audio_tokens, max_text_tokens, monthly_price,"
        " annual_price) VALUES ($1, $2, 5000000, 9000000, 99, 990) RETURNING id",
        *(words.plan, words.description),
    )
    other_team_id = await conn.fetchval(
        "INSERT INTO team (label, name) VALUES ($1, 'riverside') RETURNING id", words.label
    )
    await _user(conn, other_team_id, words.person, "owner@riverside.example")
    return Rows(
        team_id, other_team_id, user_id, agent_id, plan_id, session_id=session_id, live_id=live_id
    )


async def record(spaces: Spaces, conn: Connection, session_id: int) -> None:
    """Put a recording beside the session's row: the two voices by turns, a tone each."""
    content = _recording()
    await spaces.put(KEY, content, "audio/flac")
    entry = {"state": "ready", "key": KEY, "bytes": len(content), "format": "flac"}
    await conn.execute(
        "UPDATE sessions SET data = jsonb_set(data, '{recording}', $2) WHERE id = $1",
        *(session_id, {**entry, "seconds": RECORDED_S}),
    )


async def _seeded(conn: Connection) -> tuple[int, int]:
    team_id = await conn.fetchval("SELECT id FROM team WHERE name = $1", seed.TEAM_NAME)
    user_id = await conn.fetchval(
        "SELECT id FROM users WHERE team_id = $1 AND email = $2", team_id, seed.USER_EMAIL
    )
    return team_id, user_id


async def _user(conn: Connection, team_id: int, name: str, email: str) -> int:
    made: int = await conn.fetchval(
        "INSERT INTO users (team_id, email, display_name, settings) VALUES ($1, $2, $3, '{}')"
        " RETURNING id",
        *(team_id, email, name),
    )
    return made


async def _session(
    conn: Connection,
    of: tuple[int, int, int],
    status: str,
    started: datetime,
    minutes: float,
    more: dict[str, Any] | None = None,
) -> int:
    made: int = await conn.fetchval(
        "INSERT INTO sessions (user_id, team_id, agent_id, status, started_at, ended_at,"
        " duration_minutes, data, usage) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        *(*of, status, started, started + timedelta(minutes=minutes) if minutes else None, minutes),
        {"transcript": [], "ended_reason": "client_close", **(more or {})},
        {
            "audio_tokens": round(minutes * 912),
            "text_tokens": round(minutes * 120),
            "responses": round(minutes * 7),
            "user_audio_seconds": round(minutes * 21),
            "agent_audio_seconds": round(minutes * 30),
        },
    )
    return made


def _transcript(words: Words, began: datetime) -> dict[str, Any]:
    lines = [
        line for pair in zip((words.spoken, *QUESTIONS[1:]), ANSWERS, strict=True) for line in pair
    ]
    return {
        "transcript": [
            {
                "transcript": text,
                "timestamp": (began + timedelta(seconds=LINE_S * index)).isoformat(),
                "speaker": "agent" if index % 2 else "user",
                "item_id": f"item_{index}",
                "start_ms": LINE_S * 1000 * index,
                "end_ms": LINE_S * 1000 * (index + 1) - 500,
                "interrupted": index == 3,
            }
            for index, text in enumerate(lines)
        ]
    }


def _recording() -> bytes:
    """As the transcript has it: each line a tone that swells and fades, the user's on the left."""
    at_s = np.arange(RECORDED_S * RATE_HZ) / RATE_HZ
    swell = np.abs(np.sin(at_s * np.pi / LINE_S) * np.sin(at_s * 9) * np.cos(at_s * 2.3))
    tone = np.sin(at_s * 2 * np.pi * 220) * swell * 16_000
    is_user = (at_s // LINE_S) % 2 == 0
    samples = np.stack([tone * is_user, tone * ~is_user], axis=1).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()
