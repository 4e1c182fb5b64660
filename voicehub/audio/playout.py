"""The agent's side of the recording: audio that comes early is laid where it is heard."""

from collections import OrderedDict
from dataclasses import dataclass

from voicehub.audio.caller import Samples
from voicehub.audio.clock import SAMPLES_PER_MS

# Items whose place is remembered, for a truncate that comes late. Older ones are forgotten.
ITEMS_MAX = 64


@dataclass(slots=True)
class Span:
    """Where an item is heard, in samples, and how much of it there was before anything was cut."""

    start: int
    end: int
    samples: int = 0
    heard_max: int | None = None
    """How many of the samples are heard; None for all of them."""
    stopped: bool = False
    """Whether the client plays no more of it: what still comes is not heard."""

    @property
    def heard(self) -> int:
        return self.samples if self.heard_max is None else self.heard_max

    def lose_after(self, samples: int) -> None:
        """Only so many samples are heard, or fewer where it was cut before."""
        self.heard_max = min(self.heard, samples)


@dataclass(slots=True)
class _Piece:
    item_id: str
    start: int
    chunk: Samples
    offset: int
    """Samples of the item before this piece."""

    @property
    def end(self) -> int:
        return self.start + len(self.chunk)


class Playout:
    """Right channel. Positions are samples of the session's clock.

    What is not yet heard is kept here: at most what one reply holds, whose length the engine's
    `max_output_tokens` bounds.
    """

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._spans: OrderedDict[str, Span] = OrderedDict()
        self._written = 0

    @property
    def end(self) -> int:
        """Where the last of the agent's audio ends."""
        return self._pieces[-1].end if self._pieces else self._written

    def add(self, item_id: str, chunk: Samples, position: int) -> None:
        """Queue `chunk`, which came at `position` of the clock: heard after what is queued."""
        start = max(position, self.end, self._written)
        span = self._spans.get(item_id)
        if span is None:
            span = self._spans[item_id] = Span(start, start)
            if len(self._spans) > ITEMS_MAX:
                self._spans.popitem(last=False)
        if not span.stopped:
            self._pieces.append(_Piece(item_id, start, chunk, span.samples))
            span.end = start + len(chunk)
        span.samples += len(chunk)

    def span(self, item_id: str) -> Span | None:
        """Where the item is heard; None for one that has no audio or is forgotten."""
        return self._spans.get(item_id)

    def cut(self, position: int) -> list[str]:
        """Nothing is heard after `position`: drop it. Returns the items that lost audio."""
        position = max(position, self._written)
        lost: list[str] = []
        kept: list[_Piece] = []
        for piece in self._pieces:
            if piece.end <= position:
                kept.append(piece)
                continue
            if piece.item_id not in lost:
                lost.append(piece.item_id)
            if span := self._spans.get(piece.item_id):
                span.lose_after(piece.offset + max(0, position - piece.start))
            if piece.start < position:
                piece.chunk = piece.chunk[: position - piece.start]
                kept.append(piece)
        self._pieces = kept
        for item_id in lost:
            if span := self._spans.get(item_id):
                span.end = max(span.start, min(span.end, position))
        return lost

    def truncate(self, item_id: str, heard_ms: float) -> list[str]:
        """Only the first `heard_ms` of the item were heard. Returns the items that lost audio."""
        span = self._spans.get(item_id)
        heard = round(heard_ms * SAMPLES_PER_MS)
        if span is None or heard >= span.samples:
            return []
        lost = [item_id]
        kept: list[_Piece] = []
        heard_end = span.start + heard
        # The client's playback stopped: what was queued right behind the item fell silent with it,
        # what came after a pause is a later reply.
        silent_at = span.end
        for piece in self._pieces:
            if piece.item_id == item_id:
                piece.chunk = piece.chunk[: max(0, heard - piece.offset)]
                if len(piece.chunk):
                    heard_end = max(heard_end, piece.end)
            elif piece.start == silent_at:
                silent_at = piece.end
                self._lose(piece, lost)
            if len(piece.chunk):
                kept.append(piece)
        self._pieces = kept
        span.end = min(span.end, heard_end)
        span.lose_after(heard)
        return lost

    def stop(self, item_id: str, heard_ms: float) -> list[str]:
        """As `truncate`, and what still comes of an item that lost audio is not heard either."""
        lost = self.truncate(item_id, heard_ms)
        for each in lost:
            if span := self._spans.get(each):
                span.stopped = True
        return lost

    def _lose(self, piece: _Piece, lost: list[str]) -> None:
        if piece.item_id not in lost:
            lost.append(piece.item_id)
            if span := self._spans.get(piece.item_id):
                span.end = max(span.start, min(span.end, piece.start))
                span.lose_after(piece.offset)
        piece.chunk = piece.chunk[:0]

    def write_into(self, out: Samples, start: int) -> None:
        """Copy what is heard from `start` on into `out`, and forget it."""
        stop = start + len(out)
        self._written = stop
        while self._pieces and self._pieces[0].start < stop:
            piece = self._pieces[0]
            head = piece.chunk[: stop - piece.start]
            out[piece.start - start : piece.start - start + len(head)] = head
            if piece.end <= stop:
                self._pieces.pop(0)
            else:
                piece.chunk = piece.chunk[len(head) :]
                piece.offset += len(head)
                piece.start = stop
