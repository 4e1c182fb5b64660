"""Delivers webhooks: signed, bounded, tried again for a day. Several workers share the work.

A delivery may be sent twice (a worker dies between sending and writing it down), and always under
the same `webhook-id`. Of an answer nothing but the status is read.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from http import HTTPStatus

import orjson
import structlog
from aiohttp import ClientError, ClientSession, hdrs

from voicehub.egress import AddressRefused, fault_of, open_web
from voicehub.errors import StorageError
from voicehub.signature import key_of, signed_headers
from voicehub.storage import webhook_deliveries, webhook_endpoints
from voicehub.storage.postgres import Connection, Postgres
from voicehub.storage.webhook_deliveries import Claim
from voicehub.tasks import spawn, stop
from voicehub.telemetry.telemetry import Telemetry
from voicehub.telemetry.tracing import Value

# So often a worker looks for what is due; one look is one statement, which finds nothing in an
# empty index. LISTEN would be quicker by less than that, and does not pass PgBouncer.
LOOK_EVERY_S = 0.5
AT_ONCE_MAX = 50  # attempts of one worker; what is due beyond waits
# Of these to one endpoint, and one to an endpoint that is failing: those that hang keep nobody else
# waiting.
AT_ONCE_PER_ENDPOINT = 4
TIMEOUT_S = 15.0  # of an attempt, from the look-up of its name to the status of the answer
# Of a worker that died: longer than an attempt, and than its outcome may take to be written.
CLAIM_S = 45.0
# After an attempt that failed, the first at once; after the last the delivery is dead.
WAITS_S = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 28_800.0, 36_000.0)
JITTER = 0.2  # so much longer at most: what failed together does not come back together
# Then a run takes nothing more and ends, so that its time limit cuts no attempt off.
RUN_S = 600.0

KEEP_S = 30 * 24 * 3600.0  # what is delivered or dead can be looked at for so long
REMOVE_BATCH = 1000  # rows of one statement; then the next ones

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: an answer, or why there is none."""

    status: int | None = None
    error: str | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and self.status // 100 == HTTPStatus.OK // 100

    @property
    def is_gone(self) -> bool:
        """The endpoint wants nothing more."""
        return self.status == HTTPStatus.GONE


