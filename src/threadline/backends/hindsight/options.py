"""What can be set about a Hindsight server."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

from threadline.backends.hindsight.wire import Budget
from threadline.errors import SettingsError

#: An environment variable of an option is this and its name in capitals.
PREFIX = "THREADLINE_HINDSIGHT_"

_SCOPES = ("per_tag", "combined", "all_combinations", "shared")


@dataclass(frozen=True, slots=True)
class HindsightOptions:
    """The options of the backend `hindsight`: the table `[hindsight]` of `config.toml`, or the environment.

    Attributes:
        url: where the server is.
        api_key: its key; also read from HINDSIGHT_API_KEY, and better kept there than in a file.
        timeout: how long one request, or one retain with its processing, may take, in seconds.
        recall_timeout: how long one recall may take: somebody waits for it.
        budget: how thoroughly the server recalls: `low`, `mid` or `high`.
        types: which kinds of memory are recalled, of `world`, `experience` and `observation`; empty: all.
        context: what the server is told that a conversation is.
        source: delivered as metadata, where set.
        observation_scopes: how the server scopes observations: its own words, or lists of tags; unset: its default.
        retain_mission, reflect_mission, observations_mission: what the bank is for, set when it is first written to.
    """

    url: str
    api_key: str | None = None
    timeout: float = 120.0
    recall_timeout: float = 15.0
    budget: Budget = "mid"
    types: tuple[str, ...] = ()
    context: str = "conversation between an agent and its user"
    source: str | None = None
    observation_scopes: str | tuple[tuple[str, ...], ...] | None = None
    retain_mission: str | None = None
    reflect_mission: str | None = None
    observations_mission: str | None = None

    def __repr__(self) -> str:
        return f"<HindsightOptions {self.url}>"  # never the key

    @property
    def missions(self) -> dict[str, str]:
        """The missions that are set."""
        names = ("retain_mission", "reflect_mission", "observations_mission")
        return {name: value for name in names if (value := getattr(self, name))}

    @classmethod
    def load(cls, given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> HindsightOptions:
        """Put the options together: what is given, then the environment, then the defaults.

        Raises:
            SettingsError: one is unknown, missing or has a bad value.
        """
        environ = os.environ if environ is None else environ
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise SettingsError(f"hindsight: there is no option {name!r}; there are {', '.join(sorted(names))}.")
        values = {name: text for name in names if (text := environ.get(f"{PREFIX}{name.upper()}"))}
        values = {**values, **{name: value for name, value in given.items() if value is not None}}
        if "api_key" not in values and environ.get("HINDSIGHT_API_KEY"):
            values["api_key"] = environ["HINDSIGHT_API_KEY"]
        if "url" not in values:
            raise SettingsError(
                'hindsight: say where the server is: url = "http://..." in the table [hindsight] of config.toml, or '
                f"{PREFIX}URL in the environment."
            )
        converted: dict[str, Any] = {name: _convert(name, value) for name, value in values.items()}
        return cls(**converted)


def _convert(name: str, value: Any) -> Any:
    parse: Callable[[Any], Any] = _PARSERS.get(name, _text)
    try:
        return parse(value)
    except (TypeError, ValueError) as error:
        shown = "..." if name == "api_key" else repr(value)
        raise SettingsError(f"hindsight: {name} = {shown} will not do: {error}.") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it must be text")
    return value.strip()


def _url(value: Any) -> str:
    text = _text(value).rstrip("/")
    if not text.startswith(("http://", "https://")):
        raise ValueError("it must begin with http:// or https://")
    return text


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not 0 < float(value) < float("inf"):
        raise ValueError("it must be a number of seconds above 0")
    return float(value)


def _budget(value: Any) -> str:
    if value not in get_args(Budget):
        raise ValueError(f"it must be one of {', '.join(get_args(Budget))}")
    return str(value)


def _texts(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise TypeError("it must be a list")
    return tuple(_text(part) for part in parts)


def _scopes(value: Any) -> str | tuple[tuple[str, ...], ...]:
    if isinstance(value, str):
        if value not in _SCOPES:
            raise ValueError(f"it must be one of {', '.join(_SCOPES)}, or a list of lists of tags")
        return value
    if not isinstance(value, list | tuple) or not all(isinstance(part, list | tuple) for part in value):
        raise ValueError("it must be a list of lists of tags")
    return tuple(_texts(part) for part in value)


_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "url": _url,
    "timeout": _seconds,
    "recall_timeout": _seconds,
    "budget": _budget,
    "types": _texts,
    "observation_scopes": _scopes,
}
