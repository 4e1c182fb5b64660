from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from voicehub.telemetry import metric
from voicehub.telemetry.metric import Counter, Gauge, Histogram


class One(Collector):
    def __init__(self, shown):
        self.shown = shown

    def collect(self):
        return [self.shown.family()]


def text(shown):
    registry = CollectorRegistry()
    registry.register(One(shown))
    return generate_latest(registry).decode().splitlines()


def test_a_counter_without_labels_begins_at_zero():
    assert "things_total 0.0" in text(Counter("things_total", "Things."))


def test_a_counter_counts_by_its_labels():
    counter = Counter("things_total", "Things.", "kind")
    counter.add("old")
    counter.cell("old").value += 2
    counter.add("new", by=0.5)
    assert counter.value("old") == 3
    assert counter.value("none") == 0
    assert {'things_total{kind="old"} 3.0', 'things_total{kind="new"} 0.5'} <= set(text(counter))


def test_a_histogram_is_cumulative_and_bounds_belong_to_their_bucket():
    histogram = Histogram("time_seconds", "Times.", bounds=(0.1, 1))
    for seconds in (0.05, 0.1, 0.5, 7):
        histogram.observe(seconds=seconds)
    assert histogram.cell().count == 4
    assert {
        'time_seconds_bucket{le="0.1"} 2.0',
        'time_seconds_bucket{le="1.0"} 3.0',
        'time_seconds_bucket{le="+Inf"} 4.0',
        "time_seconds_count 4.0",
        "time_seconds_sum 7.65",
    } <= set(text(histogram))


def test_a_gauge_is_read_when_it_is_asked_for_from_all_who_know():
    gauge, readings = Gauge("rooms", "Rooms.", "state"), {("open",): 1.0}
    gauge.read_from(lambda: readings)
    gauge.read_from(lambda: {("shut",): 5.0})
    readings["open",] = 2.0
    assert {'rooms{state="open"} 2.0', 'rooms{state="shut"} 5.0'} <= set(text(gauge))


def test_label_values_beyond_the_limit_are_counted_together(monkeypatch):
    monkeypatch.setattr(metric, "CELLS_MAX", 2)
    counter = Counter("things_total", "Things.", "kind", "place")
    for number in range(5):
        counter.add(f"kind {number}", "here")
    assert counter.value("kind 1", "here") == 1
    assert counter.value("other", "other") == 3
    histogram = Histogram("time_seconds", "Times.", "kind", bounds=(1,))
    for number in range(5):
        histogram.observe(str(number), seconds=1)
    assert histogram.cell("other").count == 3
