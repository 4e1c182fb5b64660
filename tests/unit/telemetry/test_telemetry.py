import re

import pytest
from prometheus_client.exposition import generate_latest

from voicehub.errors import FencedError, StorageError
from voicehub.telemetry.telemetry import Telemetry

# https://prometheus.io/docs/practices/naming/
UNITS = {"counter": r"_total$", "histogram": r"_seconds$", "gauge": r"."}
# What would make a series a customer.
FORBIDDEN_LABELS = {"team", "team_id", "user", "user_id", "session", "session_id", "agent", "path"}


def test_names_have_a_prefix_and_a_unit_and_labels_are_no_customers():
    telemetry = Telemetry()
    for metric in telemetry.metrics:
        assert metric.name.startswith("voicehub_")
        assert re.search(UNITS[metric.kind], metric.name), metric.name
        assert not FORBIDDEN_LABELS & set(metric.labels)
    names = [metric.name for metric in telemetry.metrics]
    assert len(names) == len(set(names))


def test_two_of_them_in_one_process_count_apart():
    one, other = Telemetry(), Telemetry()
    one.turns.observe(seconds=1)
    assert other.turns.cell().count == 0
    shown = generate_latest(one.registry).decode()
    assert "voicehub_turn_seconds_count 1.0" in shown
    assert "voicehub_build_info{" in shown
    assert "process_open_fds" in shown


def test_an_operation_on_a_store_is_timed_and_its_failure_counted():
    telemetry = Telemetry()
    with telemetry.store_operation("redis", "book"):
        pass
    for error in (StorageError("away"), FencedError("older")):
        with pytest.raises(StorageError), telemetry.store_operation("redis", "book"):
            raise error
    with pytest.raises(ValueError), telemetry.store_operation("redis", "book"):  # noqa: PT011  # ours
        raise ValueError
    assert telemetry.store_operations.cell("redis", "book").count == 4
    assert telemetry.store_errors.value("redis", "book", StorageError.code) == 1
    assert telemetry.store_errors.value("redis", "book", FencedError.code) == 1


def test_an_engine_that_does_not_open_is_counted_as_failed():
    telemetry = Telemetry()
    with telemetry.engine_opening():
        pass
    with pytest.raises(TimeoutError), telemetry.engine_opening():
        raise TimeoutError
    assert telemetry.engine_opens.cell("opened").count == 1
    assert telemetry.engine_opens.cell("failed").count == 1
