"""PyPI `openai`: `AsyncOpenAI.realtime.connect`, with its own reconnecting."""

import asyncio
import base64
import json
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from openai.types.websocket_reconnection import ReconnectingEvent, ReconnectingOverrides

from tests.conformance.clients.caller import Caller, cut_the_line

TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
WEATHER = {"sky": "clear", "degrees": 21}
METADATA = {"purpose": "conformance"}
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


async def main(config: dict[str, Any]) -> None:
    caller = Caller({name: Path(path) for name, path in config["clips"].items()})
    client = AsyncOpenAI(api_key=config["token"], base_url=config["url"])
    async with caller:
        await push_to_talk(config, caller, client)
        await dropped_and_whole(config, caller, client)
    await client.close()
    caller.finish(Path(config["out"]))


@asynccontextmanager
async def carried(caller, connection):
    """The connection's events go to the caller, and what the caller says to the connection."""

    async def append(pcm):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())

    async def truncate(item_id, content_index, audio_end_ms):
        await connection.conversation.item.truncate(
            item_id=item_id, content_index=content_index, audio_end_ms=audio_end_ms
        )

    async def listen():
        async for event in connection:
            await caller.take(event.to_dict())

    before = len(caller.sessions)
    caller.append, caller.truncate = append, truncate
    async with asyncio.TaskGroup() as listening:
        listening.create_task(listen())
        await caller.holds(lambda: len(caller.sessions) > before, "session.created")
        yield
        await caller.pause()
        caller.append = None
        await connection.close()


async def push_to_talk(config, caller, client):
    """With a client secret, as a browser would."""
    caller.is_open = False
    secret = await client.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60},
        session={"type": "realtime", "model": config["agent"]},
    )
    assert secret.value.startswith("ek_")
    async with (
        AsyncOpenAI(api_key=secret.value, base_url=config["url"]) as browser,
        browser.realtime.connect(model=config["agent"]) as connection,
        carried(caller, connection),
    ):
        await without_turns(caller, connection)
        await pushed(caller, connection)


async def pushed(caller, connection):
    """One turn by push-to-talk. The reply carries the metadata that was asked for."""
    since = caller.mark()
    await caller.say("sum")
    await connection.input_audio_buffer.commit()
    await caller.until("input_audio_buffer.committed", since=since)
    await connection.response.create(response={"metadata": METADATA})
    done = await caller.reply(since)
    assert done["response"]["metadata"] == METADATA
    await caller.until(TRANSCRIBED, since=since)


async def dropped_and_whole(config, caller, client):
    """The line is cut between two turns, and the client comes back by itself."""
    returns = []

    def reconnecting(event: ReconnectingEvent) -> ReconnectingOverrides | None:
        returns.append(event.close_code)
        return None

    caller.is_open = True
    async with (
        client.realtime.connect(
            model=config["agent"], on_reconnecting=reconnecting, initial_delay=0.1
        ) as connection,
        carried(caller, connection),
    ):
        await caller.ask("hello")
        await caller.pause()
        before = len(caller.sessions)
        cut_the_line()
        await caller.holds(lambda: len(caller.sessions) > before, "session.created")
        assert returns == [1006]
        await whole_conversation(caller, connection)


async def whole_conversation(caller, connection):
    session = {"type": "realtime", "tools": [TOOL], "tool_choice": "auto"}
    await connection.session.update(session=session)
    updated = await caller.until("session.updated")
    assert updated["session"]["tools"][0]["name"] == TOOL["name"]
    await caller.ask("hello")
    await tool_turn(caller, connection)
    await barge_in(caller, connection)
    await without_turns(caller, connection)
    caller.is_open = False
    await pushed(caller, connection)
    await written(caller, connection)


async def tool_turn(caller, connection):
    since = caller.mark()
    await caller.say("weather")
    asked = await caller.until("response.function_call_arguments.done", since=since)
    assert asked["name"] == TOOL["name"]
    assert json.loads(asked["arguments"]) == {"city": "Paris"}
    done = await caller.until("response.done", since=asked["number"])
    await connection.conversation.item.create(
        item={
            "type": "function_call_output",
            "call_id": asked["call_id"],
            "output": json.dumps(WEATHER),
        }
    )
    await connection.response.create()
    reply = await caller.reply(done["number"] + 1)
    assert re.search("21", reply["response"]["output"][0]["content"][0]["transcript"])


async def barge_in(caller, connection):
    since = caller.mark()
    await caller.say("story")
    first = await caller.until("response.output_audio.delta", since=since)
    await caller.heard(first["item_id"], 1500)
    now = caller.mark()
    await caller.say("name")
    truncated = await caller.until("conversation.item.truncated", since=now)
    assert truncated["item_id"] == first["item_id"]
    reply = await caller.reply(truncated["number"])
    assert re.search("Julia", reply["response"]["output"][0]["content"][0]["transcript"])
    await connection.conversation.item.retrieve(item_id=first["item_id"])
    retrieved = await caller.until("conversation.item.retrieved", since=now)
    assert retrieved["item"]["id"] == first["item_id"]


async def written(caller, connection):
    since = caller.mark()
    content = [{"type": "input_text", "text": "Thank you, goodbye."}]
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": content}
    )
    await connection.response.create(response={"output_modalities": ["text"]})
    await caller.until("response.output_text.done", since=since)
    await caller.until("response.done", since=since)


async def without_turns(caller, connection):
    since = caller.mark()
    session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    await connection.session.update(session=session)
    await caller.until("session.updated", since=since)


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
