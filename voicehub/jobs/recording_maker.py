"""One recording of a session that has ended, from the best that each of its owners left."""

from dataclasses import dataclass, replace

import structlog

from voicehub.errors import StorageError
from voicehub.sinks.assemble import assemble, lay_out
from voicehub.sinks.container import SAMPLE_RATE_HZ
from voicehub.sinks.leftovers import folder_of
from voicehub.sinks.resume import SpoolBrokenError, resume_recording
from voicehub.sinks.salvage import Remains, finished_samples, look
from voicehub.sinks.spool import MANIFEST, Spool
from voicehub.sinks.summary import (
    RecordingState,
    RecordingSummary,
    joined_stem,
    recording_stem,
)
from voicehub.sinks.uploader import RecordingLostError
from voicehub.storage.recording_keys import session_prefix
from voicehub.storage.recordings import Claim
from voicehub.storage.spaces import Spaces

# While somebody on this host still writes a leg it is left alone; but one who hangs for so many
# attempts will not finish it, and what reached Spaces is used.
HELD_ATTEMPTS_MAX = 5
# An owner that ended the session itself may still be closing its leg, without a lease if Redis was
# away: it is given half a minute, which is what so many attempts take, and more than it takes.
OWNER_ATTEMPTS = 3
FORMAT = "flac"  # what the row says where there is no object

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Leg:
    """One owner's time with the session: where its samples lie on the one time line, and under
    which key.
    """

    at_ms: int
    key_stem: str


class Maker:
    """Of the recording that `claim` is for."""

    def __init__(self, spaces: Spaces, spool: Spool, claim: Claim) -> None:
        self._spaces = spaces
        self._spool = spool
        self._claim = claim
        self._is_truncated = False

    async def make(self) -> RecordingSummary:
        """May be repeated and cancelled. Raises StorageError."""
        legs = self._legs()
        for leg in legs:
            await self._finish_spooled(leg)
        found = await self._remains(legs)
        if await self._may_be_under_way(legs[-1], found):
            raise StorageError(f"{legs[-1].key_stem} may still be finished by its owner.")
        if not found:
            return self._without_object(RecordingState.EMPTY)
        summary = await self._finished(found) or await assemble(
            lay_out(found),
            spaces=self._spaces,
            spool=self._spool,
            key_stem=joined_stem(self._claim.team_id, self._claim.session_id, self._claim.token),
        )
        return self._marked(summary)

    def failed(self) -> RecordingSummary:
        return self._without_object(RecordingState.FAILED)

    def _legs(self) -> list[Leg]:
        """The oldest owner first. A row that lists none has had one owner after another at the
        beginning.
        """
        claim = self._claim
        listed = claim.legs or [
            {"token": token, "at_ms": 0} for token in range(1, max(1, claim.fence) + 1)
        ]
        return [
            Leg(
                round(leg["at_ms"]),
                recording_stem(claim.team_id, claim.session_id, leg["token"]),
            )
            for leg in sorted(listed, key=lambda leg: int(leg["token"]))
        ]

    async def _finish_spooled(self, leg: Leg) -> None:
        """Make the leg's own object from this host's spool, where there is one."""
        manifest = folder_of(self._spool, leg.key_stem) / MANIFEST
        if not await self._spool.run(manifest.exists):
            return
        if manifest not in await self._spool.run(self._spool.leftovers):
            if self._claim.attempts <= HELD_ATTEMPTS_MAX:
                raise StorageError(f"{leg.key_stem} is still being written.")
            logger.warning("recording left to who holds it", key=leg.key_stem)
            return
        try:
            summary = await resume_recording(manifest, spaces=self._spaces, spool=self._spool)
        except (SpoolBrokenError, RecordingLostError) as error:
            logger.warning("spool of a recording not used", key=leg.key_stem, code=error.code)
        else:
            self._is_truncated |= summary.state is RecordingState.TRUNCATED

    async def _remains(self, legs: list[Leg]) -> list[tuple[int, Remains]]:
        """What Spaces has of each leg that it has something of."""
        prefix = session_prefix(self._claim.team_id, self._claim.session_id)
        objects = await self._spaces.list_objects(prefix)
        uploads = await self._spaces.list_uploads(prefix)
        found = [
            (leg.at_ms, await look(leg.key_stem, objects, uploads, self._spaces)) for leg in legs
        ]
        return [(at_ms, remains) for at_ms, remains in found if remains is not None]

    async def _may_be_under_way(self, last: Leg, found: list[tuple[int, Remains]]) -> bool:
        """Whether the last owner, alive, may yet store its leg's object."""
        if self._claim.is_lost or self._claim.attempts > OWNER_ATTEMPTS:
            return False
        remains = found[-1][1] if found else None
        if remains is None or remains.key_stem != last.key_stem:
            return True
        return await finished_samples(remains, self._spaces) is None

    async def _finished(self, found: list[tuple[int, Remains]]) -> RecordingSummary | None:
        """The object of the only leg, when that is the whole recording as it stands."""
        (at_ms, remains), *others = found
        if others or at_ms > 0 or remains.stored is None:
            return None
        samples = await finished_samples(remains, self._spaces)
        if samples is None:
            return None
        return RecordingSummary(
            state=RecordingState.READY,
            format=remains.container,
            key=remains.key,
            url=self._spaces.address(remains.key),
            bytes=remains.stored.size_bytes,
            seconds=samples / SAMPLE_RATE_HZ,
            sample_rate_hz=SAMPLE_RATE_HZ,
            parts=1,
        )

    def _marked(self, summary: RecordingSummary) -> RecordingSummary:
        is_short = self._is_truncated and summary.state is RecordingState.READY
        return replace(summary, state=RecordingState.TRUNCATED) if is_short else summary

    def _without_object(self, state: RecordingState) -> RecordingSummary:
        claim = self._claim
        stem = recording_stem(claim.team_id, claim.session_id, max(1, claim.fence))
        return RecordingSummary(
            state=state,
            format=FORMAT,
            key=f"{stem}.{FORMAT}",
            url=None,
            bytes=0,
            seconds=0.0,
            sample_rate_hz=SAMPLE_RATE_HZ,
            parts=0,
        )
