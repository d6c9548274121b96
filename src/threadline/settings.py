"""One typed object for everything that can be set, and where its values come from.

In order: what the caller passes, the environment (`THREADLINE_<NAME>`), `config.toml` in the data directory,
the defaults below.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, get_args

from threadline.database import Durability
from threadline.errors import SettingsError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

#: Makes of a value, which may be text, what a setting is; TypeError or ValueError where it cannot.
Parser = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set.

    Attributes:
        home: the data directory.
        bank: the bank that is opened when none is named.
        backend: what remembers: `embedded`, `hindsight`, or one that an installed package registers.
        backend_options: the backend's own options: in `config.toml` the table of its name.
        durability: `process`: a turn survives the death of the process; `power`: also that of the machine.
        embedder: what finds by meaning: `minilm`, `static`, `sentence-transformers`, `fastembed`, `openai`, or one that
            an installed package registers; `none`: words only, with no model in memory.
        embedder_options: the embedder's own options: in `config.toml` the table `embedder_options.` and its name.
        retain_every_n_turns: how many turns of a session are delivered together.
        idle_seconds: an unfinished batch is delivered after this long without a turn.
        redact: whether secrets are taken out before anything is written; unset: as the bank was made, on at first.
        shutdown_seconds: how long closing may take; what is not delivered by then is delivered at the next start.
        fresh_seconds: how long a recall that asks for it waits for what is still on its way.
        max_turn_megabytes: the largest turn or note that is taken.
    """

    home: Path = Path("~/.threadline")
    bank: str = "default"
    backend: str = "embedded"
    backend_options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # there may be a key in it
    durability: Durability = "process"
    embedder: str = "minilm"
    embedder_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    retain_every_n_turns: int = 1
    idle_seconds: float = 30.0
    redact: bool | None = None
    shutdown_seconds: float = 5.0
    fresh_seconds: float = 5.0
    max_turn_megabytes: float = 32.0

    def __post_init__(self) -> None:
        """A `~` is the user's own folder here too, and never one of that name."""
        object.__setattr__(self, "home", Path(self.home).expanduser().absolute())

    @classmethod
    def load(cls, home: str | Path | None = None, environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Put the settings together.

        Args:
            home: the data directory; None: `THREADLINE_HOME`, else `~/.threadline`.
            given: values that win over the environment and the file; None counts as not given.

        Raises:
            SettingsError: a setting is unknown or has a bad value; the message says where it comes from.
        """
        environ = os.environ if environ is None else environ
        settings = cls(home=Path(home or environ.get("THREADLINE_HOME") or cls().home))
        config = settings.home / "config.toml"
        written = read_config(config)
        tables = {name: value for name, value in written.items() if isinstance(value, dict)}
        of_none = {k: v for k, v in written.items() if k not in tables}
        in_variables = from_environment(environ, _PARSERS.keys() - {"backend_options", "embedder_options"})
        settings = apply(settings, of_none, str(config), _PARSERS)
        settings = apply(settings, in_variables, "the environment", _PARSERS)
        settings = apply(settings, {k: v for k, v in given.items() if v is not None}, "the call", _PARSERS)
        return replace(
            settings,
            backend_options={**tables.get(settings.backend, {}), **settings.backend_options},
            embedder_options={**_of_embedder(settings.embedder, tables, config), **settings.embedder_options},
        )


class Given(TypedDict, total=False):
    """The settings that `Memory.open` takes by name and has no argument for, for the type checker."""

    backend_options: Mapping[str, Any] | None
    durability: Durability | None
    embedder: str | None
    embedder_options: Mapping[str, Any] | None
    retain_every_n_turns: int | None
    idle_seconds: float | None
    redact: bool | None
    shutdown_seconds: float | None
    fresh_seconds: float | None
    max_turn_megabytes: float | None


def read_config(path: Path) -> dict[str, Any]:
    """What a `config.toml` says; nothing where there is none.

    Raises:
        SettingsError: it cannot be read.
    """
    import tomllib

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):  # a home that cannot be one is refused by whoever opens it
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}); mend it or move it away.") from error


def _of_embedder(name: str, tables: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The table `[embedder_options.<name>]`: a table of the name alone might be a backend's."""
    of_each = tables.get("embedder_options", {})
    for key, value in of_each.items():
        if not isinstance(value, dict):
            raise SettingsError(
                f"{path}: {key!r} is no table of an embedder; write [embedder_options.{name}] above it."
            )
    found: Mapping[str, Any] = of_each.get(name, {})
    return found


def from_environment(environ: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """The settings that a variable `THREADLINE_<NAME>` gives."""
    return {name: text for name in names if (text := environ.get(f"THREADLINE_{name.upper()}"))}


def apply(settings: T, values: Mapping[str, Any], source: str, parsers: Mapping[str, Parser]) -> T:
    """The settings with these values put over them.

    Args:
        source: where the values come from, for the message.
        parsers: what makes of a value what its setting is; by the names of all settings.

    Raises:
        SettingsError: a setting is unknown or has a bad value.
    """
    for name, value in values.items():
        if name not in parsers:
            raise SettingsError(f"{source}: there is no setting {name!r}; there are {', '.join(sorted(parsers))}.")
        try:
            settings = replace(settings, **{name: parsers[name](value)})
        except (TypeError, ValueError) as error:
            raise SettingsError(f"{source}: {name} = {value!r} will not do: {error}.") from error
    return settings


def as_text(value: Any) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("it must be text")
    return value


def as_options(value: Any) -> Mapping[str, Any]:
    """A table of options by name."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError("it must be a table of options")
    return value


def one_of(*choices: str) -> Parser:
    """One of a few words."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"it must be one of {', '.join(choices)}")
        return str(value)

    return parse


def as_count(value: Any) -> int:
    """A whole number from 1."""
    if isinstance(value, bool) or int(value) != float(value) or int(value) < 1:
        raise ValueError("it must be a whole number from 1")
    return int(value)


def as_amount(value: Any) -> float:
    """A number from 0."""
    if isinstance(value, bool) or not 0 <= float(value) < float("inf"):
        raise ValueError("it must be a number from 0")
    return float(value)


def as_switch(value: Any) -> bool:
    """On or off, also in words."""
    if isinstance(value, bool):
        return value
    switches = {
        "1": True,
        "true": True,
        "on": True,
        "yes": True,
        "0": False,
        "false": False,
        "off": False,
        "no": False,
    }
    if str(value).lower() not in switches:
        raise ValueError("it must be on or off")
    return switches[str(value).lower()]


_PARSERS: Mapping[str, Parser] = {
    "bank": as_text,
    "backend": as_text,
    "backend_options": as_options,
    "durability": one_of(*get_args(Durability)),
    "embedder": as_text,
    "embedder_options": as_options,
    "retain_every_n_turns": as_count,
    "idle_seconds": as_amount,
    "redact": as_switch,
    "shutdown_seconds": as_amount,
    "fresh_seconds": as_amount,
    "max_turn_megabytes": as_amount,
}
