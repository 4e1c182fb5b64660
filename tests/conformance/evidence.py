"""What the server kept of a session, and what the client of that session saw of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.conformance.program import Event, Item, Pcm, Report
from voicehub.client.api import Api

RATE_HZ = 24_000
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


@dataclass(frozen=True)
class Evidence:
    """One session from both sides."""

    seen: list[Event]
    row: dict[str, Any]
    left: Pcm
    right: Pcm
    items: list[Item]
    """What the agent said in it, in order."""

    @classmethod
    async def gathered(
        cls, api: Api, seen: list[Event], report: Report, folder: Path
    ) -> "Evidence":
        session_id = seen[0]["session"]["voicehub"]["session_id"]
        await api.ended_session(session_id)
        recording = await api.finished_recording(session_id)
        path = folder / f"{session_id}.{recording['format']}"
        await api.download(recording["url"], path)
        samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
        assert rate_hz == RATE_HZ
        spoken = dict.fromkeys(
            event["item_id"] for event in seen if event["type"] == "response.output_audio.delta"
        )
        return cls(
            seen=seen,
            row=await api.session(session_id),
            left=samples[:, 0],
            right=samples[:, 1],
            items=[report.items[item_id] for item_id in spoken],
        )

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.seen if event["type"] == kind]

    def lines_seen(self) -> dict[str, tuple[str, str]]:
        """Speaker and words by item, in the conversation's order."""
        words = dict(self._words())
        order = [event["item"]["id"] for event in self.of("conversation.item.added")]
        return {item_id: words[item_id] for item_id in order if item_id in words}

    def lines_kept(self) -> dict[str, tuple[str, str]]:
        return {
            line["item_id"]: (line["speaker"], line["transcript"])
            for line in self.row["data"]["transcript"]
        }

    def usage_seen(self) -> dict[str, int]:
        """Tokens by kind, as the events told them."""
        audio = text = 0
        for event in self.of("response.done"):
            usage = event["response"]["usage"]
            for side in ("input_token_details", "output_token_details"):
                audio += usage[side]["audio_tokens"]
                text += usage[side]["text_tokens"]
        return {
            "audio_tokens": audio,
            "text_tokens": text,
            "responses": len(self.of("response.done")),
        }

    def truncated(self) -> dict[str, int]:
        """How much was heard of the items that were cut, in ms."""
        return {
            event["item_id"]: event["audio_end_ms"]
            for event in self.of("conversation.item.truncated")
        }

    def _words(self) -> Iterator[tuple[str, tuple[str, str]]]:
        for event in self.of(TRANSCRIBED):
            yield event["item_id"], ("user", event["transcript"].strip())
        for event in self.of("conversation.item.added"):
            item = event["item"]
            if item["type"] == "message" and item["role"] == "user":
                for part in item["content"]:
                    if part["type"] == "input_text":
                        yield item["id"], ("user", part["text"])
        for event in self.of("response.output_audio_transcript.done"):
            yield event["item_id"], ("agent", event["transcript"])
        for event in self.of("response.output_text.done"):
            yield event["item_id"], ("agent", event["text"])


@dataclass(frozen=True)
class Found:
    """Where a clip lies in a channel, and how alike the two are (1 is the same)."""

    start: int
    likeness: float


def find(clip: Pcm, channel: Pcm, since: int = 0) -> Found:
    """The place from sample `since` on where the cross-correlation peaks."""
    window = channel[since:].astype(np.float64)
    wanted = clip.astype(np.float64)
    if len(window) < len(wanted):
        return Found(since, 0.0)
    size = 1 << (len(window) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(window, size) * np.conj(np.fft.rfft(wanted, size))
    products = np.fft.irfft(spectrum, size)[: len(window) - len(wanted) + 1]
    energy = np.concatenate(([0.0], np.cumsum(window**2)))
    there = np.sqrt(np.maximum(energy[len(wanted) :] - energy[: -len(wanted)], 1.0))
    likeness = products / (there * np.linalg.norm(wanted))
    best = int(likeness.argmax())
    return Found(since + best, float(likeness[best]))
