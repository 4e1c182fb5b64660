"""A long conversation as the session's core sees it: the events of both sides, in virtual time."""

from collections.abc import Iterator

from benches.voice import FRAME_MS, frames

from voicehub.realtime.frame import Body, Frame, server_frame
from voicehub.session import events
from voicehub.session.events import Event

# One turn: the caller speaks, is transcribed, hears a reply. Every fifth reply is cut by barge-in.
SPEECH_MS = 6_000
SILENCE_MS = 500
REPLY_AFTER_MS = 1_000
REPLY_MS = 5_000
TURN_MS = 13_000
BARGE_IN_EVERY = 5
BARGE_IN_AFTER_MS = 3_000
# A model gives its audio faster than it is heard: this much at a time, ten times as fast.
DELTA_FRAMES = 5
_WORDS = "It was the best of times, it was the worst of times, it was the age of wisdom."

Timed = tuple[float, Event]


class Rehearsal:
    """`events` gives the whole conversation in order of time."""

    def __init__(self, duration_ms: int) -> None:
        self._duration_ms = duration_ms
        self._audio = frames()
        self._place = 0
        self._numbers = 0

    def events(self) -> Iterator[Timed]:
        for turn in range(self._duration_ms // TURN_MS):
            yield from self._turn(turn, turn * TURN_MS)
        # What is left is silence: the caller listens.
        for at_ms in range(self._duration_ms // TURN_MS * TURN_MS, self._duration_ms, FRAME_MS):
            yield at_ms + FRAME_MS, self._append()

    def _turn(self, turn: int, start_ms: int) -> Iterator[Timed]:
        said = self._said(f"item_user_{turn}", start_ms)
        barges_in = turn % BARGE_IN_EVERY == BARGE_IN_EVERY - 1
        replied = self._replied(turn, start_ms + SPEECH_MS + REPLY_AFTER_MS, barges_in=barges_in)
        engine = sorted([*said, *replied], key=lambda timed: timed[0])
        for at_ms in range(start_ms + FRAME_MS, start_ms + TURN_MS + FRAME_MS, FRAME_MS):
            yield at_ms, self._append()
            while engine and engine[0][0] <= at_ms:
                yield at_ms, engine.pop(0)[1]

    def _append(self) -> Event:
        """A client never pauses: microphones send their silence too."""
        frame = Frame("input_audio_buffer.append", {"type": "input_audio_buffer.append"})
        frame.audio = self._next_audio()
        return events.ClientSent(frame)

    def _said(self, item_id: str, start_ms: int) -> Iterator[Timed]:
        end_ms = start_ms + SPEECH_MS
        item = {"id": item_id, "type": "message", "role": "user", "content": []}
        usage = {"type": "duration", "seconds": SPEECH_MS / 1000}
        yield (
            start_ms + FRAME_MS,
            self._sent(
                "input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=start_ms
            ),
        )
        yield (
            end_ms + SILENCE_MS,
            self._sent(
                "input_audio_buffer.speech_stopped",
                item_id=item_id,
                audio_end_ms=end_ms + SILENCE_MS,
            ),
        )
        yield end_ms + SILENCE_MS, self._sent("input_audio_buffer.committed", item_id=item_id)
        yield (
            end_ms + SILENCE_MS,
            self._sent("conversation.item.added", item=item, previous_item_id=None),
        )
        yield (
            end_ms + SILENCE_MS + FRAME_MS,
            self._sent(
                "conversation.item.input_audio_transcription.completed",
                item_id=item_id,
                content_index=0,
                transcript=_WORDS,
                usage=usage,
            ),
        )

    def _replied(self, turn: int, start_ms: int, *, barges_in: bool) -> Iterator[Timed]:
        ids: Body = {"response_id": f"resp_{turn}", "item_id": f"item_agent_{turn}"}
        response: Body = {"id": ids["response_id"], "object": "realtime.response", "output": []}
        item: Body = {"id": ids["item_id"], "type": "message", "role": "assistant", "content": []}
        yield start_ms, self._sent("response.created", response={**response})
        yield start_ms, self._sent("conversation.item.added", item=item, previous_item_id=None)
        deltas = REPLY_MS // FRAME_MS // DELTA_FRAMES
        for number in range(deltas):
            frame = server_frame(
                f"event_{turn}", "response.output_audio.delta", **ids, content_index=0
            )
            frame.audio = b"".join(self._next_audio() for _ in range(DELTA_FRAMES))
            yield start_ms + number * DELTA_FRAMES * FRAME_MS // 10, events.EngineSent(frame)
        end_ms = start_ms + REPLY_MS // 10
        yield (
            end_ms,
            self._sent(
                "response.output_audio_transcript.done", **ids, content_index=0, transcript=_WORDS
            ),
        )
        status = {**response, "status": "completed"}
        yield end_ms, self._sent("response.done", response=status)
        if barges_in:
            yield (
                start_ms + BARGE_IN_AFTER_MS,
                self._sent(
                    "input_audio_buffer.speech_started",
                    item_id=f"item_barge_{turn}",
                    audio_start_ms=start_ms + BARGE_IN_AFTER_MS,
                ),
            )

    def _sent(self, kind: str, /, **fields: object) -> Event:
        self._numbers += 1
        return events.EngineSent(server_frame(f"event_{self._numbers}", kind, **fields))

    def _next_audio(self) -> bytes:
        self._place += 1
        return self._audio[self._place % len(self._audio)]
