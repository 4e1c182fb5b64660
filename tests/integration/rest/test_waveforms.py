import io

import numpy as np
import pytest
import soundfile

KEY = "1/2/recording.flac"


@pytest.fixture
async def recorded(web_client, spaces):
    """A finished session of two seconds in which the user speaks first, then the agent."""
    samples = np.zeros((48_000, 2), np.int16)
    samples[:24_000, 0] = 20_000
    samples[24_000:, 1] = 10_000
    file = io.BytesIO()
    soundfile.write(file, samples, 24_000, format="FLAC", subtype="PCM_16")
    await spaces.put(KEY, file.getvalue(), "audio/flac")
    recording = {"state": "ready", "key": KEY, "bytes": len(file.getvalue()), "format": "flac"}
    session_id = await web_client.add_session(data={"recording": recording})
    return f"/v1/sessions/{session_id}/recording/waveform"


async def test_a_recording_is_drawn_with_both_voices(web_client, recorded):
    for _ in range(2):  # decoded, then remembered
        response, body = await web_client.get(recorded)
        assert response.status == 200
        assert body["seconds"] == 2
        half = len(body["user"]) // 2
        assert min(body["user"][:half]) > 150
        assert max(body["user"][half:]) == 0
        assert max(body["agent"][:half]) == 0
        assert min(body["agent"][half:]) > 70


async def test_another_team_sees_nothing_of_it(web_client, recorded):
    assert (await web_client.get(recorded, who="eve"))[0].status == 404


async def test_a_recording_that_is_not_ready_says_so(web_client):
    session_id = await web_client.add_session(data={"recording": {"state": "processing"}})
    response, body = await web_client.get(f"/v1/sessions/{session_id}/recording/waveform")
    assert (response.status, body["code"]) == (409, "recording_not_ready")
    assert response.headers["Retry-After"] == "5"


async def test_a_recording_whose_object_is_no_audio_is_no_fault_of_ours(web_client, spaces):
    await spaces.put("1/broken.flac", b"nothing", "audio/flac")
    recording = {"state": "ready", "key": "1/broken.flac", "bytes": 7, "format": "flac"}
    session_id = await web_client.add_session(data={"recording": recording})
    response, body = await web_client.get(f"/v1/sessions/{session_id}/recording/waveform")
    assert (response.status, body["code"]) == (503, "storage_unavailable")
