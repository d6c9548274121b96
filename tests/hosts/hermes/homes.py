"""Homes of the host with nothing of the host in them but a log, and providers that were initialized in one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.hosts.hermes.hostlog import HostDb
from threadline.hosts.hermes.pool import Pool
from threadline.hosts.hermes.provider import ThreadlineProvider


def write_config(hermes: Path, **settings: Any) -> None:
    """Settings of the provider; words alone find, so that no model is loaded."""
    path = hermes / "threadline" / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"embedder": "none", **settings}))


@contextmanager
def begin(home: Path, session: str, *, pool: Pool | None = None, **told: Any) -> Iterator[ThreadlineProvider]:
    """A provider as the host would have it, shut down at the end."""
    if not (home / "threadline" / "config.json").exists():
        write_config(home)
    if not (home / "state.db").exists():
        HostDb(home).close()
    provider = ThreadlineProvider(Pool() if pool is None else pool)
    provider.initialize(session, **{"hermes_home": str(home), "platform": "cli", "agent_context": "primary", **told})
    try:
        yield provider
    finally:
        provider.shutdown()
