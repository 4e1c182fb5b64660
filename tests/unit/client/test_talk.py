import asyncio

import numpy as np
import orjson
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from voicehub.client import clip
from voicehub.talk import talk

LOUD = np.full(24 * 300, 5000, np.int16)


@pytest.fixture
def loud(tmp_path):
    path = tmp_path / "loud.wav"
    clip.save(path, LOUD)
    return str(path)


async def run(*arguments):
    app = typer.Typer()
    app.command()(talk)
    # In a thread: the command has an event loop of its own, the tiny server lives in this one.
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


async def test_recordings_are_said_and_the_transcript_and_summary_shown(
    tiny_server, loud, tmp_path
):
    out = tmp_path / "heard.wav"
    signed_in = ("--url", tiny_server.url, "--password", "right")
    result = await run(*signed_in, "--wav", loud, "--wav", loud, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert result.output.count("you: hello there") == 2
    assert result.output.count("Ava: Good day.") == 2
    assert "completed" in result.output
    said, heard = soundfile.read(out, dtype="int16")[0].T
    assert np.count_nonzero(said) == 2 * len(LOUD)
    assert np.count_nonzero(heard) == 2 * 400 * 24


async def test_the_last_reply_is_interrupted_by_a_file(tiny_server, loud):
    tiny_server.reply_ms = 2000
    signed_in = ("--url", tiny_server.url, "--password", "right")
    barge_in = ("--barge-in", loud, "--barge-in-after-ms", "100")
    result = await run(*signed_in, "--wav", loud, *barge_in, "--json")
    assert result.exit_code == 0, result.output
    events = [orjson.loads(line) for line in result.output.splitlines()]
    kinds = [event["type"] for event in events]
    assert kinds.count("conversation.item.truncated") == 1
    assert kinds.count("response.done") == 2
    assert events[-1]["type"] == "summary"
    assert events[-1]["audio tokens"] == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--password", "wrong"), "refused with 401: No such user"),
        (("--password", "right", "--context", "{"), "--context is no JSON"),
        (("--password", "right", "--context", "[]"), "--context must be a JSON object"),
        (("--password", "right", "--wav", "missing.wav"), "missing.wav cannot be read as audio"),
    ],
)
async def test_a_foreseen_failure_is_one_sentence(tiny_server, loud, arguments, sentence):
    result = await run("--url", tiny_server.url, "--wav", loud, *arguments)
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output


async def test_it_wants_something_to_say():
    result = await run("--password", "x")
    assert result.exit_code == 2
    assert "Say something" in result.output
