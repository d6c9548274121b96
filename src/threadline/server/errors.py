"""Our errors as Hindsight's: a status, and a body `{"detail": ...}`."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from threadline.errors import (
    AccessError,
    BackendUnavailableError,
    ClosedError,
    ConflictError,
    DeadlineError,
    EmbedderError,
    ForgottenError,
    InputError,
    InvalidBankError,
    InvalidIdError,
    LineageError,
    NeedsModelError,
    RequestError,
    StorageBusyError,
    StorageError,
    StorageFullError,
    ThreadlineError,
    UnknownBankError,
    UnknownDeliveryError,
    UnknownItemError,
    UnknownSessionError,
    UnknownTurnError,
    UnsupportedError,
)

#: What each error is on the wire; of several that fit, the first.
STATUS: tuple[tuple[type[ThreadlineError], int], ...] = (
    (UnknownBankError, 404),
    (UnknownItemError, 404),
    (UnknownSessionError, 404),
    (UnknownTurnError, 404),
    (UnknownDeliveryError, 404),
    (ConflictError, 409),
    (LineageError, 409),
    (ForgottenError, 410),
    (InvalidBankError, 400),
    (InvalidIdError, 400),
    (NeedsModelError, 400),
    (UnsupportedError, 501),
    (InputError, 400),
    (StorageFullError, 507),
    (StorageBusyError, 503),
    (ClosedError, 503),
    (BackendUnavailableError, 503),
    (EmbedderError, 503),
    (DeadlineError, 504),
    (StorageError, 500),
)

_LOG = logging.getLogger("threadline.server")


def status_of(error: ThreadlineError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, RequestError | AccessError):
        return error.status
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def headers_of(error: ThreadlineError) -> dict[str, str]:
    """The headers that go with an error."""
    if isinstance(error, AccessError) and error.status == 401:
        return {"www-authenticate": "Bearer"}
    retry_after = getattr(error, "retry_after", None)
    if retry_after is None and isinstance(error, StorageBusyError | ClosedError):
        retry_after = 1.0
    return {} if not retry_after else {"retry-after": str(max(1, round(retry_after)))}


def install(app: FastAPI) -> None:
    """Have the app answer errors in Hindsight's shape."""

    @app.exception_handler(ThreadlineError)
    def refuse(request: Request, error: ThreadlineError) -> JSONResponse:
        error = _gone_meanwhile(request, error) or error
        status = status_of(error)
        if status == 500:
            _LOG.error("%s", type(error).__name__, exc_info=error)
        return JSONResponse({"detail": str(error)}, status, headers_of(error))

    @app.exception_handler(RequestValidationError)
    def mend(request: Request, error: RequestValidationError) -> Response:  # noqa: ARG001 - the handler's signature
        body = json.dumps({"detail": _finite(jsonable_encoder(error.errors()))}, separators=(",", ":"))
        return Response(body, 422, media_type="application/json")

    @app.exception_handler(Exception)
    def fail(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - it is raised on, and told by the log
        return JSONResponse({"detail": "Internal server error"}, 500)

    _ = refuse, mend, fail


def _gone_meanwhile(request: Request, error: ThreadlineError) -> UnknownBankError | None:
    """That the bank was deleted while the request was under way, where that is why its files are gone or closed."""
    from threadline.server.access import caller_of, house_of

    bank_id = request.path_params.get("bank_id")
    if bank_id is None or not isinstance(error, StorageError | ClosedError):
        return None
    try:
        house_of(request).tenant(caller_of(request).tenant).room(bank_id)
    except UnknownBankError as unknown:
        return unknown
    except (StorageError, ClosedError):
        return None
    return None


def _finite(value: Any) -> Any:
    """What a fault quotes of its request, as JSON can say it: a reader of JSON may have met NaN and 1e999."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list) else value


def detail(error: ThreadlineError) -> dict[str, Any]:
    """The body of an error."""
    return {"detail": str(error)}
