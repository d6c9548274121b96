"""What all of Hindsight's routes share: shapes, the header that names unknown fields, how far a route is the same."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Literal

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, model_validator

from threadline.errors import ThreadlineError
from threadline.server.audit import Noting
from threadline.server.errors import status_of
from threadline.server.threads import ThreadRoute

#: The unknown top-level fields of the request that is being read.
_ignored: ContextVar[list[str] | None] = ContextVar("ignored", default=None)


class WireShape(BaseModel):
    """A JSON object of Hindsight's API."""

    model_config = ConfigDict(populate_by_name=True, protected_namespaces=())


class WireBody(WireShape):
    """The body of a request. Unknown fields are no error; those at the top are named in `x-ignored-params`."""

    @model_validator(mode="before")
    @classmethod
    def _note_unknown(cls, value: Any) -> Any:
        ignored = _ignored.get()
        if ignored is not None and isinstance(value, dict):
            known = {name for key, field in cls.model_fields.items() for name in (key, field.alias)}
            ignored.extend(str(name) for name in value if name not in known)
        return value


class WireRoute(ThreadRoute):
    """A route that names the unknown fields of a request's body in `x-ignored-params`, as Hindsight does.

    What the audit log has to know of, it notes there.
    """

    def handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What the route does, without what is done around it."""
        return super().get_route_handler()

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the route."""
        handle = self.handler()

        async def handle_and_name(request: Request) -> Response:
            ignored: list[str] = []
            token = _ignored.set(ignored)
            noting = Noting(request, self.operation_id)
            try:
                response = await handle(request)
            except ThreadlineError as error:
                await noting.end(status_of(error))
                raise
            finally:
                _ignored.reset(token)
            await noting.end(response.status_code)
            if ignored:
                response.headers["x-ignored-params"] = _header(ignored)
            return response

        return handle_and_name


def _header(names: list[str]) -> str:
    """The names as a header's value: printable ASCII, and not endless."""
    plain = [name.encode("ascii", "backslashreplace").decode() for name in names[:50]]
    return ", ".join("".join(letter for letter in name if letter.isprintable())[:100] for name in plain)


#: How far a route does what Hindsight's does.
State = Literal["same", "partly", "not", "ours"]


def same(**options: Any) -> dict[str, Any]:
    """The options of a route that does what Hindsight's does."""
    return _state("same", "", options)


def partly(why: str, **options: Any) -> dict[str, Any]:
    """The options of a route that differs from Hindsight's.

    Args:
        why: in what, as a clause.
    """
    return _state("partly", why, options)


def absent(why: str, **options: Any) -> dict[str, Any]:
    """The options of a route that only answers with a documented error.

    Args:
        why: why, as a clause.
    """
    return _state("not", why, options)


def _state(state: State, why: str, options: dict[str, Any]) -> dict[str, Any]:
    extra = {**options.pop("openapi_extra", {}), "x-threadline": {"state": state, "why": why}}
    return {**options, "openapi_extra": extra}


def json_response(shape: BaseModel, status: int = 200) -> Response:
    """A shape as a response, for the routes that are called most."""
    return Response(shape.model_dump_json(by_alias=True), status, media_type="application/json")
