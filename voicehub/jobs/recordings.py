"""Makes the recordings that their owners could not finish: one object for each ended session, from
what reached Spaces and what lies in this host's spool. May run twice, anywhere, at any time.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from voicehub.errors import StorageError
from voicehub.jobs.recording_maker import Maker
from voicehub.sinks.leftovers import debris, left_by_session, remove
from voicehub.sinks.salvage import RecordingBrokenError
from voicehub.sinks.spool import Spool
from voicehub.sinks.summary import RecordingState
from voicehub.storage import erasure, lease, recordings
from voicehub.storage.postgres import Postgres
from voicehub.storage.recording_keys import session_prefix
from voicehub.storage.recordings import Claim, Unfinished
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import Spaces
from voicehub.storage.spaces_client import SpacesRefusedError
from voicehub.tasks import spawn, stop

# Rows written before that are not looked at. A worker's quick beat may look back less far, if a
# slower one goes back all the way.
WRITTEN_WITHIN_S = 30 * 24 * 3600.0
BATCH = 200  # sessions of one query; then the next ones
AT_ONCE_MAX = 3  # recordings in the making; the others wait
# A worker without the session's spool leaves the one that has it this much time: what was encoded
# and had not reached Spaces is there only. Longer than a beat, and than an owner takes to renew its
# lease in a Redis that was emptied.
SPOOL_FIRST_S = 6.0
# While Spaces is away, who has the spool says so this long in advance, and is left alone.
ANNOUNCED_S = 600.0
CLAIM_S = 30.0  # of a worker that died; a living one renews it
RENEW_EVERY_S = 7.5
BACKOFF_S = 5.0  # after a failed attempt, doubled each time
BACKOFF_MAX_S = 300.0
FAULTS_MAX = 6  # broken audio, or workers that died of it; then it has failed for good
PUT_BACK_DEADLINE_S = 5.0  # for a worker that stops; the claim runs out by itself

# After these a spool has nothing to add. What has failed is kept for a person.
_DONE = (
    RecordingState.READY,
    RecordingState.TRUNCATED,
    RecordingState.EMPTY,
    RecordingState.REMOVED,
)

logger = structlog.get_logger(__name__)


class ClaimLostError(StorageError):
    """Another worker has the recording now, or its owner has finished it."""

    code = "claim_lost"


@dataclass(frozen=True, slots=True)
class _Stores:
    postgres: Postgres
    redis: Redis
    spaces: Spaces
    spool: Spool


async def close_recordings(
    postgres: Postgres,
    redis: Redis,
    spaces: Spaces,
    spool: Spool,
    *,
    written_within_s: float = WRITTEN_WITHIN_S,
    only_spooled: bool = False,
) -> int:
    """Make what can be made now, and clear away what is no longer needed. Returns how many
    recordings were closed.

    `only_spooled` leaves all alone of which this host's spool has nothing: a server may do that
    beside its sessions. One that fails is put back, to be tried later. May be cancelled. Raises
    StorageError when Postgres, Redis or Spaces is away.
    """
    stores = _Stores(postgres, redis, spaces, spool)
    spooled = set(await spool.run(lambda: left_by_session(spool)))
    closed, last_id, is_full = 0, 0, bool(spooled) or not only_spooled
    while is_full:
        async with postgres.connection() as conn:
            found = await recordings.unfinished(
                conn, after_id=last_id, limit=BATCH, within_s=written_within_s
            )
        is_full = len(found) == BATCH
        last_id = found[-1].session_id if found else last_id
        if only_spooled:
            found = [session for session in found if session.session_id in spooled]
        if found:
            closed += await _take_ripe(stores, found, spooled)
    await _clear_spool(stores)
    return closed


async def _take_ripe(stores: _Stores, found: list[Unfinished], spooled: set[int]) -> int:
    try:
        await stores.spaces.ping()  # an outage costs one request, not some for each recording
    except StorageError:
        ours = [session.session_id for session in found if session.session_id in spooled]
        if ours:
            async with stores.postgres.connection() as conn:
                await recordings.announce_spool(conn, ours, ANNOUNCED_S)
        raise
    sessions = [(session.team_id, session.session_id) for session in found]
    owned = await lease.held(stores.redis, sessions)
    return await _take_all(
        stores,
        [
            session
            for session in found
            if session.session_id not in owned and _is_ripe(session, spooled)
        ],
    )


def _is_ripe(session: Unfinished, spooled: set[int]) -> bool:
    if session.is_made or session.session_id in spooled:
        return True
    return session.rested_s >= SPOOL_FIRST_S and not session.is_spooled


async def _take_all(stores: _Stores, sessions: list[Unfinished]) -> int:
    slots = asyncio.Semaphore(AT_ONCE_MAX)

    async def take(session: Unfinished) -> bool:
        async with slots:
            return await _take(stores, session)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(take(session)) for session in sessions]
    return sum(task.result() for task in tasks)


async def _take(stores: _Stores, session: Unfinished) -> bool:
    """Whether this closed it. A store that fails is logged: the other sessions must not wait."""
    is_closed = False
    try:
        if not session.is_made:
            async with stores.postgres.connection() as conn:
                claim = await recordings.claim(conn, session.team_id, session.session_id, CLAIM_S)
            is_closed = claim is not None and await _make_claimed(stores, claim)
        if is_closed or session.is_made:
            await _clean(stores, session.team_id, session.session_id)
    except StorageError as error:
        logger.warning("recording not cleared", session_id=session.session_id, code=error.code)
    if not is_closed and not session.is_made:
        await _tell_if_erased(stores, session)
    return is_closed


async def _tell_if_erased(stores: _Stores, session: Unfinished) -> None:
    """Where the recording was erased meanwhile, what this one has brought to Spaces must go."""
    try:
        async with stores.postgres.connection() as conn:
            await erasure.came_late(conn, session.team_id, session.session_id)
    except StorageError:
        logger.info("erased audio is left to a later sweep", session_id=session.session_id)


async def _make_claimed(stores: _Stores, claim: Claim) -> bool:
    """Make it and say so in the row, or put it back."""
    try:
        return await _make_and_close(stores, claim)
    except ClaimLostError:
        logger.info("recording taken over", session_id=claim.session_id)
        return False
    except asyncio.CancelledError:
        await asyncio.shield(_put_back(stores, claim, wait_s=0.0, faults=0))
        raise
    except StorageError as error:
        faults, code = _is_fault(error), error.code
    except Exception:  # whatever it is, the other sessions must go on
        faults, code = 1, "server_error"
        logger.exception("recording not made", session_id=claim.session_id)
    wait_s = min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** min(claim.attempts - 1, 10))
    logger.warning(
        "recording put back", session_id=claim.session_id, code=code, faults=claim.faults + faults
    )
    await _put_back(stores, claim, wait_s=wait_s, faults=faults)
    return False


async def _make_and_close(stores: _Stores, claim: Claim) -> bool:
    recording, url = await _while_claimed(stores, claim, _make(stores, claim))
    async with stores.postgres.connection() as conn:
        is_closed = await recordings.close(conn, claim, recording, url)
    if is_closed:
        logger.info("recording closed", session_id=claim.session_id, state=recording["state"])
    else:
        await _forget(stores, recording["key"])
    return is_closed


async def _make(stores: _Stores, claim: Claim) -> tuple[dict[str, Any], str | None]:
    """The row's entry and the object's address."""
    maker = Maker(stores.spaces, stores.spool, claim)
    if claim.faults >= FAULTS_MAX:
        summary = maker.failed()
        logger.error("recording cannot be made", session_id=claim.session_id, faults=claim.faults)
        return summary.as_json(), None
    summary = await maker.make()
    return {**summary.as_json(), "has_leftovers": True}, summary.url


def _is_fault(error: StorageError) -> int:
    """1 for what no later attempt mends by itself; a store that is away is no fault."""
    if isinstance(error, SpacesRefusedError):
        return int(error.is_gone)
    return int(isinstance(error, RecordingBrokenError))


async def _while_claimed(
    stores: _Stores, claim: Claim, work: Coroutine[Any, Any, tuple[dict[str, Any], str | None]]
) -> tuple[dict[str, Any], str | None]:
    """Do `work`, but no longer than the claim is ours. Raises ClaimLostError."""
    making = spawn(work, name=f"make recording {claim.session_id}")
    keeping = spawn(_keep(stores, claim), name=f"keep claim {claim.session_id}")
    try:
        await asyncio.wait([making, keeping], return_when=asyncio.FIRST_COMPLETED)
        if not making.done():
            await stop(making)
            raise ClaimLostError("Another worker makes this recording.")
        return making.result()
    finally:
        try:
            await stop(keeping)
        finally:
            if not making.done():
                await stop(making)


async def _keep(stores: _Stores, claim: Claim) -> None:
    """Return when the claim is lost."""
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        try:
            async with stores.postgres.connection() as conn:
                if not await recordings.renew(conn, claim, CLAIM_S):
                    return
        except StorageError:
            # The row is closed under this claim only, so going on does no harm.
            logger.info("claim not renewed", session_id=claim.session_id)


async def _put_back(stores: _Stores, claim: Claim, *, wait_s: float, faults: int) -> None:
    try:
        async with asyncio.timeout(PUT_BACK_DEADLINE_S), stores.postgres.connection() as conn:
            await recordings.put_back(conn, claim, wait_s, faults=faults)
    except (StorageError, TimeoutError):
        logger.info("claim left to run out", session_id=claim.session_id)


async def _forget(stores: _Stores, key: str) -> None:
    """Delete an object that came second, if this made one: the row names another."""
    if "-joined-" in key:
        await stores.spaces.delete([key])


async def _clean(stores: _Stores, team_id: int, session_id: int) -> None:
    """Once the row names the object: remove all else that Spaces has of the session."""
    async with stores.postgres.connection() as conn:
        recording = await recordings.made(conn, team_id, session_id)
    if recording is None or not recording.get("has_leftovers"):
        return
    prefix, spaces = session_prefix(team_id, session_id), stores.spaces
    for upload in await spaces.list_uploads(prefix):
        await spaces.abort_upload(upload.key, upload.upload_id)
    kept = recording["key"]
    await spaces.delete(
        found.key for found in await spaces.list_objects(prefix) if found.key != kept
    )
    async with stores.postgres.connection() as conn:
        await recordings.cleaned(conn, team_id, session_id)


async def _clear_spool(stores: _Stores) -> None:
    """Remove from this host's spool what is in no recording's way any more."""
    spool = stores.spool
    left = await spool.run(lambda: left_by_session(spool))
    folders = await spool.run(lambda: debris(spool))
    if left:
        async with stores.postgres.connection() as conn:
            closed = await recordings.closed(conn, left, _DONE)
            closed |= await erasure.erased(conn, left)
        folders += [folder for session_id in closed for folder in left[session_id]]
    for folder in folders:
        await spool.run(partial(remove, spool, folder))
