import io

import numpy as np
import soundfile

from voicehub.app import spaces_of
from voicehub.keys import SETTINGS

SECONDS = 300


async def test_minutes_of_audio_in_one_message_are_recorded_whole(site):
    talk = await site.talk()
    session_id = talk.session_id
    noise = np.random.default_rng(7).integers(-3000, 3000, SECONDS * 24_000, np.int16)
    await talk.append(noise.tobytes())
    await site.engine.until_taken("input_audio_buffer.append")
    await talk.close()

    recording = (await site.over(session_id))["data"]["recording"]
    assert recording["state"] == "ready"
    async with spaces_of(site.app[SETTINGS]) as spaces:
        content = await spaces.get(recording["key"])
    stereo, rate_hz = soundfile.read(io.BytesIO(content), dtype="int16")
    assert rate_hz == 24_000
    assert len(stereo) >= len(noise)
    start = int(np.argmax(stereo[:, 0] != 0)) - int(np.argmax(noise != 0))
    assert np.array_equal(stereo[start : start + len(noise), 0], noise)
