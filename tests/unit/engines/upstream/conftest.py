"""Events of an upstream as frames, and ids that can be foretold."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from voicehub.realtime.frame import Frame


@pytest.fixture
def new_id() -> Callable[[str], str]:
    numbers = count(1)
    return lambda prefix: f"{prefix}_{next(numbers)}"


def event(kind: str, /, **fields: Any) -> Frame:
    return Frame(kind, {"type": kind, "event_id": "event_up", **fields}, raw=b"{}")


def client(kind: str, /, **fields: Any) -> Frame:
    return Frame(kind, {"type": kind, **fields}, raw=b"{}")


def append(duration_ms: int, sample: bytes = b"\1\0") -> Frame:
    kind = "input_audio_buffer.append"
    return Frame(kind, {"type": kind}, audio=sample * (24 * duration_ms))


def message(item_id: str, role: str, *content: Any, status: str = "completed") -> dict[str, Any]:
    return {
        "id": item_id,
        "type": "message",
        "role": role,
        "status": status,
        "content": list(content),
    }


def added(item: dict[str, Any], after: str | None = None) -> Frame:
    return event("conversation.item.added", item=item, previous_item_id=after)


def said(item_id: str, words: str) -> Frame:
    return event(
        "response.output_audio_transcript.done",
        response_id="resp_1",
        item_id=item_id,
        output_index=0,
        content_index=0,
        transcript=words,
    )


def begun(number: int, words: str, **more: Any) -> list[Frame]:
    """A reply as far as its first words."""
    item = message(f"reply_{number}", "assistant", status="in_progress")
    response_id = f"resp_{number}"
    response = {"id": response_id, "status": "in_progress", "conversation_id": "conv", **more}
    place = {"response_id": response_id, "output_index": 0}
    part = {**place, "item_id": item["id"], "content_index": 0}
    return [
        event("response.created", response=response),
        event("response.output_item.added", **place, item=item),
        *([added(item)] if response["conversation_id"] else []),
        event("response.content_part.added", **part, part={"type": "audio"}),
        event("response.output_audio_transcript.delta", **part, delta=words),
    ]