class Deliverer:
    """One per worker."""

    def __init__(
        self, postgres: Postgres, *, to_private: bool, telemetry: Telemetry | None = None
    ) -> None:
        self._postgres = postgres
        self._telemetry = telemetry or Telemetry()
        self._to_private = to_private
        self._is_leaving = False

    def leave(self) -> None:
        """Take nothing more: the worker is to stop."""
        self._is_leaving = True

    async def deliver(self) -> int:
        """Send what is due until there is no more, or for RUN_S. Returns how many attempts it took.

        Raises StorageError when Postgres is away. What is under way is ended first.
        """
        claims = await self._claim([])
        if not claims:
            return 0
        running: dict[asyncio.Task[None], Claim] = {}
        async with open_web(private=self._to_private) as web:
            try:
                return await self._send_all(web, claims, running)
            except StorageError:
                if running:
                    await asyncio.wait(running)
                raise
            finally:
                for task in running:
                    await stop(task)

    async def _send_all(
        self, web: ClientSession, claims: list[Claim], running: dict[asyncio.Task[None], Claim]
    ) -> int:
        attempts = 0
        until_s = time.monotonic() + RUN_S
        while True:
            for claim in claims:
                task = spawn(self._attempt(web, claim), name=f"webhook delivery {claim.id}")
                running[task] = claim
            attempts += len(claims)
            if not running:
                return attempts
            done, _ = await asyncio.wait(
                running, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                del running[task]
                task.result()
            takes_more = not self._is_leaving and time.monotonic() < until_s
            claims = await self._claim([*running.values()]) if takes_more else []

    async def _claim(self, under_way: list[Claim]) -> list[Claim]:
        if self._is_leaving or len(under_way) >= AT_ONCE_MAX:
            return []
        async with self._postgres.connection() as conn:
            return await webhook_deliveries.claim(
                conn,
                AT_ONCE_MAX - len(under_way),
                per_endpoint=AT_ONCE_PER_ENDPOINT,
                under_way=[each.endpoint_id for each in under_way],
                life_s=CLAIM_S,
            )

    async def _attempt(self, web: ClientSession, claim: Claim) -> None:
        log = logger.bind(
            delivery_id=claim.id,
            endpoint_id=claim.endpoint_id,
            event_type=claim.event_type,
            attempt=claim.attempts,
        )
        outcome = await self._post_noted(web, claim)
        if outcome.is_delivered:
            log.debug("webhook delivered", status=outcome.status)
        else:
            log.info("webhook not delivered", status=outcome.status, reason=outcome.error)
        try:
            await self._keep(claim, outcome)
        except StorageError as error:
            # The claim runs out, and it is sent again.
            log.warning("outcome of a webhook not kept", code=error.code)

    async def _post_noted(self, web: ClientSession, claim: Claim) -> Outcome:
        began_s = time.monotonic()
        attributes: dict[str, Value] = {
            "voicehub.webhook.delivery_id": claim.id,
            "voicehub.webhook.event_type": claim.event_type,
            "voicehub.webhook.attempt": claim.attempts,
        }
        with self._telemetry.tracing.span("webhook delivery", attributes) as span:
            outcome = await self._post(web, claim)
            if not outcome.is_delivered:
                span.fail(outcome.error or str(outcome.status))
        told = "delivered" if outcome.is_delivered else "refused" if outcome.status else "failed"
        self._telemetry.webhooks.observe(told, seconds=time.monotonic() - began_s)
        return outcome

    async def _post(self, web: ClientSession, claim: Claim) -> Outcome:
        if fault_of(claim.url, private=self._to_private) is not None:
            return Outcome(error="url_refused")  # it was allowed once, by other settings
        body = orjson.dumps(claim.payload)
        headers = {
            hdrs.CONTENT_TYPE: "application/json",
            hdrs.USER_AGENT: "VoiceHub",
            # Events are rare: a connection that was kept would often be one that is closed by now.
            hdrs.CONNECTION: "close",
            **signed_headers(_keys(claim), claim.event_id, int(time.time()), body),
        }
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                web.post(claim.url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                response.close()
                return Outcome(status=response.status)
        except TimeoutError:
            return Outcome(error="timeout")
        except AddressRefused:
            return Outcome(error="address_refused")
        except (ClientError, OSError, ValueError) as error:
            # Without its message, which may quote the address or the answer.
            is_refused = isinstance(error.__cause__ or error.__context__, AddressRefused)
            return Outcome(error="address_refused" if is_refused else "connection_failed")

    async def _keep(self, claim: Claim, outcome: Outcome) -> None:
        if outcome.is_delivered:
            assert outcome.status is not None
            async with self._postgres.connection() as conn:
                await webhook_deliveries.delivered(conn, claim, outcome.status)
                await webhook_endpoints.answered(conn, claim.team_id, claim.endpoint_id)
            return
        wait_s = None if outcome.is_gone else wait_after(claim.attempts, random.random())  # noqa: S311  # no secret
        async with self._postgres.transaction() as conn:
            fails_on = await webhook_endpoints.failed(conn, claim.team_id, claim.endpoint_id)
            disables = outcome.is_gone or (fails_on and wait_s is None)
            if disables:
                # The endpoint before its deliveries, as everybody does.
                await webhook_endpoints.lock(conn, claim.team_id, claim.endpoint_id)
            await webhook_deliveries.failed(
                conn, claim, status=outcome.status, error=outcome.error, wait_s=wait_s
            )
            if disables:
                await self._disable(conn, claim, outcome)

    @staticmethod
    async def _disable(conn: Connection, claim: Claim, outcome: Outcome) -> None:
        reason = webhook_endpoints.GONE if outcome.is_gone else webhook_endpoints.FAILING
        if await webhook_endpoints.disable(conn, claim.team_id, claim.endpoint_id, reason):
            logger.warning(
                "webhook endpoint disabled", endpoint_id=claim.endpoint_id, reason=reason
            )


def wait_after(attempts: int, chance: float) -> float | None:
    """How long after so many failed attempts the next one comes; None where none does.

    `chance`, from 0 to 1, spreads what failed together.
    """
    if attempts > len(WAITS_S):
        return None
    return WAITS_S[attempts - 1] * (1 + JITTER * chance)


async def remove_old_deliveries(postgres: Postgres, *, older_than_s: float = KEEP_S) -> int:
    """Remove what is delivered or dead for long. Returns how many went. Raises StorageError."""
    removed, above_id = 0, 0
    while True:
        async with postgres.connection() as conn:
            upto_id, count = await webhook_deliveries.remove_old(
                conn, above_id, REMOVE_BATCH, older_than_s
            )
        removed += count
        if upto_id is None:
            return removed
        above_id = upto_id


def _keys(claim: Claim) -> list[bytes]:
    secrets = (claim.secret, claim.previous_secret)
    return [key_of(secret) for secret in secrets if secret is not None]
