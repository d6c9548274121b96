"""Any endpoint that speaks OpenAI's `/embeddings`: OpenAI's own, or a server nearer by that says it is compatible.

Everything that goes wrong with it is an `EmbedderError`, so that a delivery is tried again: a text is better late than
refused because of a key or a model's name. Neither a message nor a log tells the key.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from threadline.engine.models.batched import Batched, vectors_name
from threadline.engine.models.options import load_options
from threadline.engine.models.shared import need
from threadline.errors import ClosedError, EmbedderError
from threadline.retry_after import retry_after

if TYPE_CHECKING:
    import httpx2
    import numpy as np
    import numpy.typing as npt

T = TypeVar("T")

_GRACE_SECONDS = 5.0
_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class OpenAIOptions:
    """The options of the embedder `openai`.

    Attributes:
        model: its name at the endpoint.
        base_url: the endpoint without `/embeddings`.
        api_key: the endpoint's key; also read from OPENAI_API_KEY, and better kept there than in a file.
        dimensions: the endpoint is asked for vectors so long; None: it is not, for not every model can.
        batch_size: how many texts go into one request.
        timeout: how long one request may take, in seconds.
        max_characters: of a text so many are sent: endpoints refuse what is too long for their model.
        query_prefix, document_prefix: put before questions and texts, where the model wants one.
    """

    model: str
    base_url: str = "https://api.openai.com/v1"
    api_key: str | None = field(default=None, repr=False)
    dimensions: int | None = None
    batch_size: int = 64
    timeout: float = 30.0
    max_characters: int = 8_000
    query_prefix: str = ""
    document_prefix: str = ""


class OpenAI(Batched):
    """The embedder behind an endpoint. Nothing is sent before its first use."""

    def __init__(self, options: OpenAIOptions) -> None:
        super().__init__(
            vectors_name("openai", options.model, options.dimensions, options.document_prefix),
            options.dimensions,
            batch_size=options.batch_size,
            query_prefix=options.query_prefix,
            document_prefix=options.document_prefix,
        )
        self._options = options
        self._wire = _Wire(options)

    def _rows(self, texts: list[str], *, query: bool) -> npt.NDArray[np.float32]:  # noqa: ARG002 - both are alike
        import numpy as np

        # An endpoint refuses a text of nothing, and the whole batch with it.
        said = [place for place, text in enumerate(texts) if text.strip()]
        if not said:
            return np.zeros((len(texts), self.dimensions), np.float32)
        body: dict[str, Any] = {
            "model": self._options.model,
            "input": [texts[place][: self._options.max_characters] for place in said],
        }
        if self._options.dimensions is not None:
            body["dimensions"] = self._options.dimensions
        found = self._wire.embeddings(body)
        rows = np.zeros((len(texts), found.shape[1]), np.float32)
        rows[said] = found
        return rows

    def _release(self) -> None:
        self._wire.close()


class _Wire:
    """The requests, on an event loop of its own: there a request has one time-out for all of it, and can be ended."""

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        self._url = f"{options.base_url}/embeddings"
        self._lock = threading.Lock()
        self._loop: _Loop | None = None

    def embeddings(self, body: Mapping[str, Any]) -> npt.NDArray[np.float32]:
        """Ask for the vectors of the texts in `body["input"]`: one row each, in their order.

        Raises:
            EmbedderError: the endpoint cannot be reached, refuses, or answers something else.
            ClosedError: it was closed in the middle.
        """
        with self._lock:
            if self._loop is None or not self._loop.alive:  # not alive: this is the child of a fork
                self._loop = _Loop(self._options.api_key)
            future = self._loop.submit(self._post(self._loop, body))
        try:
            response = future.result(self._options.timeout + _GRACE_SECONDS)
        except (CancelledError, TimeoutError) as error:
            # A time-out of the request's is translated within; this one means that the loop has ended.
            raise ClosedError("The embedder was closed in the middle of a request; it is tried again.") from error
        if not response.is_success:
            self._refuse(response)
        return self._vectors(response, len(body["input"]))

    def close(self) -> None:
        """End what is under way and let go of the connections; the next request makes new ones."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None and loop.alive:
            loop.end()

    async def _post(self, loop: _Loop, body: Mapping[str, Any]) -> httpx2.Response:
        import httpx2

        options = self._options
        try:
            async with asyncio.timeout(options.timeout):
                return await loop.client().post(self._url, json=body)
        except TimeoutError as error:
            raise EmbedderError(
                f"The embeddings endpoint {self._url} did not answer within {options.timeout:g} s; if it is only slow, "
                "raise timeout or lower batch_size."
            ) from error
        except httpx2.ConnectError as error:
            raise EmbedderError(
                f"The embeddings endpoint {self._url} cannot be reached ({error}); is it running there? See base_url."
            ) from error
        except (httpx2.RequestError, httpx2.InvalidURL, OSError) as error:
            raise EmbedderError(
                f"The connection to the embeddings endpoint {self._url} broke ({type(error).__name__}: {error})."
            ) from error

    def _refuse(self, response: httpx2.Response) -> NoReturn:
        status = response.status_code
        said = f"{status}: {self._detail(response)}"
        match status:
            case 401 | 403:
                raise EmbedderError(
                    f"The embeddings endpoint {self._url} refuses the key ({said}); set the option api_key, or "
                    "OPENAI_API_KEY in the environment."
                )
            case 404:
                raise EmbedderError(
                    f"The embeddings endpoint {self._url} has no such route or model ({said}); check base_url, which "
                    "mostly ends in /v1, and model."
                )
            case _ if status in (408, 425, 429) or status >= 500:
                raise _BusyError(
                    f"The embeddings endpoint {self._url} cannot do it now ({said}); it is tried again.",
                    retry_after(response.headers.get("retry-after", "")),
                )
            case _ if status >= 400:
                raise EmbedderError(
                    f"The embeddings endpoint {self._url} refuses it ({said}); check model and dimensions, and lower "
                    "max_characters if a text is too long for the model."
                )
            case _:
                raise EmbedderError(f"The embeddings endpoint {self._url} answered {said}; check base_url.")

    def _vectors(self, response: httpx2.Response, count: int) -> npt.NDArray[np.float32]:
        import numpy as np

        try:
            places, rows = _read(response)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise EmbedderError(
                f"What answers at {self._url} does not speak OpenAI's language ({type(error).__name__}: {error}); "
                "check base_url."
            ) from error
        if sorted(places) != list(range(count)):
            raise EmbedderError(
                f"The embeddings endpoint {self._url} answered {len(places)} vectors for {count} texts, or not one "
                "for each; lower batch_size if it takes fewer texts at once."
            )
        return rows[np.argsort(places)]

    def _detail(self, response: httpx2.Response) -> str:
        """What it says, on one line; an endpoint may say the key back."""
        try:
            found = json.loads(response.text)
        except ValueError:
            found = response.text
        if isinstance(found, dict):
            found = found.get("error", found)
        if isinstance(found, dict):
            found = found.get("message", found)
        flat = " ".join((found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)).split())
        if self._options.api_key:
            flat = flat.replace(self._options.api_key, "...")
        return flat if len(flat) <= _LONGEST_DETAIL else f"{flat[:_LONGEST_DETAIL]}..."


