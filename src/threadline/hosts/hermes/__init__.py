"""Threadline as the memory of Hermes Agent."""

from __future__ import annotations

from typing import Any


def register(ctx: Any) -> None:
    """Give the host a provider: what its plug-in shim calls for each agent, and later hosts by the entry point."""
    ctx.register_memory_provider(_provider_class()())


def _provider_class() -> type[Any]:
    """The provider; a `MemoryProvider` of the host's where the host is there, so that it is known for one."""
    from threadline.hosts.hermes.provider import ThreadlineProvider

    try:
        from agent.memory_provider import MemoryProvider
    except ImportError:
        return ThreadlineProvider
    return type("ThreadlineMemoryProvider", (ThreadlineProvider, MemoryProvider), {})
