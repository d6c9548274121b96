"""A home of the host that nobody has used yet, offline, and what can be read of it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .model import MODEL, FakeModel
from .waiting import SECONDS, HarnessError, wait_until

_RECORDER = Path(__file__).parent / "inside" / "recorder.py"
#: Settings of whoever runs the tests that would reach the host. PYTEST_: under pytest it leaves its watchdog out.
_FOREIGN = ("THREADLINE_", "HINDSIGHT_", "HERMES_", "OPENAI_", "OPENROUTER_", "ANTHROPIC_", "PYTHON", "PYTEST_", "COV_")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the recording provider got.

    Attributes:
        call: the method.
        instance: which provider instance of its process.
        process: the process's id.
        thread: the name of the thread it came on.
        main: whether that is the process's main thread.
        at: when, by the monotonic clock.
        arguments: by name.
    """

    call: str
    instance: int
    process: int
    thread: str
    main: bool
    at: float
    arguments: Mapping[str, Any]


class Home:
    """A folder for one user: `HOME`, `HERMES_HOME`, and a working folder.

    Attributes:
        python: the interpreter of the host's environment.
        hermes: `HERMES_HOME`.
        work: the working folder of the host's processes.
        environment: the whole environment of the host's processes; a test may add to it.
        config: what `config.yaml` says; `configure` changes it.
    """

    def __init__(
        self, root: Path, python: Path, model: FakeModel, provider: str = "", config: Mapping[str, Any] | None = None
    ) -> None:
        self.root, self.python = root, python
        self.hermes, self.work = root / "hermes", root / "work"
        for folder in (self.hermes, self.work):
            folder.mkdir(parents=True)
        self.environment = _environment(root, self.hermes, model)
        self.config = _config(model)
        self._spare_start()
        self._told = 0
        if provider:
            self.configure({"memory": {"provider": provider}})
        if provider == "recorder":
            self.install("recorder", {"__init__.py": _RECORDER.read_text("utf-8")})
        self.configure(config or {})

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Merge settings into `config.yaml`. A host that runs has read it already."""
        _merge(self.config, changes)
        text = json.dumps(self.config, indent=1)  # JSON is YAML
        (self.hermes / "config.yaml").write_text(text, "utf-8")

    def install(self, name: str, files: Mapping[str, str]) -> None:
        """A user's plug-in."""
        folder = self.hermes / "plugins" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text, "utf-8")

    def write(self, path: str, content: Any) -> None:
        """A file of JSON below `HERMES_HOME`, as providers keep their settings there."""
        target = self.hermes / path
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(".new")
        fresh.write_text(json.dumps(content), "utf-8")
        fresh.replace(target)

    def remove(self) -> None:
        """Take it off the disk."""
        shutil.rmtree(self.root)

    def _spare_start(self) -> None:
        """Be a home in which the host was started within the hour, so that it looks for nothing anew."""
        (self.hermes / ".no-bundled-skills").touch()  # copying them takes seconds
        self.write("models_dev_cache.json", {"nobody": {"id": "nobody", "models": {}}})
        known = {"ts": time.time(), "rev": None, "ver": _version(self.python), "behind": 0}
        (self.hermes / ".update_check").write_text(json.dumps(known), "utf-8")

    # What the recording provider noted

    @property
    def calls(self) -> list[Call]:
        """Every call so far, of every process, in order."""
        path = self.hermes / "recorder.jsonl"
        if not path.exists():
            return []
        text = path.read_text("utf-8")
        return [Call(**json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines()]

    def calls_of(self, *names: str) -> list[Call]:
        """The calls of these methods."""
        return [one for one in self.calls if one.call in names]

    def expect(self, *expected: str, seconds: float = SECONDS) -> list[Call]:
        """Wait for the next calls to come, as many as are named, and hold them to these names in this order.

        Calls that came beyond them are left to the next `expect`; `rest` tells what nobody expected.

        Raises:
            HarnessError: others came, or too few.
        """

        def fresh() -> list[Call]:
            return self.calls[self._told : self._told + len(expected)]

        def told_enough() -> bool:
            came = names(fresh())
            return len(came) == len(expected) or came != list(expected[: len(came)])

        with contextlib.suppress(HarnessError):  # told below, with what did come
            wait_until(told_enough, "a call", seconds)
        came = fresh()
        if names(came) != list(expected):
            heard = names(self.calls[self._told :])
            raise HarnessError(f"expected {list(expected)}, but the provider heard {heard}. {self.tail()}")
        self._told += len(came)
        return came

    @property
    def rest(self) -> list[str]:
        """The calls that came, and that no `expect` has named yet. To be asked when the host has ended."""
        return names(self.calls[self._told :])

    def skip(self) -> None:
        """Let `expect` begin with the calls that come from now on."""
        self._told = len(self.calls)

    def wait_for_call(self, name: str, count: int = 1, seconds: float = SECONDS) -> Call:
        """Wait until a method was called so often, and return the last of those calls."""

        def look() -> Call | None:
            found = self.calls_of(name)
            return found[count - 1] if len(found) >= count else None

        return wait_until(look, f"call {count} of {name}", seconds, self.tail)

    # What the host noted

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the host's own database, `state.db`."""
        path = self.hermes / "state.db"
        if not path.exists():
            raise HarnessError(f"the host made no database. {self.tail()}")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]

    def sessions(self) -> list[dict[str, Any]]:
        """The sessions, oldest first."""
        return self.rows("SELECT * FROM sessions ORDER BY started_at, rowid")

    def messages(self, session: str) -> list[dict[str, Any]]:
        """Every row of a session, also those taken back and those compressed away."""
        return self.rows("SELECT * FROM messages WHERE session_id = ? ORDER BY id", session)

    def processes(self) -> list[int]:
        """The processes of this home that run, whoever started them. Linux only; elsewhere none are seen."""
        mark = f"HERMES_HOME={self.hermes}\0".encode()
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if mark in _read(path)]

    def tail(self, lines: int = 12) -> str:
        """How the host's logs end."""
        logs = sorted([*self.root.glob("*.log"), *(self.hermes / "logs").glob("*.log")])
        return "\n".join(_end(path, lines) for path in logs)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() + b"\0"
    except OSError:  # it ended, or is somebody else's
        return b""


