"""One HTTP request to a destination that somebody else named: to addresses that were looked at, and within its time."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, urlencode

from threadline.server.addresses import Destination

#: What the receiver says is not kept; so much is read of it, so that it can end its answer.
_READ_BYTES = 65_536

#: Headers that belong to the request itself, not to whoever names some.
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"})


def send(
    to: Destination,
    method: Literal["GET", "POST"],
    *,
    body: bytes,
    headers: Mapping[str, str],
    params: Mapping[str, str],
    seconds: float,
) -> int:
    """Send one request and return the status of the answer. Redirects are not followed, proxies not used.

    Args:
        body: left out of a GET.
        seconds: for all of it, but for the resolving of the name.

    Raises:
        DestinationError: its name leads where nothing may be sent to.
        OSError: it cannot be reached, or does not answer in time.
        http.client.HTTPException: what it answers is no HTTP.
        ValueError: a header cannot be sent.
    """
    connection = _Connection(to, to.addresses(), seconds)
    timer = threading.Timer(seconds, connection.cut)
    timer.daemon = True
    timer.start()
    try:
        ours = {name: value for name, value in headers.items() if name.lower() not in _OURS}
        target = _target(to, params)
        connection.request(method, target, None if method == "GET" else body, {"Host": to.authority, **ours})
        response = connection.getresponse()
        response.read(_READ_BYTES)
        if connection.was_cut:
            raise OSError("it was cut")  # noqa: TRY301 - as where that is met in the middle
    except (OSError, http.client.HTTPException) as error:
        if connection.was_cut:
            raise TimeoutError(f"no answer within {seconds:g} seconds") from error
        raise
    else:
        return response.status
    finally:
        timer.cancel()
        connection.close()


class _Connection(http.client.HTTPConnection):
    """A connection to addresses that were looked at, whatever the name means by now."""

    def __init__(self, to: Destination, addresses: list[str], seconds: float) -> None:
        super().__init__(to.host, to.port, timeout=seconds)
        self._to = to
        self._addresses = addresses
        self._deadline = time.monotonic() + seconds
        self.was_cut = False

    def connect(self) -> None:
        """Connect to the first address that answers."""
        self.sock = self._dial()
        if self._to.scheme == "https":
            secured = ssl.create_default_context().wrap_socket(
                self.sock, server_hostname=self._to.host, do_handshake_on_connect=False
            )
            self.sock = secured  # so that it can be cut
            secured.do_handshake()

    def cut(self) -> None:
        """End it from another thread: a receiver that sends a byte now and then is none that answers in time."""
        self.was_cut = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def _dial(self) -> socket.socket:
        failure: OSError | None = None
        for address in self._addresses:
            left = self._deadline - time.monotonic()
            if left <= 0:
                break
            try:
                return socket.create_connection((address, self._to.port), left)
            except OSError as error:
                failure = error
        raise failure or OSError("it cannot be connected to")


def _target(to: Destination, params: Mapping[str, str]) -> str:
    """Path and query, in characters that a request line may have."""
    path = quote(to.path, safe="/%:@!$&'()*+,;=-._~")
    query = "&".join(part for part in (quote(to.query, safe="/%:@!$&'()*+,;=-._~?"), urlencode(params)) if part)
    return f"{path}?{query}" if query else path
