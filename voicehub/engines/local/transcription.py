"""The transcript of one utterance in the making: its pieces, each a job of its own."""

from dataclasses import dataclass, field


@dataclass(slots=True, repr=False, eq=False)
class Piece:
    job: str
    text: str | None = None
    failure: str | None = None

    @property
    def is_done(self) -> bool:
        return self.text is not None or self.failure is not None


@dataclass(slots=True, repr=False, eq=False)
class Transcription:
    """Done once its utterance is complete and every piece has its answer."""

    item_id: str
    content_index: int = 0
    duration_ms: float = 0.0
    complete: bool = False
    """Whether all pieces are there: no audio follows."""
    pieces: list[Piece] = field(default_factory=list)
    is_shown: bool = True
    """False for audio of an out-of-band response, whose items the client was never told of."""
    settled: bool = False
    """Whether the transcript is known, and the client has been told."""

    @property
    def is_done(self) -> bool:
        return self.settled or (self.complete and all(piece.is_done for piece in self.pieces))

    @property
    def text(self) -> str:
        texts = [(piece.text or "").strip() for piece in self.pieces]
        return " ".join(text for text in texts if text)

    @property
    def failure(self) -> str | None:
        """Why there is no transcript; None where a part of it could be made."""
        if self.text:
            return None
        return next((piece.failure for piece in self.pieces if piece.failure is not None), None)
