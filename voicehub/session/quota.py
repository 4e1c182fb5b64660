"""What is left of the team's plan, between two readings of the shared counter."""

from collections import OrderedDict

from voicehub.session.metering import Totals

# Bookings whose reading has not come back yet; they come within a deadline, a second apart.
UNREAD_MAX = 64


class Allowance:
    """All amounts are millionths of a token. Without a reading nothing is exhausted."""

    def __init__(self) -> None:
        self._counted: OrderedDict[int, tuple[int, int]] = OrderedDict()
        self._at_audio: int | None = None
        self._at_text = 0

    def booked(self, sequence: int, totals: Totals, pending_audio: int) -> None:
        """Booking `sequence` told the shared counter of these totals."""
        self._counted[sequence] = (totals.audio + pending_audio, totals.text)
        if len(self._counted) > UNREAD_MAX:
            self._counted.popitem(last=False)

    def read(self, sequence: int, audio_left: int, text_left: int) -> None:
        """The team had this left once booking `sequence` was counted."""
        counted = self._counted.get(sequence)
        if counted is None:
            return
        for older in [number for number in self._counted if number <= sequence]:
            del self._counted[older]
        # The totals at which this session alone would use up the plan.
        self._at_audio = counted[0] + audio_left
        self._at_text = counted[1] + text_left

    def exhausted(self, totals: Totals, pending_audio: int) -> bool:
        """Whether either kind of token is used up."""
        if self._at_audio is None:
            return False
        return totals.audio + pending_audio >= self._at_audio or totals.text >= self._at_text
