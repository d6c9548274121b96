"""The wire over the official client, `hindsight-client`: an event loop on a daemon thread, its errors as ours."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import re
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, TypeVar

from threadline.backends.hindsight.options import HindsightOptions
from threadline.backends.hindsight.wire import Found, Operation
from threadline.errors import BackendError, BackendRefusedError, BackendUnavailableError, ClosedError, SettingsError
from threadline.retry_after import retry_after

if TYPE_CHECKING:
    from hindsight_client import Hindsight

T = TypeVar("T")

_PAGE = 500
_BRIEF_SECONDS = 10.0  # for what needs no thinking by the server
_GRACE_SECONDS = 5.0
_LONGEST_DETAIL = 300


class ClientWire:
    """Implements `Wire` on the official client. Its loop and thread begin with the first request.

    Raises:
        SettingsError: the client is not installed.
    """

    def __init__(self, options: HindsightOptions) -> None:
        if importlib.util.find_spec("hindsight_client") is None:  # said now, not at the first turn
            raise SettingsError("The backend hindsight needs its client: pip install 'threadline[hindsight]'.")
        # Its import takes a second: neither whoever opens the memory nor the first recall is to wait for that.
        threading.Thread(target=_import_client, name="threadline-warm", daemon=True).start()
        self._options = options
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Hindsight | None = None
        self._closed = False

    def version(self) -> str:
        """See `Wire.version`."""

        async def ask(client: Hindsight) -> str:
            answer = await _json(client.monitoring.get_version_without_preload_content(_request_timeout=_BRIEF_SECONDS))
            return str(answer.get("api_version") or answer.get("version") or "")

        return self._call(ask, _BRIEF_SECONDS, missing="")

    def put_bank(self, bank: str, missions: Mapping[str, str]) -> None:
        """See `Wire.put_bank`."""

        async def put(client: Hindsight) -> None:
            await client.acreate_bank(
                bank,
                retain_mission=missions.get("retain_mission"),
                reflect_mission=missions.get("reflect_mission"),
                observations_mission=missions.get("observations_mission"),
            )

        self._call(put)

    def retain(self, bank: str, item: Mapping[str, Any], operation: str | None) -> None:
        """See `Wire.retain`."""

        async def send(client: Hindsight) -> None:
            await client.aretain_batch(bank, [dict(item)], retain_async=operation is not None, operation_id=operation)

        self._call(send)

    def operation(self, bank: str, operation: str) -> Operation:
        """See `Wire.operation`."""

        async def ask(client: Hindsight) -> Operation:
            answer = await _json(
                client.operations.get_operation_status_without_preload_content(
                    bank, operation, _request_timeout=_BRIEF_SECONDS
                )
            )
            return Operation(str(answer.get("status")), answer.get("error_message"))

        return self._call(ask, _BRIEF_SECONDS, missing=Operation("not_found"))

    def retry(self, bank: str, operation: str) -> None:
        """See `Wire.retry`. That there is nothing to retry (404, 409) is no error: it is looked at again anyway."""

        async def ask(client: Hindsight) -> None:
            response = await client.operations.retry_operation_without_preload_content(
                bank, operation, _request_timeout=_BRIEF_SECONDS
            )
            if response.status not in (404, 409):
                await _checked(response)

        self._call(ask, _BRIEF_SECONDS)

    def has_document(self, bank: str, document: str) -> bool:
        """See `Wire.has_document`."""

        async def ask(client: Hindsight) -> bool:
            await _json(
                client.documents.get_document_without_preload_content(bank, document, _request_timeout=_BRIEF_SECONDS)
            )
            return True

        return self._call(ask, _BRIEF_SECONDS, missing=False)

    def documents(self, bank: str, tag: str | None = None) -> list[str]:
        """See `Wire.documents`. The client (1.1.0) quotes no query: for some tags all documents are looked at."""
        if tag is not None and not re.fullmatch(r"[\w:.@/-]+", tag, re.ASCII):
            tag = None

        async def ask(client: Hindsight) -> list[str]:
            names: list[str] = []
            while True:
                page = await _json(
                    client.documents.list_documents_without_preload_content(
                        bank,
                        tags=None if tag is None else [tag],
                        tags_match=None if tag is None else "any_strict",
                        limit=_PAGE,
                        offset=len(names),
                        _request_timeout=_BRIEF_SECONDS,
                    )
                )
                items = page.get("items") or []
                names += [str(item["id"]) for item in items]
                if len(items) < _PAGE:
                    return names

        return self._call(ask, missing=[])

    def delete_document(self, bank: str, document: str) -> None:
        """See `Wire.delete_document`."""

        async def send(client: Hindsight) -> None:
            await _json(
                client.documents.delete_document_without_preload_content(
                    bank, document, _request_timeout=self._options.timeout
                )
            )

        self._call(send, missing=None)

    def delete_bank(self, bank: str) -> None:
        """See `Wire.delete_bank`."""

        async def send(client: Hindsight) -> None:
            await client.adelete_bank(bank)

        self._call(send, missing=None)

    def recall(self, bank: str, request: Mapping[str, Any]) -> Found:
        """See `Wire.recall`."""

        async def ask(client: Hindsight) -> Found:
            answer = await client.arecall(bank, **request)
            facts = answer.source_facts or {}
            return Found(
                [result.to_dict() for result in answer.results], {name: fact.to_dict() for name, fact in facts.items()}
            )

        return self._call(ask, self._options.recall_timeout, missing=Found())

    def reflect(self, bank: str, request: Mapping[str, Any]) -> Found:
        """See `Wire.reflect`."""

        async def ask(client: Hindsight) -> Found:
            answer = await client.areflect(bank, include_facts=True, **_reflection(request))
            based_on = answer.based_on.to_dict() if answer.based_on else {}
            return Found(list(based_on.get("memories") or ()), text=answer.text or "")

        return self._call(ask, missing=Found())

    def stats(self, bank: str) -> tuple[int, int]:
        """See `Wire.stats`."""

        async def ask(client: Hindsight) -> tuple[int, int]:
            answer = await _json(
                client.banks.get_agent_stats_without_preload_content(bank, _request_timeout=_BRIEF_SECONDS)
            )
            return int(answer.get("total_documents") or 0), int(answer.get("total_nodes") or 0)

        return self._call(ask, _BRIEF_SECONDS, missing=(0, 0))

    def close(self) -> None:
        """See `Wire.close`."""
        with self._lock:
            self._closed = True
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._end(loop), loop=loop))

    # Parts of the above

    def _call(
        self,
        request: Callable[[Hindsight], Coroutine[Any, Any, T]],
        seconds: float | None = None,
        **otherwise: T,
    ) -> T:
        """Run a request on the loop, for so many seconds at most; `missing` is the answer where it says 404."""
        seconds = self._options.timeout if seconds is None else seconds
        loop = self._running()
        future = asyncio.run_coroutine_threadsafe(self._run(request, seconds), loop)
        try:
            return future.result(seconds + _GRACE_SECONDS)
        except (asyncio.CancelledError, CancelledError, TimeoutError) as error:
            # A time-out of the server's is translated within; this one means that the loop has ended.
            raise ClosedError("The backend was closed in the middle of a request; what it was for is kept.") from error
        except BackendError as error:
            if "missing" in otherwise and isinstance(error.__cause__, _NotFoundError):
                return otherwise["missing"]
            raise

    async def _run(self, request: Callable[[Hindsight], Coroutine[Any, Any, T]], seconds: float) -> T:
        import aiohttp
        from hindsight_client_api.exceptions import ApiException

        url = self._options.url
        try:
            # The client's own time-out is the same for every route, and no bound on making the connection.
            return await asyncio.wait_for(request(self._opened()), seconds)
        except ApiException as error:
            raise translated(error.status or 0, error.body or error.reason, error.headers, url) from (
                _NotFoundError() if error.status == 404 else error
            )
        except _StatusError as error:
            raise translated(error.status, error.body, error.headers, url) from (
                _NotFoundError() if error.status == 404 else error
            )
        except aiohttp.ClientConnectorError as error:
            raise BackendUnavailableError(
                f"Hindsight cannot be reached at {url} ({error}); is it running there?"
            ) from error
        except TimeoutError as error:
            raise BackendUnavailableError(f"Hindsight at {url} did not answer in time.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise BackendUnavailableError(
                f"The connection to Hindsight at {url} broke ({type(error).__name__}: {error})."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackendUnavailableError(
                f"What answers at {url} does not speak Hindsight's language ({_first_line(error)}); check the url."
            ) from error

    def _opened(self) -> Hindsight:
        """The client: made on the loop, for its connections belong to it.

        Raises:
            BackendUnavailableError: it is too old. A host may have brought its own; what is said waits meanwhile.
        """
        if self._client is None:
            from hindsight_client import Hindsight

            options = self._options
            try:
                self._client = Hindsight(options.url, api_key=options.api_key, timeout=options.timeout, max_attempts=1)
            except TypeError as error:
                raise BackendUnavailableError(
                    f"The hindsight-client that is installed is too old ({_first_line(error)}); run: {sys.executable} "
                    "-m pip install --upgrade 'threadline[hindsight]'."
                ) from error
        return self._client

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise ClosedError("The Hindsight backend was closed; open the memory again to go on.")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_spin, args=[self._loop], name="threadline-hindsight", daemon=True).start()
            return self._loop

    async def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is under way, close the connections, end the loop and with it its thread."""
        others = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task(loop)]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()  # type: ignore[no-untyped-call]
        loop.stop()


