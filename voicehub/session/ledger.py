"""A session's totals: what they are, when they are written, and whether the plan covers them."""

from voicehub.session.beat import beat
from voicehub.session.commands import Book
from voicehub.session.events import QuotaRead
from voicehub.session.metering import Meter
from voicehub.session.quota import Allowance
from voicehub.session.spec import SessionSpec

# How often totals in flight are written while audio flows.
BOOK_EVERY_MS = 1_000


class Ledger:
    def __init__(self, spec: SessionSpec) -> None:
        totals = spec.resumes.totals.copy() if spec.resumes else None
        self.meter = Meter(spec.cached_weight_millionths, totals)
        self.due_ms = float("inf")
        """When the next booking is wanted."""
        self._allowance = Allowance()
        self._bookings = 0
        self._active_from_ms: float | None = None

    def start_time(self, now_ms: float) -> None:
        """From now on time counts."""
        self._count_time(now_ms)
        self._active_from_ms = now_ms

    def stop_time(self, now_ms: float) -> None:
        """From now on no time counts: there is no client."""
        self._count_time(now_ms)
        self._active_from_ms = None

    def book(self, now_ms: float) -> Book:
        """Write the totals as they are now."""
        self._count_time(now_ms)
        self._bookings += 1
        self.due_ms = float("inf")
        pending = self.meter.pending_audio
        self._allowance.booked(self._bookings, self.meter.totals, pending)
        return Book(self._bookings, self.meter.snapshot(), pending)

    def want_booking(self, now_ms: float) -> None:
        """Audio flows: the totals are to be written soon, if nothing else has them written."""
        if self.due_ms == float("inf"):
            self.due_ms = beat(now_ms) + BOOK_EVERY_MS

    def read(self, reading: QuotaRead) -> None:
        self._allowance.read(reading.sequence, reading.audio, reading.text)

    @property
    def is_exhausted(self) -> bool:
        """Whether the plan's tokens are used up."""
        return self._allowance.exhausted(self.meter.totals, self.meter.pending_audio)

    def _count_time(self, now_ms: float) -> None:
        if self._active_from_ms is not None:
            self.meter.totals.active_ms += now_ms - self._active_from_ms
            self._active_from_ms = now_ms
