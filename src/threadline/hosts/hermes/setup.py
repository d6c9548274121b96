"""What `hermes memory setup threadline` asks, and where the answers go. Everything else has a default that works."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from threadline.errors import StorageError
from threadline.hosts.hermes.config import MODES
from threadline.hosts.hermes.files import read_json, write_json
from threadline.hosts.hermes.places import Places

SCHEMA: list[dict[str, Any]] = [
    {
        "key": "backend",
        "description": "What remembers: embedded (in this process: no server, no key) or a Hindsight server",
        "default": "embedded",
        "choices": ["embedded", "hindsight"],
    },
    {
        "key": "api_url",
        "description": "Where the Hindsight server is",
        "default": "http://localhost:8888",
        "when": {"backend": "hindsight"},
    },
    {
        "key": "api_key",
        "description": "Key of the Hindsight server (blank: none)",
        "secret": True,
        "env_var": "THREADLINE_API_KEY",
        "when": {"backend": "hindsight"},
    },
    {"key": "bank_id", "description": "Bank: one isolated memory", "default": "hermes"},
    {
        "key": "memory_mode",
        "description": "How memories reach the model: recalled before each turn (context), tools, or both (hybrid)",
        "default": "hybrid",
        "choices": list(MODES),
    },
]


def save(values: Mapping[str, Any], hermes_home: Path) -> None:
    """Write settings into the file of the provider; those that are there and not named stay.

    Raises:
        InputError: the file that is there is no JSON: it is not overwritten.
        StorageError: it cannot be written.
    """
    path = Places(hermes_home).settings
    written = read_json(path) or {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(f"{path.parent} cannot be made ({error.strerror}).") from error
    write_json(path, {**written, **{name: value for name, value in values.items() if name != "api_key"}})
