"""Makes the metrics of the console's process for one scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from edge_central.metrics.request_metrics import RequestMetrics


class ConsoleCollector(Collector):
    def __init__(self, metrics: RequestMetrics, count_streams: Callable[[], int]) -> None:
        """``count_streams``: returns how many pages and programs wait for messages at this moment."""
        self._request_metrics = metrics
        self._count_streams = count_streams

    def collect(self) -> Iterator[Metric]:
        what = "time until a response began, without requests that wait for events"
        durations = HistogramMetricFamily(
            "edge_console_request_duration_seconds", what, labels=("method", "route")
        )
        for route, (buckets, sum_s) in self._request_metrics.durations().items():
            durations.add_metric(list(route), buckets, sum_s)
        yield durations
        responses = CounterMetricFamily(
            "edge_console_responses", "responses since the start, by class of status", labels=("status",)
        )
        for status, count in self._request_metrics.responses().items():
            responses.add_metric([status], count)
        yield responses
        yield GaugeMetricFamily(
            "edge_console_streams",
            "open pages and programs that wait for messages",
            value=self._count_streams(),
        )
