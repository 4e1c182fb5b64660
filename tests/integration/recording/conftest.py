"""A bucket of one's own on the real S3 server, and one that a test may stop."""

import asyncio
import io
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voicehub.devstack.server import free_ports
from voicehub.devstack.spaces import SpacesServer
from voicehub.sinks.parts import Step
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.spool import Spool
from voicehub.storage.spaces import GET_BYTES_MAX, Spaces

KEY = "recorder-test-key"
SECRET = "recorder-test-secret"
_number = count(1)


@pytest.fixture(scope="session")
async def spaces_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SpacesServer]:
    server = SpacesServer(
        tmp_path_factory.mktemp("spaces"), port=free_ports([None])[0], key=KEY, secret=SECRET
    )
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def spaces(spaces_server: SpacesServer) -> AsyncIterator[Spaces]:
    bucket = f"recordings-{next(_number)}"
    async with Spaces(
        endpoint=spaces_server.endpoint, region="us-east-1", bucket=bucket, key=KEY, secret=SECRET
    ) as spaces:
        await spaces.create_bucket()
        yield spaces


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    async with Spool(tmp_path / "spool", bytes_max=1 << 30) as spool:
        yield spool


@pytest.fixture
async def stoppable_server(tmp_path: Path) -> AsyncIterator[SpacesServer]:
    """The same on a folder of its own, for tests that break it."""
    (tmp_path / "store").mkdir()
    server = SpacesServer(tmp_path / "store", port=free_ports([None])[0], key=KEY, secret=SECRET)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def stoppable_spaces(stoppable_server: SpacesServer) -> AsyncIterator[Spaces]:
    async with Spaces(
        endpoint=stoppable_server.endpoint,
        region="us-east-1",
        bucket="voicehub",
        key=KEY,
        secret=SECRET,
    ) as spaces:
        yield spaces


class Studio:
    """What the tests of recordings do with audio."""

    rate_hz = 24_000
    block = 12_000

    def noise(self, seconds: float) -> np.ndarray:
        """Full scale, so that parts fill within a minute: FLAC makes 95 kB of a second."""
        samples = int(seconds * self.rate_hz)
        return np.random.default_rng(1).integers(-32768, 32768, (samples, 2), dtype=np.int16)

    async def play(self, recorder: Recorder, samples: np.ndarray) -> None:
        """Faster than real time, and no faster than the disk."""
        for start in range(0, len(samples), self.block):
            recorder.write(samples[start : start + self.block])
            if start % (20 * self.block) == 0:
                await recorder.drained()
        await recorder.drained()

    def steps(self, recorder: Recorder) -> asyncio.Queue[Step]:
        """Each step of the part lane, when it is done."""
        done: asyncio.Queue[Step] = asyncio.Queue()
        take = recorder._uploader.take

        async def noted(step: Step) -> None:
            await take(step)
            done.put_nowait(step)

        recorder._uploader.take = noted
        return done

    async def until(self, steps: asyncio.Queue[Step], kind: type, times: int = 1) -> None:
        while times:
            times -= isinstance(await steps.get(), kind)

    async def whole_object(self, spaces: Spaces, key: str) -> bytes:
        size = (await spaces.head(key)).size_bytes
        ends = [*range(GET_BYTES_MAX, size, GET_BYTES_MAX), size]
        return b"".join(
            [
                await spaces.get(key, (start, end))
                for start, end in zip([0, *ends], ends, strict=False)
            ]
        )

    async def decoded(self, spaces: Spaces, key: str) -> np.ndarray:
        content = await self.whole_object(spaces, key)
        samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="int16")
        assert rate_hz == self.rate_hz
        return samples


@pytest.fixture
def studio() -> Studio:
    return Studio()
