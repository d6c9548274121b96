"""Figures for Prometheus. The names are Hindsight's where they mean the same.

No bank, tenant or key is ever a label: there is no end to them, and the page would tell of each to whoever may read it.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from threadline.server.house import House
from threadline.server.store import operations

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_HTTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # when a counter began is of no use to anybody
_REGISTRY = CollectorRegistry()
_HTTP = ("method", "endpoint", "status_code", "status_class")

IN_PROGRESS = Gauge("hindsight_http_requests_in_progress_requests", "Requests under way", registry=_REGISTRY)
_REQUESTS = prometheus_client.Counter("hindsight_http_requests_total", "Requests", _HTTP, registry=_REGISTRY)
_SECONDS = Histogram(
    "hindsight_http_duration_seconds", "How long requests took", _HTTP, registry=_REGISTRY, buckets=_HTTP_BUCKETS
)
_OPERATIONS = prometheus_client.Counter(
    "hindsight_operation_operations_total",
    "Retains, recalls and reflects",
    ("operation", "success"),
    registry=_REGISTRY,
)
_OPERATION_SECONDS = Histogram(
    "hindsight_operation_duration_seconds",
    "How long retains, recalls and reflects took",
    ("operation", "success"),
    registry=_REGISTRY,
    buckets=_HTTP_BUCKETS,
)
#: How many items were retained, and how many memories recalls returned.
RETAINED = prometheus_client.Counter("threadline_retained_items_total", "Items that were retained", registry=_REGISTRY)
RECALLED = prometheus_client.Counter(
    "threadline_recalled_memories_total", "Memories that recalls returned", registry=_REGISTRY
)


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request."""
    labels = (method, route, str(status), f"{status // 100}xx")
    _REQUESTS.labels(*labels).inc()
    _SECONDS.labels(*labels).observe(seconds)
    operation = _operation(method, route)
    if operation is not None:
        outcome = (operation, str(status < 400).lower())
        _OPERATIONS.labels(*outcome).inc()
        _OPERATION_SECONDS.labels(*outcome).observe(seconds)


def _operation(method: str, route: str) -> str | None:
    if method != "POST":
        return None
    for ending, operation in (("/memories", "retain"), ("/memories/recall", "recall"), ("/reflect", "reflect")):
        if route.endswith(ending):
            return operation
    return None


def render(house: House) -> bytes:
    """The page: what was counted, and how the house is just now."""
    now = CollectorRegistry(auto_describe=False)
    now.register(_Now(house))
    return generate_latest(_REGISTRY) + generate_latest(now)


class _Now(Collector):
    """How the process and the house are at this moment."""

    def __init__(self, house: House) -> None:
        self._house = house

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: it is asked once."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures."""
        if sys.platform != "win32":
            yield from _of_process()
        descriptors = Path("/proc/self/fd")
        if descriptors.exists():
            found = float(sum(1 for _ in descriptors.iterdir()))
            yield GaugeMetricFamily("hindsight_process_open_fds", "Open files and connections", found)
        yield GaugeMetricFamily("hindsight_process_threads", "Threads", float(threading.active_count()))
        yield from self._of_house()

    def _of_house(self) -> Iterator[GaugeMetricFamily]:
        tenants = self._house.opened()
        yield GaugeMetricFamily("threadline_open_tenants", "Tenants that are open", float(len(tenants)))
        banks = sum(len(tenant.backend.banks()) for tenant in tenants)
        yield GaugeMetricFamily("threadline_open_banks", "Banks that are open", float(banks))
        depth: Counter[tuple[str, str]] = Counter()
        for tenant in tenants:
            for kind, state, number in operations.depths(tenant.database):
                depth[kind, state] += number
        labels = ("operation_type", "status")
        queue = GaugeMetricFamily("hindsight_async_operations", "Operations that are not done", labels=labels)
        for (kind, state), number in sorted(depth.items()):
            queue.add_metric((kind, state), number)
        yield queue


if sys.platform != "win32":

    def _of_process() -> Iterator[GaugeMetricFamily]:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = GaugeMetricFamily("hindsight_process_cpu_seconds", "Processor time", labels=("type",))
        cpu.add_metric(("user",), used.ru_utime)
        cpu.add_metric(("system",), used.ru_stime)
        yield cpu
        memory = GaugeMetricFamily("hindsight_process_memory_bytes", "Most memory so far", labels=("type",))
        memory.add_metric(("rss_max",), used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
        yield memory
