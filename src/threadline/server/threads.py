"""Where requests are worked on: a few threads, for more would only take turns at the interpreter."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from fastapi.routing import APIRoute

from threadline.server.leases import Leased

#: So many requests are worked on at once. The others wait their turn, first come, first served.
THREADS = 4

T = TypeVar("T")


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="threadline-server")


_working = 0  # changed by the event loop alone


def working() -> int:
    """How many requests are worked on, or wait for it."""
    return _working


async def work(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call a function on one of the threads, in this context, and wait for it."""
    global _working
    call = functools.partial(copy_context().run, function, *args, **kwargs)
    _working += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool(), call)
    finally:
        _working -= 1


class ThreadRoute(APIRoute):
    """A route whose handler, a plain function, runs on one of the threads.

    The framework's own pool asks a limiter that counts who waits for it: with 64 clients a fifth of the time.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint if inspect.iscoroutinefunction(endpoint) else _awaited(endpoint), **options)


def _awaited(endpoint: Callable[..., T]) -> Callable[..., Coroutine[Any, Any, T]]:
    @functools.wraps(endpoint)
    async def call(**kwargs: Any) -> T:
        return await work(call_with_lease, endpoint, kwargs)

    return call


def call_with_lease(endpoint: Callable[..., T], given: dict[str, Any]) -> T:
    """Call a handler with the banks that it is given kept from being deleted."""
    with contextlib.ExitStack() as leases:
        for value in given.values():
            if isinstance(value, Leased):
                leases.enter_context(value.use())
        return endpoint(**given)