class _BusyError(EmbedderError):
    """The endpoint says that it cannot now, and perhaps for how long; delivery leaves it alone so long."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class _Loop:
    """An event loop on a daemon thread, with the connections that belong to it."""

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._client: httpx2.AsyncClient | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._spin, name="threadline-embedder", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread is there."""
        return self._thread.is_alive()

    def client(self) -> httpx2.AsyncClient:
        """The connections. To be called on the loop."""
        if self._client is None:
            import httpx2

            headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
            self._client = httpx2.AsyncClient(headers=headers, timeout=None)  # the time-out is the whole request's
        return self._client

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def end(self) -> None:
        """Cancel what is under way, close the connections, end the loop and with it its thread."""
        self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._end(), loop=self._loop))

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
        self._loop.stop()

    def _spin(self) -> None:
        self._loop.run_forever()
        self._loop.close()


def open_openai(options: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> OpenAI:
    """An OpenAI-compatible endpoint. Nothing is sent yet.

    Args:
        environ: where OPENAI_API_KEY is looked for; None: the environment.

    Raises:
        SettingsError: an option is unknown, missing or has a bad value.
        EmbedderError: the package `httpx2` is not installed.
    """
    environ = os.environ if environ is None else environ
    given = dict(options)
    if not given.get("api_key") and environ.get("OPENAI_API_KEY"):
        given["api_key"] = environ["OPENAI_API_KEY"]
    loaded = load_options(OpenAIOptions, "openai", given)
    need("httpx2", "openai")
    return OpenAI(loaded)


def _read(response: httpx2.Response) -> tuple[list[int], npt.NDArray[np.float32]]:
    """The places of the vectors and the vectors, as they were answered."""
    import numpy as np

    found = response.json()["data"]
    places = [int(one.get("index", place)) for place, one in enumerate(found)]
    rows = np.array([one["embedding"] for one in found], np.float32)
    if places and rows.ndim != 2:
        raise TypeError("an embedding is no list of numbers")
    return places, rows
