import subprocess
import sys

import pytest

from voicehub.telemetry.tracing import NoTracing, open_tracing

WANTED = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize("environment", [{}, WANTED | {"OTEL_SDK_DISABLED": "true"}])
def test_without_a_receiver_there_are_no_traces(environment):
    assert isinstance(open_tracing(environment), NoTracing)


async def test_no_tracing_does_nothing_in_every_way():
    tracing = NoTracing()
    assert tracing.trace_id is None
    assert tracing.headers() == {}
    with tracing.span("a", {}, carrier={}) as span, tracing.inner("b", {}):
        span.note({"n": 1})
        span.fail("kind")
        tracing.begin("c", {}).end()
    await tracing.aclose()


def test_our_use_of_the_sdk_is_not_imported_where_no_traces_are_wanted():
    # The SDK itself may be: redis-py imports it where it is installed.
    script = (
        "import sys, voicehub.cli\n"
        "from voicehub.telemetry.tracing import open_tracing\n"
        "open_tracing({})\n"
        "assert 'voicehub.telemetry.otel' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_missing_sdk_is_a_line_in_the_log_and_no_failure(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "voicehub.telemetry.otel", None)
    assert isinstance(open_tracing(WANTED), NoTracing)