def _import_client() -> None:
    with contextlib.suppress(ImportError):  # whoever uses it is told
        import hindsight_client  # noqa: F401


class _NotFoundError(Exception):
    """The cause of an error that may be no error: there is no such thing."""


class _StatusError(Exception):
    """A raw response whose status is no success."""

    def __init__(self, status: int, body: str, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers


def _spin(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


async def _json(response: Awaitable[Any]) -> dict[str, Any]:
    """The JSON object of a raw response. It is read leniently: an older server's may lack what a newer one's has."""
    answer = json.loads(await _checked(await response))
    if not isinstance(answer, dict):
        raise TypeError(f"a {type(answer).__name__} where an object should be")
    return answer


async def _checked(response: Any) -> bytes:
    body: bytes = await response.read()
    if not 200 <= response.status <= 299:
        raise _StatusError(response.status, body.decode("utf-8", "replace"), response.headers)
    return body


def _reflection(request: Mapping[str, Any]) -> dict[str, Any]:
    """A recall's request as a reflect's: the kinds of memory have another name there."""
    renamed = dict(request)
    if "types" in renamed:
        renamed["fact_types"] = renamed.pop("types")
    return renamed


def translated(status: int, body: object, headers: Mapping[str, str] | None, url: str) -> BackendError:
    """What a status means for a delivery: try again, or give it up."""
    detail = _detail(body)
    match status:
        case 401 | 403:
            return BackendUnavailableError(
                f"Hindsight at {url} refuses the key ({status}: {detail}); set api_key of hindsight, or "
                "THREADLINE_HINDSIGHT_API_KEY. What waits is sent then."
            )
        case 404:
            return BackendUnavailableError(f"Hindsight at {url} has no such route or thing ({detail}); check the url.")
        case 408 | 425 | 429:
            return BackendUnavailableError(f"Hindsight is busy ({status}: {detail}).", _retry_after(headers))
        case _ if 400 <= status < 500:
            return BackendRefusedError(f"Hindsight refuses it ({status}: {detail}).")
        case _ if status >= 500:
            return BackendUnavailableError(f"Hindsight failed ({status}: {detail}).", _retry_after(headers))
        case _:
            return BackendUnavailableError(f"What answers at {url} does not speak Hindsight's language ({detail}).")


def _detail(body: object) -> str:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    if isinstance(found, dict):
        found = found.get("detail", found)
    flat = " ".join((found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)).split())
    return flat if len(flat) <= _LONGEST_DETAIL else f"{flat[:_LONGEST_DETAIL]}..."


def _retry_after(headers: Mapping[str, str] | None) -> float:
    return retry_after(next((text for name, text in (headers or {}).items() if name.lower() == "retry-after"), ""))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