def _end(path: Path, lines: int) -> str:
    told = path.read_text("utf-8", "replace").splitlines()[-lines:]
    return "\n".join([f"--- {path.name} ends:", *told])


def _version(python: Path) -> str:
    """Which release of the host is installed beside the interpreter."""
    found = list(python.parent.parent.glob("lib/python*/site-packages/hermes_agent-*.dist-info"))
    if not found:
        raise HarnessError(f"{python} stands in no environment with hermes-agent: `make hermes` makes one")
    return found[0].name.removeprefix("hermes_agent-").removesuffix(".dist-info")


def _environment(root: Path, hermes: Path, model: FakeModel) -> dict[str, str]:
    """Nothing of whoever runs this; and all that the host wants of the world ends at the fake model, which tells it."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN) and not name.lower().endswith(("_proxy", "_api_key", "_token"))
    }
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), model.root)
    loopback = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    homes = {"HOME": str(root), "HERMES_HOME": str(hermes), "THREADLINE_HOME": str(root / "threadline")}
    shown = {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40", "LANG": "C.UTF-8"}
    return {**clean, **proxies, **loopback, **homes, **shown, "PYTHONUNBUFFERED": "1"}


def _config(model: FakeModel) -> dict[str, Any]:
    """What keeps the host quiet, quick and offline; everything about memory and sessions is at its default."""
    return {
        "_config_version": 33,
        "model": {
            "default": MODEL,
            "provider": "custom",
            "base_url": model.url,
            "api_key": "sk-fake",
            "context_length": 200_000,
        },
        "agent": {"environment_probe": False},  # it runs pip, for two seconds
        "memory": {"nudge_interval": 0},  # every tenth turn it would have the model review the conversation
        "skills": {"creation_nudge_interval": 0},
        "auxiliary": {"title_generation": {"enabled": False}},
        "approvals": {"destructive_slash_confirm": False},
        "model_catalog": {"enabled": False},
        "curator": {"enabled": False},
        "security": {"tirith_enabled": False, "allow_lazy_installs": False},
        "lsp": {"enabled": False},
        "display": {"interface": "cli", "compact": True, "resume_display": "minimal"},
        "onboarding": {"profile_build": "off"},
    }


def _merge(into: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = dict(value) if isinstance(value, Mapping) else value


def names(calls: Iterable[Call]) -> list[str]:
    """The methods alone, for a comparison at a glance."""
    return [one.call for one in calls]
