"""Traces, when they are asked for: the port, and what stands there when they are not."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import structlog

Value = str | int | float | bool
# A trace holds ids, names of ours, codes and sizes; never what people said, tokens or addresses.
Attributes = Mapping[str, Value]

logger = structlog.get_logger(__name__)


class Span(Protocol):
    def note(self, attributes: Attributes) -> None:
        """Attributes that are known only now."""

    def fail(self, kind: str) -> None:
        """It went wrong: the kind of error, without its message."""

    def end(self) -> None:
        """For a span that `begin` gave."""


class Tracing(Protocol):
    @property
    def trace_id(self) -> str | None:
        """Of the current span, for log lines."""

    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        carrier: Mapping[str, str] | None = None,
        is_detailed: bool = True,
    ) -> AbstractContextManager[Span]:
        """The current span until the end of the block.

        `carrier`: the headers of a request that may say which trace it belongs to. `is_detailed`:
        whether `inner` has spans in it. A session has not, or an hour of it would have 10,000.
        """

    def inner(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]:
        """The same inside a detailed span, else nothing: what nobody waits for begins no trace."""

    def begin(self, name: str, attributes: Attributes) -> Span:
        """A part of the current span which others do not become parts of; its owner ends it."""

    def headers(self) -> dict[str, str]:
        """What tells the receiver of a request of ours which trace it belongs to."""

    async def aclose(self) -> None:
        """Send what waits."""


class NoSpan:
    def note(self, attributes: Attributes) -> None:
        pass

    def fail(self, kind: str) -> None:
        pass

    def end(self) -> None:
        pass


class NoTracing:
    """Costs next to nothing."""

    _span = NoSpan()
    _block = nullcontext(_span)
    trace_id = None

    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        carrier: Mapping[str, str] | None = None,
        is_detailed: bool = True,
    ) -> AbstractContextManager[Span]:
        del name, attributes, carrier, is_detailed
        return self._block

    def inner(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]:
        del name, attributes
        return self._block

    def begin(self, name: str, attributes: Attributes) -> Span:
        del name, attributes
        return self._span

    def headers(self) -> dict[str, str]:
        return {}

    async def aclose(self) -> None:
        pass


def open_tracing(environment: Mapping[str, str] = os.environ) -> Tracing:
    """Traces where OpenTelemetry's own variables name a receiver of them."""
    is_wanted = any(
        environment.get(name)
        for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    )
    if not is_wanted or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return NoTracing()
    try:
        # Not imported where it is not wanted: it need not be installed, and takes its time.
        from voicehub.telemetry.otel import OtelTracing  # noqa: PLC0415  # as it says
    except ImportError:
        logger.warning("no traces: install voicehub[otel]")
        return NoTracing()
    return OtelTracing.exporting()
