"""Metrics as plain attributes: adding costs what an attribute costs; a scrape reads them all."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

# Label values come from tables of ours (routes, states, codes). Should one of them not, what comes
# beyond this many is counted together, under the label values "other".
CELLS_MAX = 2_000
OTHER = "other"

Labels = tuple[str, ...]
# Any: a source knows how many labels it has, which no type says of `Labels`.
Readings = Mapping[Any, float]


class Described(Protocol):
    """What a metric says of itself; README lists it."""

    kind: str
    name: str
    what: str
    labels: Labels

    def family(self) -> Metric: ...


class Cell:
    """One number of a counter. On the way of a frame: `cell.value += 1`."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Counter:
    """Only grows. `name` ends in `_total`."""

    kind = "counter"

    def __init__(self, name: str, what: str, *labels: str) -> None:
        self.name, self.what, self.labels = name, what, labels
        self._cells: dict[Labels, Cell] = {}
        if not labels:
            self.cell()  # shown as 0 before anything happened

    def cell(self, *values: str) -> Cell:
        """The number of those label values, for who adds to it often."""
        found = self._cells.get(values)
        if found is None:
            kept = _kept(values, self.labels, self._cells)
            found = self._cells.setdefault(kept, Cell())
        return found

    def add(self, *values: str, by: float = 1) -> None:
        self.cell(*values).value += by

    def value(self, *values: str) -> float:
        """What stands there now."""
        found = self._cells.get(values)
        return found.value if found else 0

    def family(self) -> Metric:
        family = CounterMetricFamily(self.name, self.what, labels=self.labels)
        for values, cell in self._cells.items():
            family.add_metric(values, cell.value)
        return family


class Distribution:
    """How often a duration fell below each bound."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self._bounds, seconds)] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        return sum(self.counts)

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus has them."""
        below, pairs = 0, []
        for bound, count in zip((*self._bounds, float("inf")), self.counts, strict=True):
            below += count
            name = "+Inf" if bound == float("inf") else str(float(bound))
            pairs.append((name, float(below)))
        return pairs


class Histogram:
    """Durations. `name` ends in `_seconds`."""

    kind = "histogram"

    def __init__(self, name: str, what: str, *labels: str, bounds: Sequence[float]) -> None:
        self.name, self.what, self.labels = name, what, labels
        self._bounds = tuple(bounds)
        self._cells: dict[Labels, Distribution] = {}
        if not labels:
            self.cell()

    def cell(self, *values: str) -> Distribution:
        """The distribution of those label values, for who adds to it often."""
        found = self._cells.get(values)
        if found is None:
            kept = _kept(values, self.labels, self._cells)
            found = self._cells.setdefault(kept, Distribution(self._bounds))
        return found

    def observe(self, *values: str, seconds: float) -> None:
        self.cell(*values).observe(seconds)

    def family(self) -> Metric:
        family = HistogramMetricFamily(self.name, self.what, labels=self.labels)
        for values, cell in self._cells.items():
            family.add_metric(values, cell.buckets(), cell.total)
        return family


class Gauge:
    """Read when it is asked for, from whoever said that it knows."""

    kind = "gauge"

    def __init__(self, name: str, what: str, *labels: str) -> None:
        self.name, self.what, self.labels = name, what, labels
        self._sources: list[Callable[[], Readings]] = []

    def read_from(self, source: Callable[[], Readings]) -> None:
        """`source` gives a number by label values; it must be quick and not raise."""
        self._sources.append(source)

    def family(self) -> Metric:
        family = GaugeMetricFamily(self.name, self.what, labels=self.labels)
        for values, reading in self._readings():
            family.add_metric(values, reading)
        return family

    def _readings(self) -> Iterator[tuple[Labels, float]]:
        for source in self._sources:
            yield from source().items()


def _kept(values: Labels, labels: Labels, cells: Mapping[Labels, object]) -> Labels:
    assert len(values) == len(labels), f"{labels} are asked for, {values} given"
    return (OTHER,) * len(labels) if len(cells) >= CELLS_MAX else values
