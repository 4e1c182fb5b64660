"""Every job of the worker on one page: what it does, how often, and how long it may take."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from voicehub.jobs.erasures import erase_audio
from voicehub.jobs.forget import forget_keys
from voicehub.jobs.periods import turn_periods
from voicehub.jobs.recordings import SPOOL_FIRST_S, close_recordings
from voicehub.jobs.retention import apply_retention
from voicehub.jobs.settle import settle_all
from voicehub.jobs.sweep import LOOK_EVERY_S, Sweeper
from voicehub.jobs.unopened import end_unopened
from voicehub.jobs.uploads import abort_uploads
from voicehub.jobs.webhooks import LOOK_EVERY_S as WEBHOOKS_EVERY_S
from voicehub.jobs.webhooks import Deliverer, remove_old_deliveries
from voicehub.jobs.words import read_words
from voicehub.sinks.spool import Spool
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import Spaces
from voicehub.telemetry.telemetry import Telemetry

MINUTE_S = 60.0
HOUR_S = 3600.0
# The quick beat of the recordings reads the rows of sessions that were written so lately; the slow
# one reads those of a month: what waited for a store.
LATELY_S = 900.0
# Half of what a worker leaves to the one that has the spool, so that this one has looked by then.
RECORDINGS_EVERY_S = SPOOL_FIRST_S / 2
SPOOLED_EVERY_S = 10.0
# So long after its end a session is found by what was said in it.
WORDS_EVERY_S = 5.0
# What was erased is gone at once, unless Spaces was away; this is for what comes late.
ERASE_EVERY_S = 10.0
ALL_RECORDINGS = "close all recordings"


@dataclass(frozen=True, slots=True)
class Stores:
    """What the jobs work on. The spool is this host's: a recording may wait there."""

    postgres: Postgres
    redis: Redis
    spaces: Spaces
    spool: Spool


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say to the jobs."""

    keep_context: bool = False
    audio_days: int | None = None
    transcript_days: int | None = None
    webhooks_to_private: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """`run` may run twice, on two workers, at any time, and be killed anywhere. It returns how many
    things it did.
    """

    name: str
    every_s: float
    limit_s: float
    """Then it is cut off, and done again at its next beat."""
    run: Callable[[], Awaitable[int]]
    leave: Callable[[], None] | None = None
    """Told when the worker is to stop, so that a job that goes on while there is work takes no
    more of it.
    """


def servers_job(stores: Stores) -> Job:
    """What a server does beside its sessions: nobody else can read what a dead one left in the
    spool of this host.
    """
    postgres, redis, spaces, spool = stores.postgres, stores.redis, stores.spaces, stores.spool
    return Job(
        "close spooled recordings",
        SPOOLED_EVERY_S,
        30 * MINUTE_S,
        lambda: close_recordings(postgres, redis, spaces, spool, only_spooled=True),
    )


def jobs_of(stores: Stores, rules: Rules, telemetry: Telemetry | None = None) -> list[Job]:
    postgres, redis, spaces, spool = stores.postgres, stores.redis, stores.spaces, stores.spool
    sweeper = Sweeper(postgres, redis, keep_context=rules.keep_context)
    deliverer = Deliverer(postgres, to_private=rules.webhooks_to_private, telemetry=telemetry)
    return [
        Job("sweep", LOOK_EVERY_S, MINUTE_S, sweeper.sweep),
        Job("settle", MINUTE_S, 5 * MINUTE_S, lambda: settle_all(postgres, redis)),
        Job(
            "close recordings",
            RECORDINGS_EVERY_S,
            30 * MINUTE_S,
            lambda: close_recordings(postgres, redis, spaces, spool, written_within_s=LATELY_S),
        ),
        Job(
            ALL_RECORDINGS,
            5 * MINUTE_S,
            30 * MINUTE_S,
            lambda: close_recordings(postgres, redis, spaces, spool),
        ),
        Job("read words", WORDS_EVERY_S, 30 * MINUTE_S, lambda: read_words(postgres)),
        Job("turn periods", 10.0, 5 * MINUTE_S, lambda: turn_periods(postgres, redis)),
        Job(
            "end unopened",
            HOUR_S,
            MINUTE_S,
            lambda: end_unopened(postgres, keep_context=rules.keep_context),
        ),
        Job("erase audio", ERASE_EVERY_S, 5 * MINUTE_S, lambda: erase_audio(postgres, spaces)),
        Job("forget idempotency keys", HOUR_S, MINUTE_S, lambda: forget_keys(postgres)),
        Job("deliver webhooks", WEBHOOKS_EVERY_S, HOUR_S, deliverer.deliver, deliverer.leave),
        Job(
            "remove old webhook deliveries",
            HOUR_S,
            10 * MINUTE_S,
            lambda: remove_old_deliveries(postgres),
        ),
        Job("abort uploads", HOUR_S, 10 * MINUTE_S, lambda: abort_uploads(postgres, spaces)),
        Job(
            "apply retention",
            HOUR_S,
            30 * MINUTE_S,
            lambda: apply_retention(
                postgres,
                spaces,
                audio_days=rules.audio_days,
                transcript_days=rules.transcript_days,
            ),
        ),
    ]
