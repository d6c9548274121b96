"""What lies between a client and a server and loses things: requests on their way there, and answers on theirs back."""

from __future__ import annotations

import socket
import threading
from typing import Literal
from urllib.parse import urlsplit

Loss = Literal["nothing", "request", "answer"]


class Lossy:
    """A road to a server, one connection for each request. What it loses next is told to it.

    Attributes:
        url: its own address.
        losses: what happens to the next requests, the first first; after them nothing is lost.
        seen: how many requests arrived here.
    """

    def __init__(self, url: str) -> None:
        there = urlsplit(url)
        self._there = (there.hostname, there.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.losses: list[Loss] = []
        self.seen = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _run(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            with here:
                self._carry(here)

    def _carry(self, here: socket.socket) -> None:
        request = _message(here)
        if not request:
            return
        self.seen += 1
        loss = self.losses.pop(0) if self.losses else "nothing"
        if loss == "request":
            return
        with socket.create_connection(self._there) as there:
            there.sendall(request)
            answer = _message(there)
        if loss == "nothing":
            here.sendall(answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))


def _message(connection: socket.socket) -> bytes:
    """One message of HTTP/1.1: its head, and the body of its length."""
    content = b""
    while b"\r\n\r\n" not in content:
        block = connection.recv(65536)
        if not block:
            return b""
        content += block
    head, _, body = content.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(lengths[0].partition(b":")[2]) - len(body) if lengths else 0
    while left > 0:
        block = connection.recv(65536)
        content += block
        left -= len(block)
    return content
