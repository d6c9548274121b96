from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from threadline import SettingsError
from threadline.server.app import create_app
from threadline.server.house import House
from threadline.server.traces import Traces, asked, traced

SECRET = "the-word-nobody-may-read"  # noqa: S105 - it stands for what somebody said


def test_tell_of_a_request_by_its_route(house: House) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with TestClient(Traces(create_app(house), provider)) as client:
        client.post(
            f"/v1/default/banks/{SECRET}/memories?{SECRET}=1",
            json={"items": [{"content": SECRET}]},
            headers={"traceparent": parent, "x-secret": SECRET},
        )
    (span,) = exporter.get_finished_spans()
    assert span.name == "POST /v1/default/banks/{bank_id}/memories"
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 200
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == parent.split("-")[1]
    assert SECRET not in span.to_json()


def test_mark_a_request_that_failed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: House, name: str = "") -> Any:
        raise RuntimeError(SECRET)

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with TestClient(Traces(create_app(house), provider), raise_server_exceptions=False) as client:
        monkeypatch.setattr(House, "tenant", broken)
        client.post("/v1/default/banks/b/memories/recall", json={"query": "x"})
        monkeypatch.undo()
    (span,) = exporter.get_finished_spans()
    assert not span.status.is_ok
    assert SECRET not in span.to_json()


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, False),
    ],
)
def test_trace_only_where_that_is_asked_for(environ: dict[str, str], wanted: bool) -> None:
    assert asked(environ) is wanted


def test_leave_the_app_as_it_is_where_nobody_asks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(house)
    assert traced(app) == (app, None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    around, provider = traced(app)
    assert isinstance(around, Traces)
    provider.shutdown()


def test_say_what_to_install(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setattr("threadline.server.traces.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"threadline\[otel\]"):
        traced(create_app(house))
