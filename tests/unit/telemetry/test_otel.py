import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from voicehub.telemetry.otel import OtelTracing

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def kept():
    return InMemorySpanExporter()


@pytest.fixture
async def tracing(kept):
    made = OtelTracing(SimpleSpanProcessor(kept))
    yield made
    await made.aclose()


def named(kept):
    return {span.name: span for span in kept.get_finished_spans()}


def test_a_request_goes_on_with_the_trace_of_its_caller(tracing, kept):
    with tracing.span("GET /", {}, carrier={"traceparent": f"00-{TRACE}-{PARENT}-01"}):
        assert tracing.trace_id == TRACE
        assert tracing.headers()["traceparent"].startswith(f"00-{TRACE}-")
    span = named(kept)["GET /"]
    assert span.kind is SpanKind.SERVER
    assert f"{span.parent.span_id:016x}" == PARENT
    assert tracing.trace_id is None


@pytest.mark.parametrize("given", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_traceparent_that_is_none_begins_a_trace(tracing, kept, given):
    with tracing.span("GET /", {}, carrier={"traceparent": given}):
        assert tracing.trace_id
    assert named(kept)["GET /"].parent is None


def test_an_error_leaves_its_kind_and_not_its_words(tracing, kept):
    with pytest.raises(ValueError), tracing.span("work", {}):  # noqa: PT011  # it is the test's own
        raise ValueError("what somebody said")
    span = named(kept)["work"]
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "ValueError"
    assert not span.events
    assert "somebody" not in span.to_json()


def test_store_operations_are_spans_of_requests_and_not_of_sessions(tracing, kept):
    with tracing.inner("redis book", {}):
        pass
    with tracing.span("session", {}, is_detailed=False):
        with tracing.inner("redis fold", {}):
            pass
        with tracing.span("put away", {}), tracing.inner("postgres settle", {}):
            pass
        with tracing.inner("redis renew", {}):
            pass
    spans = named(kept)
    assert set(spans) == {"session", "put away", "postgres settle"}
    assert spans["postgres settle"].parent.span_id == spans["put away"].context.span_id


def test_a_response_is_a_part_of_its_leg_and_nothing_is_a_part_of_it(tracing, kept):
    with tracing.span("leg", {}):
        response = tracing.begin("response", {"voicehub.response.id": "resp_1"})
        with tracing.inner("postgres statements", {}):
            pass
        response.note({"voicehub.response.status": "failed"})
        response.fail("response_failed")
        response.end()
    spans = named(kept)
    leg = spans["leg"].context.span_id
    assert spans["response"].parent.span_id == leg
    assert spans["postgres statements"].parent.span_id == leg
    assert dict(spans["response"].attributes) == {
        "voicehub.response.id": "resp_1",
        "voicehub.response.status": "failed",
        "error.type": "response_failed",
    }
