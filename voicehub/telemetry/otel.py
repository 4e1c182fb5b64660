"""Traces by OpenTelemetry's SDK over OTLP/HTTP; its standard OTEL_* variables configure it.

Nothing else imports the SDK, and nothing imports this module where no traces are wanted.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from voicehub.telemetry.tracing import Attributes, NoSpan, Span

# How long a process that ends tries to send its last spans.
FLUSH_S = 5.0

_propagator = TraceContextTextMapPropagator()
_NO_SPAN = NoSpan()
_is_detailed: ContextVar[bool] = ContextVar("is_detailed", default=False)


class OtelSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(dict(attributes))

    def fail(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(trace.StatusCode.ERROR)

    def end(self) -> None:
        self._span.end()


class OtelTracing:
    """Spans gather in a bounded queue, which a thread of the SDK empties; what does not fit is
    dropped, and no request waits for the receiver.
    """

    def __init__(self, processor: SpanProcessor) -> None:
        # Not the global one: a process may hold two servers, and a test more.
        name = os.environ.get("OTEL_SERVICE_NAME") or "voicehub"
        self._provider = TracerProvider(resource=Resource.create({"service.name": name}))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("voicehub")

    @classmethod
    def exporting(cls) -> Self:
        return cls(BatchSpanProcessor(OTLPSpanExporter()))

    @property
    def trace_id(self) -> str | None:
        current = trace.get_current_span().get_span_context()
        return trace.format_trace_id(current.trace_id) if current.is_valid else None

    @contextmanager
    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        carrier: Mapping[str, str] | None = None,
        is_detailed: bool = True,
    ) -> Iterator[Span]:
        kind = trace.SpanKind.INTERNAL if carrier is None else trace.SpanKind.SERVER
        parent: Context | None = None if carrier is None else _propagator.extract(_lower(carrier))
        with self._tracer.start_as_current_span(
            name,
            parent,
            kind,
            dict(attributes),
            # An exception's message may quote what was said.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            ours = OtelSpan(span)
            detail = _is_detailed.set(is_detailed)
            try:
                yield ours
            except Exception as error:
                ours.fail(type(error).__name__)
                raise
            finally:
                _is_detailed.reset(detail)

    @contextmanager
    def inner(self, name: str, attributes: Attributes) -> Iterator[Span]:
        if not _is_detailed.get() or not trace.get_current_span().is_recording():
            yield _NO_SPAN
            return
        with self.span(name, attributes) as span:
            yield span

    def begin(self, name: str, attributes: Attributes) -> Span:
        return OtelSpan(self._tracer.start_span(name, attributes=dict(attributes)))

    def headers(self) -> dict[str, str]:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier

    async def aclose(self) -> None:
        def shut_down() -> None:
            self._provider.force_flush(int(FLUSH_S * 1000))
            self._provider.shutdown()

        await asyncio.to_thread(shut_down)


def _lower(carrier: Mapping[str, str]) -> dict[str, str]:
    """What the propagator reads: names in lower case."""
    return {name: carrier[name] for name in ("traceparent", "tracestate") if name in carrier}
