import asyncio
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from voicehub.devstack.spaces import SpacesServer
from voicehub.errors import StorageError
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.resume import resume_recording
from voicehub.sinks.spool import Spool
from voicehub.sinks.summary import RecordingState, recording_stem
from voicehub.storage import spaces as spaces_module
from voicehub.storage.spaces import Spaces

STEM = recording_stem(7, 42, 3)
RATE = 24_000

# Writes noise, waits until `parts` parts are stored and every block is in the spool, and dies.
VICTIM = """
import asyncio, os, sys
from pathlib import Path
import numpy as np
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.spool import Spool
from voicehub.storage.spaces import Spaces

endpoint, bucket, folder, container, seconds, parts = sys.argv[1:]

async def main():
    spool = Spool(Path(folder), bytes_max=1 << 30)
    await spool.open()
    spaces = Spaces(endpoint=endpoint, region="us-east-1", bucket=bucket,
                    key="recorder-test-key", secret="recorder-test-secret")
    await spaces.open()
    saved = asyncio.Event()
    recorder = Recorder(spaces=spaces, spool=spool, key_stem="recordings/team-7/session-42-3",
                        container=container, tail_interval_s=0.05, on_saved=lambda _: saved.set())
    await recorder.open()
    take = recorder._uploader.take

    async def noted(step):
        await take(step)
        saved.set()

    recorder._uploader.take = noted
    random = np.random.default_rng(1)
    samples = random.integers(-32768, 32768, (int(seconds) * 24000, 2), dtype=np.int16)
    for start in range(0, len(samples), 12000):
        recorder.write(samples[start:start + 12000])
        if start % 240000 == 0:
            await recorder.drained()
    await recorder.drained()
    while len(recorder._cutter.cut.parts) < int(parts) or recorder.seconds_saved < 1:
        await saved.wait()
        saved.clear()
    os._exit(9)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("container", "seconds", "parts"),
    [("flac", 4, 0), ("flac", 80, 1), ("flac", 150, 2), ("wav", 4, 0), ("wav", 150, 2)],
)
async def test_a_killed_process_loses_nothing_that_it_encoded(
    studio,
    spaces: Spaces,
    spaces_server: SpacesServer,
    tmp_path: Path,
    container: str,
    seconds: int,
    parts: int,
) -> None:
    victim = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", VICTIM, spaces_server.endpoint, spaces.bucket),
        *(str(tmp_path), container, str(seconds), str(parts)),
        cwd=Path(__file__).parents[3],
    )
    assert await victim.wait() == 9
    async with Spool(tmp_path, bytes_max=1 << 30) as spool:
        (manifest,) = await spool.run(spool.leftovers)
        summary = await resume_recording(manifest, spaces=spaces, spool=spool)
        assert summary.state is RecordingState.READY
        played = studio.noise(seconds)
        # libFLAC holds back the samples of a frame that is not full.
        encoded = len(played) if container == "wav" else (len(played) - 1) // 4096 * 4096
        assert np.array_equal(await studio.decoded(spaces, summary.key), played[:encoded])
        assert summary.seconds == encoded / RATE
        assert [entry.key for entry in await spaces.list_objects("")] == [summary.key]
        assert await spaces.list_uploads("") == []
        assert os.listdir(tmp_path) == []  # noqa: PTH208  # an async function


@pytest.mark.parametrize("seconds", [3, 130])
async def test_an_outage_at_the_end_leaves_it_to_a_later_attempt(
    studio,
    stoppable_server: SpacesServer,
    stoppable_spaces: Spaces,
    spool: Spool,
    monkeypatch,
    seconds: int,
) -> None:
    monkeypatch.setattr(spaces_module, "BACKOFF_S", 0.0)
    recorder = Recorder(spaces=stoppable_spaces, spool=spool, key_stem=STEM, finish_deadline_s=1.0)
    await recorder.open()
    played = studio.noise(seconds)
    await studio.play(recorder, played)
    await stoppable_server.stop()
    summary = await recorder.finish()
    assert (summary.state, summary.url) == (RecordingState.PROCESSING, None)
    assert summary.seconds == seconds
    (manifest,) = await spool.run(spool.leftovers)
    with pytest.raises(StorageError):
        await resume_recording(manifest, spaces=stoppable_spaces, spool=spool)
    await stoppable_server.start()
    summary = await resume_recording(manifest, spaces=stoppable_spaces, spool=spool)
    assert summary.state is RecordingState.READY
    assert np.array_equal(await studio.decoded(stoppable_spaces, summary.key), played)
    assert spool.leftovers() == []


async def test_an_abandoned_recording_is_resumed(studio, spaces: Spaces, spool: Spool) -> None:
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    played = studio.noise(3)
    await studio.play(recorder, played)
    (manifest,) = spool.folder.glob("*/manifest.json")
    with pytest.raises(StorageError, match="still being written"):
        await resume_recording(manifest, spaces=spaces, spool=spool)
    await recorder.abandon()
    summary = await resume_recording(manifest, spaces=spaces, spool=spool)
    found = await studio.decoded(spaces, summary.key)
    assert len(found) > 2 * RATE
    assert np.array_equal(found, played[: len(found)])


async def test_a_process_that_died_after_completion_repeats_nothing_harmful(
    studio, spaces: Spaces, spool: Spool, monkeypatch
) -> None:
    """The object is there, the spool as well: a second finish finds the one, removes the other."""
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    played = studio.noise(130)
    await studio.play(recorder, played)
    monkeypatch.setattr(recorder._file, "remove", recorder._file.close)
    first = await recorder.finish()
    (manifest,) = await spool.run(spool.leftovers)
    second = await resume_recording(manifest, spaces=spaces, spool=spool)
    assert (second.state, second.bytes) == (RecordingState.READY, first.bytes)
    assert np.array_equal(await studio.decoded(spaces, second.key), played)
    assert spool.leftovers() == []


async def test_a_spool_without_audio_is_cleared_away(spaces: Spaces, spool: Spool) -> None:
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    await recorder.abandon()
    (manifest,) = await spool.run(spool.leftovers)
    summary = await resume_recording(manifest, spaces=spaces, spool=spool)
    assert (summary.state, summary.url) == (RecordingState.EMPTY, None)
    assert await spaces.list_objects("") == []


async def test_a_spool_that_holds_no_frame_is_kept(spaces: Spaces, spool: Spool) -> None:
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    recorder._file.append(b"not audio")
    await recorder.abandon()
    (manifest,) = await spool.run(spool.leftovers)
    with pytest.raises(StorageError, match="no whole frame"):
        await resume_recording(manifest, spaces=spaces, spool=spool)
    assert spool.leftovers() == [manifest]
