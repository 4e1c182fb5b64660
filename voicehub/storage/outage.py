"""Whether a store answers: told in the log once when it goes and once when it is back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import Context

import structlog

from voicehub.errors import StorageError
from voicehub.tasks import spawn, stop
from voicehub.telemetry.telemetry import Telemetry

# While a store is away it is asked this often whether it is back, for as long as it takes.
PROBE_EVERY_S = 0.5

logger = structlog.get_logger(__name__)


class Outage:
    """One per store and process. While `away`, nobody waits for the store but the probe.

    Without it every write of every session would wait for its own deadline, one after the other.
    """

    def __init__(
        self,
        store: str,
        probe: Callable[[], Awaitable[None]],
        *,
        on_away: Callable[[], None] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """`probe` raises StorageError while the store does not answer, and takes its time."""
        self._store = store
        self._probe = probe
        self._on_away = on_away
        self._since_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self._here = asyncio.Event()
        self._here.set()
        self._answers = 0
        self._is_closed = False
        self._begun = (telemetry or Telemetry()).store_outages.cell(store)
        self.ended = 0
        """How many outages are over: whoever sees it grow tells the store what it may have lost."""

    @property
    def away(self) -> bool:
        return not self._here.is_set()

    async def over(self) -> None:
        """Return when the store is not away."""
        await self._here.wait()

    def begin(self, reason: str) -> None:
        """The store failed: it is away until a probe is answered."""
        self._go_away(reason)
        self.suspect()

    def suspect(self) -> None:
        """The store may have failed: it is away if the probe that begins now says so too."""
        if self._task is None and not self._is_closed:
            # The store is everybody's: nothing of this is the session's that found it out.
            self._task = Context().run(
                lambda: spawn(self._probe_until_back(), name=f"probe {self._store}")
            )

    def answered(self) -> None:
        """An answer came: a probe that fails meanwhile met a busy store, not a dead one."""
        self._answers += 1

    async def aclose(self) -> None:
        """Ask no more: nobody needs the store any longer."""
        self._is_closed = True
        task, self._task = self._task, None
        await stop(task)

    def _go_away(self, reason: str) -> None:
        if self.away:
            return
        self._here.clear()
        self._since_s = time.monotonic()
        self._begun.value += 1
        Context().run(logger.warning, "store is away", store=self._store, reason=reason)
        if self._on_away:
            self._on_away()

    async def _probe_until_back(self) -> None:
        while True:
            before = self._answers
            try:
                await self._probe()
            except StorageError as error:
                if self._answers == before:
                    self._go_away(error.message)
                await asyncio.sleep(PROBE_EVERY_S)
            else:
                break
        self._task = None
        if self.away:
            self._here.set()
            self.ended += 1
            away_s = round(time.monotonic() - self._since_s, 1)
            logger.warning("store is back", store=self._store, away_s=away_s)


def is_of_closed_transport(error: RuntimeError) -> bool:
    """Whether a connection was closed while somebody wrote to it: uvloop has no ConnectionError for
    that, and the clients pass on what it has.
    """
    return "handler is closed" in str(error)
