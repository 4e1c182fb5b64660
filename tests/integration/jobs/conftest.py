"""The stores that jobs work on."""

import asyncio
import io
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.killed_recorder import RATE_HZ, noise, play
from tests.teams import Owner, add_team
from voicehub.devstack.server import free_ports
from voicehub.devstack.spaces import BUCKET, SpacesServer
from voicehub.jobs.recordings import close_recordings
from voicehub.session.state import EndedReason, Status
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.spool import Spool
from voicehub.sinks.summary import recording_stem
from voicehub.storage import ownership
from voicehub.storage.postgres import Postgres
from voicehub.storage.recording_keys import session_prefix
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import GET_BYTES_MAX, Spaces

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def redis(redis_url):
    async with Redis.connect(redis_url) as redis:
        yield redis


@pytest.fixture
async def team(pg):
    return await add_team(pg)


@pytest.fixture
async def new_owner(team, redis):
    """Sessions that are in progress, their leases held."""

    async def start(**columns):
        owner = Owner(team, redis, await team.add_session(**columns))
        await owner.renew()
        return owner

    return start


@pytest.fixture
def spaces_named(bucket_settings):
    """How to reach the bucket, for this process and for others."""
    return {
        name: bucket_settings[f"SPACES_{name.upper()}"]
        for name in ("endpoint", "bucket", "key", "secret")
    }


@pytest.fixture
async def spaces(spaces_named):
    async with Spaces(region="us-east-1", **spaces_named) as spaces:
        yield spaces


@pytest.fixture
async def spool(tmp_path):
    """This host's, which a worker and the owners of sessions share."""
    async with Spool(tmp_path / "spool", bytes_max=1 << 30) as spool:
        yield spool


@pytest.fixture
async def other_spool(tmp_path):
    """Another host's."""
    async with Spool(tmp_path / "other", bytes_max=1 << 30) as spool:
        yield spool


@pytest.fixture
async def breakable_server(open_folder):
    """An S3 server that a test may stop and start."""
    server = SpacesServer(open_folder, port=free_ports([None])[0], key="k" * 20, secret="s" * 40)
    await server.start()
    yield server
    await server.stop()


@dataclass
class Scene:
    """One session and its owners, one after the other, as they leave it."""

    pg: Postgres
    redis: Redis
    spaces: Spaces
    spool: Spool
    spaces_named: dict
    team_id: int = 7
    session_id: int = 0

    def stem(self, token: int) -> str:
        return recording_stem(self.team_id, self.session_id, token)

    async def begin(self) -> None:
        async with self.pg.connection() as conn:
            self.session_id = await conn.fetchval(
                "INSERT INTO sessions (user_id, team_id, agent_id, status, started_at, data, usage)"
                " VALUES (1, $1, 1, 'in_progress', now(), $2, '{}') RETURNING id",
                self.team_id,
                {"fence": 0, "transcript": [], "recording": {"state": "recording"}},
            )

    async def own(self, at_ms: int | None = 0) -> int:
        """A new owner: its fencing token, and its leg in the row unless it has none."""
        data = await self.row()
        token = data["fence"] + 1
        legs = [] if at_ms is None else [{"token": token, "at_ms": at_ms, "wall_ms": 0}]
        async with self.pg.connection() as conn:
            await conn.execute(
                "UPDATE sessions SET data = data || $2 WHERE id = $1",
                self.session_id,
                {"fence": token, "legs": data.get("legs", []) + legs},
            )
        return token

    async def end(self, *, rested_s: float = 60.0) -> None:
        """As the sweeper does it; `rested_s` ago."""
        async with self.pg.connection() as conn:
            assert await ownership.finish(
                conn,
                self.team_id,
                self.session_id,
                1_000_000,
                status=Status.FAILED,
                reason=EndedReason.LOST,
                duration_ms=0.0,
                recording={"state": "processing"},
                keep_context=False,
            )
        await self.rest(rested_s)

    async def rest(self, seconds: float) -> None:
        """Nobody has touched the row for so long."""
        async with self.pg.connection() as conn:
            await conn.execute("ALTER TABLE sessions DISABLE TRIGGER sessions_set_updated_at")
            await conn.execute(
                "UPDATE sessions SET updated_at = now() - make_interval(secs => $2) WHERE id = $1",
                self.session_id,
                seconds,
            )
            await conn.execute("ALTER TABLE sessions ENABLE TRIGGER sessions_set_updated_at")

    async def recorded(self, token: int, seed: int, seconds: float, *, container="flac"):
        """A leg whose owner closed it. Returns its samples."""
        recorder = await self.recording(token, container=container)
        samples = noise(seed, seconds)
        await play(recorder, samples, paced=False)
        await recorder.finish()
        return samples

    async def recording(self, token: int, *, container="flac") -> Recorder:
        recorder = Recorder(
            spaces=self.spaces, spool=self.spool, key_stem=self.stem(token), container=container
        )
        await recorder.open()
        return recorder

    async def killed(
        self, token: int, seed: int, seconds: float, *, parts=0, container="flac", paced=False
    ):
        """A leg whose owner died. Returns its samples, and how many it knew to be stored."""
        order = {
            **self.spaces_named,
            "folder": str(self.spool.folder),
            "stem": self.stem(token),
            "container": container,
            "seed": seed,
            "seconds": seconds,
            "parts": parts,
            "paced": paced,
        }
        victim = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.killed_recorder", json.dumps(order)),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        words, _ = await victim.communicate()
        assert victim.returncode == -signal.SIGKILL
        written_s, saved_s = map(float, words.split())
        assert written_s == seconds
        return noise(seed, seconds), round(saved_s * RATE_HZ)

    async def close(self, spool: Spool | None = None, **limits) -> int:
        spool = spool or self.spool
        return await close_recordings(self.pg, self.redis, self.spaces, spool, **limits)

    async def row(self) -> dict:
        async with self.pg.connection() as conn:
            return await conn.fetchval("SELECT data FROM sessions WHERE id = $1", self.session_id)

    async def heard(self) -> np.ndarray:
        """The samples of the one object that is left of the session, which the row names."""
        data = await self.row()
        recording = data["recording"]
        assert recording["state"] == "ready"
        assert data["audio_url"] == recording["url"] == self.spaces.address(recording["key"])
        (found,) = await self.spaces.list_objects(session_prefix(self.team_id, self.session_id))
        assert (found.key, found.size_bytes) == (recording["key"], recording["bytes"])
        assert await self.spaces.list_uploads("") == []
        content = b"".join(
            [
                await self.spaces.get(
                    found.key, (start, min(start + GET_BYTES_MAX, found.size_bytes))
                )
                for start in range(0, found.size_bytes, GET_BYTES_MAX)
            ]
        )
        samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="int16")
        assert rate_hz == RATE_HZ
        assert recording["seconds"] == len(samples) / RATE_HZ
        return samples


@pytest.fixture
async def scene(pg, redis, spaces, spool, spaces_named):
    scene = Scene(pg, redis, spaces, spool, spaces_named)
    await scene.begin()
    return scene


@pytest.fixture
async def breakable_scene(pg, redis, spool, breakable_server):
    named = {
        "endpoint": breakable_server.endpoint,
        "bucket": BUCKET,
        "key": "k" * 20,
        "secret": "s" * 40,
    }
    async with Spaces(region="us-east-1", **named) as spaces:
        scene = Scene(pg, redis, spaces, spool, named)
        await scene.begin()
        yield scene
