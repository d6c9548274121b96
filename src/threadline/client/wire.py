"""Requests to a Threadline server: sent again where that is safe, and its errors raised as what they are."""

from __future__ import annotations

import importlib.util
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from threadline import errors
from threadline.errors import (
    AccessError,
    BackendUnavailableError,
    ClosedError,
    RequestError,
    SettingsError,
    ThreadlineError,
)
from threadline.retry_after import retry_after

if TYPE_CHECKING:
    import httpx2

Query = Mapping[str, str | int | list[str] | None]

_PREFIX = "/v1/threadline"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_LONGEST_DETAIL = 300
_pause = threading.Event()  # never set: there is nothing to be woken by


class Wire:
    """The road to one bank of one server. Any thread may use it; a forked child gets connections of its own.

    Args:
        url: where the server is, without the path.
        timeout: how long an answer may take, in seconds, besides what a call itself may wait.
        retry_seconds: how long a request is sent again that did not get through.

    Raises:
        SettingsError: the package `httpx2` is not installed.
    """

    def __init__(self, url: str, token: str | None, bank: str, timeout: float, retry_seconds: float) -> None:
        if importlib.util.find_spec("httpx2") is None:
            raise SettingsError('To use a server takes the package httpx2: pip install "threadline[client]".')
        self.url = url.rstrip("/")
        self.bank = bank
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout
        self._retry_seconds = retry_seconds
        self._lock = threading.Lock()
        self._closed = False
        self._process = os.getpid()
        self._connections: httpx2.Client | None = None

    def get(self, path: str, *, session: str | None = None, **query: str | list[str] | None) -> Any:
        """Ask for something. A question may always be asked again."""
        return self._ask("GET", path, {"session": session, **query}, None, again=True)

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        session: str | None = None,
        again: bool = True,
        seconds: float | None = 0.0,
        retry_seconds: float | None = None,
    ) -> Any:
        """Have something done.

        Args:
            again: doing it twice is doing it once, so it may be sent again although it may have arrived.
            seconds: how long it may itself take; None: as long as it takes.
            retry_seconds: how long it is sent again; None: as long as any.

        Raises:
            ThreadlineError: what the server raised.
            BackendUnavailableError: it did not get through.
            SettingsError: what answers is no Threadline server.
            AccessError: the server asks for a token, or this one may not do that.
        """
        return self._ask("POST", path, {"session": session}, body or {}, again, seconds, retry_seconds)

    def put(self, path: str) -> Any:
        """Have something be there."""
        return self._ask("PUT", path, {}, None, again=True)

    def close(self) -> None:
        """Let go of the connections; requests raise `ClosedError` from now on."""
        with self._lock:
            self._closed = True
            connections, self._connections = self._connections, None
        if connections is not None and self._process == os.getpid():
            connections.close()

    def check_open(self) -> None:
        """Refuse what is asked of a memory that was closed.

        Raises:
            ClosedError: it was.
        """
        if self._closed:
            raise ClosedError("This memory was closed; connect again with Memory.connect.")

    def _ask(
        self,
        method: str,
        path: str,
        query: Query,
        body: Mapping[str, Any] | None,
        again: bool,
        seconds: float | None = 0.0,
        retry_seconds: float | None = None,
    ) -> Any:
        request = self._request(method, path, query, body, seconds)
        patience = _Patience(self._retry_seconds if retry_seconds is None else retry_seconds)
        while True:
            try:
                response = request()
            except _UnsentError as error:
                if not patience.lasts():
                    raise self._unreachable(error.__cause__ or error) from error
            except _UnansweredError as error:
                if not again:
                    raise self._unanswered(error.__cause__ or error) from error
                if error.late or not patience.lasts():
                    raise self._unreachable(error.__cause__ or error) from error
            else:
                if response.is_success:
                    return self._content(response)
                if not (_may_pass(response, again) and patience.lasts(response.headers.get("retry-after", ""))):
                    self._refuse(response)

    def _request(
        self, method: str, path: str, query: Query, body: Mapping[str, Any] | None, seconds: float | None
    ) -> Callable[[], httpx2.Response]:
        """What sends a request once.

        Raises, when it is called:
            _UnsentError: it did not arrive.
            _UnansweredError: it may have arrived.
        """
        import httpx2

        params = {name: value for name, value in {"bank": self.bank, **query}.items() if value is not None}
        timeout = httpx2.Timeout(self._timeout, read=None if seconds is None else self._timeout + max(0.0, seconds))

        def send() -> httpx2.Response:
            try:
                return self._client().request(
                    method, f"{self.url}{_PREFIX}{path}", params=params, json=body, timeout=timeout
                )
            except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
                raise SettingsError(f"{self.url!r} is no address of a server: {error}.") from error
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
                raise _UnsentError from error
            except httpx2.RequestError as error:
                raise _UnansweredError(late=isinstance(error, httpx2.TimeoutException)) from error

        return send

    def _client(self) -> httpx2.Client:
        import httpx2

        with self._lock:
            self.check_open()
            if self._connections is None or self._process != os.getpid():
                self._process = os.getpid()
                self._connections = httpx2.Client(headers=self._headers)
            return self._connections

    def _content(self, response: httpx2.Response) -> Any:
        if response.status_code == 204:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise self._stranger(response) from error

    def _refuse(self, response: httpx2.Response) -> NoReturn:
        try:
            content = response.json()
        except ValueError:
            content = response.text
        if isinstance(content, dict) and isinstance(content.get("error"), dict):
            raise _raised(content["error"], response.status_code)
        said = content.get("detail", content) if isinstance(content, dict) else content
        said = " ".join(str(said).split())[:_LONGEST_DETAIL]
        match response.status_code:
            case 401 | 403:
                raise AccessError(said, status=response.status_code)
            case 404 | 405:
                raise self._stranger(response)
            case status if status == 429 or status >= 500:
                raise BackendUnavailableError(
                    f"The Threadline server at {self.url} cannot do it now ({status}: {said}); try again.",
                    retry_after(response.headers.get("retry-after", "")),
                )
            case status:
                raise RequestError(f"The Threadline server at {self.url} refuses it: {said}", status=status)

    def _stranger(self, response: httpx2.Response) -> SettingsError:
        return SettingsError(
            f"What answers at {self.url} is no Threadline server that knows sessions ({response.status_code} of "
            f"{response.request.method} {response.request.url.path}); check the address."
        )

    def _unreachable(self, error: BaseException) -> BackendUnavailableError:
        return BackendUnavailableError(
            f"The Threadline server at {self.url} cannot be reached ({type(error).__name__}: {error}); is `threadline "
            "serve` running there? What was not confirmed can be said again under the same host key."
        )

    def _unanswered(self, error: BaseException) -> BackendUnavailableError:
        return BackendUnavailableError(
            f"The connection to the Threadline server at {self.url} broke ({type(error).__name__}: {error}) before it "
            "answered: it may or may not have been done, and doing it twice is not the same as doing it once. Look "
            "before you try again."
        )


