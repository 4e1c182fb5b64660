"""Requests per second and p99 of the common reads and of session creation, beside bare aiohttp."""

import argparse
import os
from pathlib import Path

import orjson
from benches.asking import Ask, Asked, drive
from benches.report import Report
from benches.stage import AGENT, Child, Stage, child, stage

from tests.crowd import SESSIONS, gather

SECONDS, QUICK_SECONDS = 4.0, 0.4
ROUNDS, QUICK_ROUNDS = 3, 1
CALLERS = 8
QUICK_CROWD = 2_000


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--sessions", type=int, help=f"in the database; {SESSIONS:,} by default")
    command.add_argument("--seconds", type=float, help=f"each, a round; {SECONDS} by default")


async def run(options: argparse.Namespace) -> Report:
    sessions = options.sessions or (QUICK_CROWD if options.quick else SESSIONS)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    async with stage() as scene:
        async with scene.postgres() as postgres, postgres.connection() as conn:
            await gather(conn, sessions)
            agent_id = await conn.fetchval("SELECT id FROM ai_agents WHERE name = $1", AGENT)
        bare_command = (str(Path(__file__).with_name("bare_rest.py")), *_who(scene))
        log = scene.folder / "bare.log"
        async with child(bare_command, _environment(scene), log) as bare, scene.voicehub() as whole:
            asked = _asked(agent_id)
            alone = [await _measured(scene, whole, each, 1, seconds / 4) for each in asked]
            pairs = {each.name: (Asked(), Asked()) for each in asked}
            for _ in range(rounds):
                for each in asked:
                    for server, found in zip((bare, whole), pairs[each.name], strict=True):
                        await _measure(scene, server, each, found, CALLERS, seconds)
    return _report(asked, alone, pairs, sessions)


def _asked(agent_id: int) -> list[Ask]:
    body = orjson.dumps({"agent_id": agent_id, "context": {"name": "Ada"}})
    return [
        Ask("GET me", "/v1/me"),
        Ask("GET agents", "/v1/agents"),
        Ask("GET sessions", "/v1/sessions"),
        Ask("GET sessions?status=failed", "/v1/sessions?status=failed"),
        Ask("GET sessions?q=(rare)", "/v1/sessions?q=rare777"),
        Ask("GET sessions?q=(common)", "/v1/sessions?q=w0"),
        Ask("GET sessions?q=(two words)", "/v1/sessions?q=even+w20"),
        Ask("GET sessions/{id}", "/v1/sessions/777"),
        Ask("POST sessions", "/v1/sessions", body),
    ]


async def _measured(scene: Stage, server: Child, ask: Ask, callers: int, seconds: float) -> Asked:
    found = Asked()
    await _measure(scene, server, ask, found, callers, seconds)
    return found


async def _measure(
    scene: Stage, server: Child, ask: Ask, found: Asked, callers: int, seconds: float
) -> None:
    await drive(
        ask,
        found,
        url=server.url,
        pid=server.pid,
        token=scene.token,
        callers=callers,
        seconds=seconds,
    )
    if ask.body is not None:
        # What was created holds no slot of the next.
        async with scene.postgres() as postgres, postgres.connection() as conn:
            await conn.execute("DELETE FROM sessions WHERE status = 'created'")


def _who(scene: Stage) -> tuple[str, str]:
    return str(scene.team_id), str(scene.user_id)


def _environment(scene: Stage) -> dict[str, str]:
    return {**os.environ, **scene.environment}


def _report(
    asked: list[Ask], alone: list[Asked], pairs: dict[str, tuple[Asked, Asked]], sessions: int
) -> Report:
    rows, ratios = [], {}
    for each, single in zip(asked, alone, strict=True):
        bare, whole = pairs[each.name]
        ratio = whole.cpu_us / bare.cpu_us
        ratios[each.name] = bare.per_second / whole.per_second
        rows.append(
            [
                each.name,
                f"{bare.per_second:,.0f}",
                f"{whole.per_second:,.0f}",
                f"{ratios[each.name]:.2f}",
                *(f"{found.percentile_ms(99):.1f}" for found in (bare, whole)),
                *(f"{found.cpu_us:.0f}" for found in (bare, whole)),
                f"{ratio:.2f}",
                f"{single.percentile_ms(50):.1f}",
                f"{single.percentile_ms(99):.1f}",
            ]
        )
    slowest = max(found.percentile_ms(50) for found in alone)
    return Report(
        f"REST, {sessions:,} sessions in the database",
        (
            *("request", "bare/s", "VoiceHub/s", "ratio", "bare p99", "p99"),
            *("bare µs CPU", "µs CPU", "ratio", "alone p50", "p99"),
        ),
        rows=rows,
        notes=[
            (
                f"{CALLERS} connections at once; ms of the caller; CPU: of the server's process; "
                "alone: one connection, so that nothing waits but for itself. The bare server "
                "runs the same SQL, and neither authenticates nor checks, nor logs, nor asks Redis."
            ),
            f"asked alone, the slowest answers in {slowest:.1f} ms (half of the requests)",
        ],
        ratios="bare to VoiceHub, requests a second: "
        + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()),
    )
