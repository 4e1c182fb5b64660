"""A process that records noise and dies of SIGKILL, once enough is on Spaces. What it had written
and what it knew to be stored, in seconds, are its last words.

Arguments, as JSON: endpoint, bucket, key, secret, folder, stem, container, seed, seconds, parts,
paced.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from voicehub.sinks.recorder import Recorder
from voicehub.sinks.spool import Spool
from voicehub.storage.spaces import Spaces

RATE_HZ = 24_000
BLOCK = 12_000  # half a second, as the session takes them


def noise(seed: int, seconds: float) -> np.ndarray:
    """Full scale, so that parts fill within a minute: FLAC makes 95 kB of a second."""
    samples = round(seconds * RATE_HZ)
    return np.random.default_rng(seed).integers(-32768, 32768, (samples, 2), dtype=np.int16)


async def main(order: dict) -> None:
    spool = Spool(Path(order["folder"]), bytes_max=1 << 30)
    await spool.open()
    spaces = Spaces(
        endpoint=order["endpoint"],
        region="us-east-1",
        bucket=order["bucket"],
        key=order["key"],
        secret=order["secret"],
    )
    await spaces.open()
    happened = asyncio.Event()
    recorder = Recorder(
        spaces=spaces,
        spool=spool,
        key_stem=order["stem"],
        container=order["container"],
        on_saved=lambda _: happened.set(),
        **({} if order["paced"] else {"tail_interval_s": 0.05}),
    )
    await recorder.open()
    take = recorder._uploader.take

    async def noted(step):
        await take(step)
        happened.set()

    recorder._uploader.take = noted
    await play(recorder, noise(order["seed"], order["seconds"]), paced=order["paced"])
    while len(recorder._cutter.cut.parts) < order["parts"] or recorder.seconds_saved < 1:
        await happened.wait()
        happened.clear()
    print(recorder.seconds_written, recorder.seconds_saved, flush=True)  # noqa: T201  # to the test
    os.kill(os.getpid(), signal.SIGKILL)


async def play(recorder: Recorder, samples: np.ndarray, *, paced: bool) -> None:
    """In real time, or as fast as the disk takes it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for start in range(0, len(samples), BLOCK):
        recorder.write(samples[start : start + BLOCK])
        if paced:
            spoken = loop.create_future()
            loop.call_at(began + (start + BLOCK) / RATE_HZ, spoken.set_result, None)
            await spoken
        elif start % (20 * BLOCK) == 0:
            await recorder.drained()
    if not paced:
        await recorder.drained()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