class _UnsentError(Exception):
    """A request did not arrive."""


class _UnansweredError(Exception):
    """A request may have arrived, and no answer came.

    Args:
        late: because time was up.
    """

    def __init__(self, *, late: bool) -> None:
        super().__init__()
        self.late = late


class _Patience:
    """How long something is tried again, with longer and longer pauses."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._pause = _FIRST_PAUSE

    def lasts(self, asked: str = "") -> bool:
        """Wait for the next attempt, for as long at least as the server asked; False where there is none."""
        pause = max(self._pause * random.uniform(0.5, 1.0), retry_after(asked))  # noqa: S311 - not for secrets
        if time.monotonic() + pause > self._deadline:
            return False
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        _pause.wait(pause)
        return True


def _may_pass(response: httpx2.Response, again: bool) -> bool:
    """Whether another attempt may get an answer: the server is asked for too much, stops, or is not what answered."""
    if response.status_code == 429:  # it was not even begun
        return True
    stops = b'"ClosedError"' in response.content or b'"error"' not in response.content
    return again and response.status_code in (502, 503, 504) and stops


def _raised(told: Mapping[str, Any], status: int) -> ThreadlineError:
    """The error that the server raised; one that this version does not know, as the nearest it does."""
    message = str(told.get("message", ""))
    kind = getattr(errors, str(told.get("type")), None)
    if not (isinstance(kind, type) and issubclass(kind, ThreadlineError)):
        return ThreadlineError(f"{told.get('type')}: {message}")
    error = kind.__new__(kind)  # not called: some word a message of what they are given, and it is worded already
    error.args = (message,)
    error.__dict__.update({"place": "", "status": status, "retry_after": float(told.get("retry_after") or 0.0)})
    return error
