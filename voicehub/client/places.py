"""Whose audio a binary message is, and whether it has come before."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from voicehub.audio.formats import RATE_HZ, Pcm, pcm_samples
from voicehub.realtime.binary import unpack

SAMPLES_PER_MS = RATE_HZ // 1000
# Items whose number is remembered; audio of one that is forgotten is dropped.
ITEMS_MAX = 64
AUDIO_DELTA = "response.output_audio.delta"

Body = dict[str, Any]  # An event: the protocol is open-ended JSON.


@dataclass(slots=True)
class _Place:
    """Where the audio of one item belongs, in the words of the JSON event."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int = 0
    end_samples: int = 0
    """How far its audio has come."""


class Places:
    """Outlives a socket: an item may go on at the next one."""

    def __init__(self) -> None:
        self._places: OrderedDict[int, _Place] = OrderedDict()

    def learn(self, body: Body) -> None:
        """Take an event that may tell of an item."""
        if body["type"] == "response.output_item.added":
            self._number(body)
        elif body["type"] == "response.content_part.added" and "audio" in body["part"]["type"]:
            for place in self._places.values():
                if place.item_id == body["item_id"]:
                    place.content_index = body["content_index"]

    def audio(self, message: bytes) -> tuple[Body, Pcm] | None:
        """The event that a binary message stands for, without `delta`, and its audio; None for
        audio of an unknown item, and for what is here already.
        """
        header, raw = unpack(message)
        place = self._places.get(header.item_number)
        if place is None or header.start_ms < place.end_samples // SAMPLES_PER_MS:
            return None
        chunk = pcm_samples(raw)
        if header.start_ms > place.end_samples // SAMPLES_PER_MS:
            # What lay between is lost: the server did not remember it any more.
            place.end_samples = header.start_ms * SAMPLES_PER_MS
        place.end_samples += len(chunk)
        body = {
            "type": AUDIO_DELTA,
            "response_id": place.response_id,
            "item_id": place.item_id,
            "output_index": place.output_index,
            "content_index": place.content_index,
        }
        return body, chunk

    def _number(self, body: Body) -> None:
        number = (body.get("voicehub") or {}).get("item_number")
        if number is None:
            return
        item_id = body["item"]["id"]
        known = self._places.pop(number, None)
        # Another process numbers from 1 again: the newest meaning of a number holds.
        is_same = known is not None and known.item_id == item_id
        self._places[number] = (
            known
            if known is not None and is_same
            else _Place(body["response_id"], item_id, body["output_index"])
        )
        if len(self._places) > ITEMS_MAX:
            self._places.popitem(last=False)
