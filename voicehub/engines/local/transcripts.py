"""The transcription jobs under way, and what the client is told when a transcript is done."""

from collections.abc import Sequence
from typing import Any

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local.effects import CancelTranscribe, Transcribe, TranscribeRaw
from voicehub.engines.local.events import Samples16k, Transcribed, TranscribeFailed
from voicehub.engines.local.items import Item, ItemAudio
from voicehub.engines.local.shared import Shared
from voicehub.engines.local.transcription import Piece, Transcription


class Transcripts:
    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._jobs: dict[str, tuple[Transcription, Piece]] = {}

    def add_piece(self, transcription: Transcription, samples: Samples16k) -> Piece:
        piece = self._new_piece(transcription)
        self._shared.out.ask(Transcribe(piece.job, samples))
        return piece

    def add_raw(self, transcription: Transcription, raw: bytes, audio_format: AudioFormat) -> None:
        piece = self._new_piece(transcription)
        self._shared.out.ask(TranscribeRaw(piece.job, raw, audio_format))

    def transcribe_item(
        self, item: Item, audio: Sequence[ItemAudio], *, is_shown: bool = True
    ) -> None:
        """Begin the transcripts of the audio that a client put into `item`."""
        for each in audio:
            part = item.content[each.index]
            part.transcription = Transcription(
                item.id, each.index, part.audio_ms, is_shown=is_shown
            )
            part.transcription.complete = True
            self.add_raw(part.transcription, each.raw, self._shared.config.input_format)

    def drop_piece(self, transcription: Transcription, piece: Piece) -> None:
        """Speech went on: the piece is not what its audio was taken for."""
        transcription.pieces.remove(piece)
        if self._jobs.pop(piece.job, None) is not None:
            self._shared.out.ask(CancelTranscribe(piece.job))

    def cancel(self, transcription: Transcription) -> None:
        """Nobody wants the transcript any more, and nobody waits for it."""
        for piece in list(transcription.pieces):
            self.drop_piece(transcription, piece)
        transcription.settled = True

    def answer(self, event: Transcribed | TranscribeFailed) -> bool:
        """Take a job's answer; True when it was the last of its utterance."""
        entry = self._jobs.pop(event.job, None)
        if entry is None:
            return False  # cancelled while it ran
        transcription, piece = entry
        if isinstance(event, Transcribed):
            piece.text = event.text
        else:
            piece.failure = event.message
        return self.settle(transcription)

    def settle(self, transcription: Transcription) -> bool:
        """Tell the client about a transcript that is done; True when it is."""
        if not transcription.is_done:
            return False
        transcription.settled = True
        if transcription.is_shown and self._shared.config.transcription is not None:
            self._tell(transcription)
        return True

    def _new_piece(self, transcription: Transcription) -> Piece:
        piece = Piece(self._shared.new_id("job"))
        transcription.pieces.append(piece)
        self._jobs[piece.job] = (transcription, piece)
        return piece

    def _tell(self, transcription: Transcription) -> None:
        kind = "conversation.item.input_audio_transcription"
        place: dict[str, Any] = {
            "item_id": transcription.item_id,
            "content_index": transcription.content_index,
        }
        out = self._shared.out
        if transcription.failure is not None:
            out.emit(
                f"{kind}.failed",
                **place,
                error={
                    "type": "server_error",
                    "code": "transcription_failed",
                    "message": transcription.failure,
                },
            )
            return
        if transcription.text:
            out.emit(f"{kind}.delta", **place, delta=transcription.text)
        out.emit(
            f"{kind}.completed",
            **place,
            transcript=transcription.text,
            usage={"type": "duration", "seconds": round(transcription.duration_ms / 1000, 3)},
        )
