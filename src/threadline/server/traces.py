"""OpenTelemetry traces: a span for each request, where the extra `otel` is installed and `OTEL_*` variables ask for it.

A span has what a line of the log has: the route as a template, never a path, a query or a body.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from threadline.errors import SettingsError
from threadline.server.logs import route_of

_ASKED = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def asked(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the environment asks for traces."""
    environ = os.environ if environ is None else environ
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(environ.get(name) for name in _ASKED)


def traced(app: ASGIApp) -> tuple[ASGIApp, Any]:
    """The app with a span for each request, and what to shut down at the end; as it is where nobody asked.

    Raises:
        SettingsError: the variables ask for traces, and the extra is not installed.
    """
    if not asked():
        return app, None
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        raise SettingsError(
            "OTEL_* variables ask for traces: pip install 'threadline[otel]', or set OTEL_SDK_DISABLED=true."
        )
    provider = _provider()
    return Traces(app, provider), provider


def _provider() -> Any:
    resources = importlib.import_module("opentelemetry.sdk.resources")
    trace = importlib.import_module("opentelemetry.sdk.trace")
    export = importlib.import_module("opentelemetry.sdk.trace.export")
    name = os.environ.get("OTEL_SERVICE_NAME", "threadline")
    provider = trace.TracerProvider(resource=resources.Resource.create({"service.name": name}))
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        exporter = export.ConsoleSpanExporter()
    else:
        otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        exporter = otlp.OTLPSpanExporter()
    provider.add_span_processor(export.BatchSpanProcessor(exporter))
    return provider


class Traces:
    """Middleware: a span for each request, within the trace that its sender says it is of (`traceparent`).

    Args:
        provider: a TracerProvider of OpenTelemetry.
    """

    def __init__(self, app: ASGIApp, provider: Any) -> None:
        self._app = app
        self._trace = importlib.import_module("opentelemetry.trace")
        context = importlib.import_module("opentelemetry.trace.propagation.tracecontext")
        self._context = context.TraceContextTextMapPropagator()
        self._tracer = provider.get_tracer("threadline.server")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request within a span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        parent = self._context.extract({name: told[name] for name in ("traceparent", "tracestate") if name in told})
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        kind = self._trace.SpanKind.SERVER
        options = {"context": parent, "kind": kind, "record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(scope["method"], **options) as span:
            try:
                await self._app(scope, receive, noting)
            finally:
                route = route_of(scope)
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.request.method", scope["method"])
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)
                span.set_attribute("threadline.request_id", scope.get("state", {}).get("request_id", ""))
                if status >= 500 or not status:
                    span.set_status(self._trace.StatusCode.ERROR)
