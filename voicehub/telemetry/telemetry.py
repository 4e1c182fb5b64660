"""Every metric of a process on one page, and its traces. README's table is compared with it.

Label values come from tables of ours: no team, no user, nothing that a client can choose.
"""

import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.registry import Collector

from voicehub.errors import StorageError
from voicehub.telemetry.metric import Counter, Described, Gauge, Histogram
from voicehub.telemetry.tracing import NoTracing, Tracing

# A hop of a frame takes microseconds where nothing waits; beyond 200 ms a conversation stutters.
HOP_BOUNDS_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.5, 1, 3, 10)
# An answer is quick below half a second, slow above two.
TURN_BOUNDS_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
REQUEST_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
STORE_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 10)
JOB_BOUNDS_S = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


class Telemetry(Collector):
    """One per process, made by the composition root; who has none given counts for nobody."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.tracing: Tracing = tracing or NoTracing()
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        self._name_sessions()
        self._name_what_is_kept()
        self._name_requests_and_jobs()

    def _name_sessions(self) -> None:
        self.build = Gauge(
            "voicehub_build_info", "1, with the versions as labels.", "version", "python"
        )
        built = {(version("voicehub"), platform.python_version()): 1.0}
        self.build.read_from(lambda: built)
        self.loop_lag = Histogram(
            "voicehub_event_loop_lag_seconds",
            "How late the event loop comes to a timer, twice a second.",
            bounds=HOP_BOUNDS_S,
        )

        self.sessions = Gauge(
            "voicehub_sessions",
            "Sessions of this process: opening, open, away (the client is), closing, paused.",
            "state",
        )
        self.legs_started = Counter(
            "voicehub_legs_started_total",
            "Times that this process took up a session: new, or resumed.",
            "kind",
        )
        self.legs_ended = Counter(
            "voicehub_legs_ended_total",
            "Times that it put one away: the status it then had, and why (`asked` for a pause).",
            "status",
            "reason",
        )
        self.frames = Counter(
            "voicehub_frames_total", "Messages on sockets: from_client, to_client.", "direction"
        )
        self.frame_bytes = Counter("voicehub_frame_bytes_total", "Their bytes.", "direction")
        self.hops = Histogram(
            "voicehub_hop_seconds",
            "A frame's way: socket_to_core (read to decided), core_to_engine and core_to_socket"
            " (how long it waited in the lane, or in the outbox, there also for an absent client).",
            "hop",
            bounds=HOP_BOUNDS_S,
        )
        self.first_audio = Histogram(
            "voicehub_response_first_audio_seconds",
            "From a response's beginning to its first audio.",
            bounds=TURN_BOUNDS_S,
        )
        self.turns = Histogram(
            "voicehub_turn_seconds",
            "From the end of the caller's turn to the first audio of the answer.",
            bounds=TURN_BOUNDS_S,
        )
        self.responses = Counter(
            "voicehub_responses_total", "Responses that ended, by the engine's status.", "status"
        )
        self.engine_opens = Histogram(
            "voicehub_engine_open_seconds",
            "How long an engine took to open: opened, failed.",
            "outcome",
            bounds=TURN_BOUNDS_S,
        )

    def _name_what_is_kept(self) -> None:
        self.tokens = Counter(
            "voicehub_tokens_booked_total", "Tokens that live sessions booked: audio, text.", "kind"
        )
        self.settlement_lag = Gauge(
            "voicehub_settlement_lag_seconds",
            "Age of the oldest booking of a session here that is not settled.",
        )
        self.spool_bytes = Gauge("voicehub_spool_bytes", "Audio on disk that Spaces has not.")
        self.spool_age = Gauge(
            "voicehub_spool_oldest_seconds", "Age of the oldest recording on that disk."
        )

        self.store_operations = Histogram(
            "voicehub_store_operation_seconds",
            "Operations on postgres, redis and spaces.",
            "store",
            "operation",
            bounds=STORE_BOUNDS_S,
        )
        self.store_errors = Counter(
            "voicehub_store_errors_total",
            "Operations that a store failed or refused, by the error's code.",
            "store",
            "operation",
            "code",
        )
        self.store_away = Gauge("voicehub_store_away", "1 while a store is away.", "store")
        self.store_outages = Counter(
            "voicehub_store_outages_total", "Outages of a store that began.", "store"
        )

    def _name_requests_and_jobs(self) -> None:
        self.requests = Counter(
            "voicehub_http_requests_total",
            "HTTP requests, by the route's template.",
            "method",
            "route",
            "status",
        )
        self.request_seconds = Histogram(
            "voicehub_http_request_seconds",
            "How long they took; without sockets, which last as long as their sessions.",
            "method",
            "route",
            bounds=REQUEST_BOUNDS_S,
        )

        self.webhooks = Histogram(
            "voicehub_webhook_attempt_seconds",
            "Attempts to deliver a webhook: delivered, refused (by its status), failed.",
            "outcome",
            bounds=REQUEST_BOUNDS_S,
        )
        self.job_runs = Counter(
            "voicehub_job_runs_total", "Runs of a job: done, failed, broken.", "job", "outcome"
        )
        self.job_things = Counter(
            "voicehub_job_things_total",
            "How many things they did, such as sessions ended.",
            "job",
        )
        self.job_seconds = Histogram(
            "voicehub_job_seconds", "How long a run took.", "job", bounds=JOB_BOUNDS_S
        )
        self.job_last_success = Gauge(
            "voicehub_job_last_success_timestamp_seconds",
            "When a job was last done, as Unix time.",
            "job",
        )

    @property
    def metrics(self) -> list[Described]:
        """All of them, in the order of this page."""
        kinds = (Counter, Gauge, Histogram)
        return [each for each in vars(self).values() if isinstance(each, kinds)]

    def collect(self) -> Iterable[Metric]:
        """Prometheus asks."""
        return [metric.family() for metric in self.metrics]

    def describe(self) -> Iterable[Metric]:
        """Nothing is read at registration."""
        return []

    @contextmanager
    def engine_opening(self) -> Iterator[None]:
        """Counts and traces how an engine opens."""
        began_s, outcome = time.perf_counter(), "failed"
        try:
            with self.tracing.span("engine open", {}):
                yield
            outcome = "opened"
        finally:
            self.engine_opens.observe(outcome, seconds=time.perf_counter() - began_s)

    @contextmanager
    def store_operation(self, store: str, operation: str) -> Iterator[None]:
        """Counts and traces one operation on a store; a StorageError is its failure."""
        began_s = time.perf_counter()
        try:
            with self.tracing.inner(f"{store} {operation}", {"db.system.name": store}):
                yield
        except StorageError as error:
            self.store_errors.add(store, operation, error.code)
            raise
        finally:
            elapsed_s = time.perf_counter() - began_s
            self.store_operations.observe(store, operation, seconds=elapsed_s)
