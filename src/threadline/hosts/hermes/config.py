"""The provider's settings: `$HERMES_HOME/threadline/config.json`, and the key in `$HERMES_HOME/.env`.

Names are those of the Hindsight provider where they mean the same. Nothing in here raises: what is wrong is a line for
the user. A bad value of most settings leaves its default in place. Where it cannot be known any more which memory is
meant (the file cannot be read, or a setting that says so is bad) `broken` says it, and nothing is opened: a bank that
several users share by accident is worse than a memory that waits until the file is mended.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from threadline.database import Durability
from threadline.documents import Budget, MemoryType
from threadline.hosts.hermes.files import read_env
from threadline.hosts.hermes.places import Places
from threadline.tags import TagFilter, Tags

MODES = ("hybrid", "context", "tools")
#: What the Hindsight provider writes before the text of a user and of its agent: no names of anybody.
USER, ASSISTANT = "User", "Assistant"
MATCHES = ("any", "all", "any_strict", "all_strict")


@dataclass(frozen=True, slots=True)
class Config:
    """What can be set.

    Attributes:
        bank_id: the bank that the agent remembers in.
        bank_id_template: a bank for each of something instead: see `templates.py`.
        backend: `embedded`: in this process; `hindsight`: a server.
        api_url, api_key: of the server. The key is better kept in `.env`, as THREADLINE_API_KEY or HINDSIGHT_API_KEY.
        embedder: what the embedded backend finds by meaning with.
        home: where the memories are; empty: beside this file.
        timeout: how long one request to the server may take, in seconds.
        memory_mode: `hybrid`: recalled before each turn, and tools; `context`: no tools; `tools`: nothing by itself.
        auto_recall: whether something is recalled before each turn.
        recall_scope: what that looks through: the whole `bank`, or the `session` and those it descends from.
        recall_budget: how much time better answers may take: `low`, `mid`, `high`. The tools keep to it, too.
        recall_max_tokens: the most that all of the recalled text may take, heading and sources included.
        recall_max_input_chars: so much of the message is asked.
        recall_deadline: how long a turn waits for its memories, in seconds. What was recalled for the turn before is
            taken instead where there is such a thing.
        recall_tags, recall_tags_match: only memories of documents with these tags, also by the tools.
        recall_types: only memories of these types (`world`, `experience`, `observation`), also by the tools; none: any.
            The Hindsight provider has `observation` as its default, which the embedded backend does not make.
        recall_min_confidence: only memories as sure as this; null: as recall itself decides.
        recall_prompt_preamble: stands above the memories instead of our words.
        recall_prefetch_method: `recall`: memories; `reflect`: an answer made from them.
        recall_indicator: whether the user is told how many memories were recalled.
        auto_retain: whether turns are recorded. Without it the host's log is not taken over either; the tool retains,
            and what the host's own memory tool and its subagents say is still kept.
        retain_every_n_turns: so many turns of a session are delivered together. Each is in the journal at once.
        retain_context: what a Hindsight server is told that a conversation is; the embedded backend has no use for it.
        retain_tags: tags of every session and note. `session:` and `parent:` tags are made for a server by themselves.
        retain_source: delivered with every session and note as the metadata `source`.
        retain_user_prefix, retain_assistant_prefix: whom the messages name as their speaker. The Hindsight provider
            writes them before the text; here a message has a role anyway, and they are its name where they are not
            the defaults. A user whom the host names is called by that name.
        observation_scopes: how a Hindsight server scopes observations; the embedded backend makes none.
        redact: whether secrets are taken out before anything is written.
        reconcile: whether what is recorded is compared with the host's own log at start and at the end of a session,
            to find what never arrived and what was undone. What an `/undo` took back is looked up there in any case.
        durability: `process`: a turn survives the death of the process; `power`: also that of the machine.

        hermes: the host's home.
        problems: what is wrong with the file, a line each.
        remarks: what was accepted and has no meaning here, a line each.
        broken: why nothing can be opened; empty: it can.
    """

    hermes: Path
    bank_id: str = "hermes"
    bank_id_template: str = ""
    backend: str = "embedded"
    api_url: str = ""
    api_key: str = field(default="", repr=False)
    embedder: str = "minilm"
    home: str = ""
    timeout: float = 120.0
    memory_mode: str = "hybrid"
    auto_recall: bool = True
    recall_scope: str = "bank"
    recall_budget: Budget = "mid"
    recall_max_tokens: int = 4096
    recall_max_input_chars: int = 800
    recall_deadline: float = 1.5
    recall_tags: tuple[str, ...] = ()
    recall_tags_match: str = "any"
    recall_types: tuple[MemoryType, ...] = ()
    recall_min_confidence: float | None = None
    recall_prompt_preamble: str = ""
    recall_prefetch_method: str = "recall"
    recall_indicator: bool = True
    auto_retain: bool = True
    retain_every_n_turns: int = 1
    retain_context: str = ""
    retain_tags: tuple[str, ...] = ()
    retain_source: str = ""
    retain_user_prefix: str = USER
    retain_assistant_prefix: str = ASSISTANT
    observation_scopes: str | tuple[tuple[str, ...], ...] | None = None
    redact: bool = True
    reconcile: bool = True
    durability: Durability = "process"
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    broken: str = ""

    @classmethod
    def load(cls, hermes_home: str | Path, environ: Mapping[str, str] | None = None) -> Config:
        """Read the settings of a home of the host. It raises nothing."""
        environ = os.environ if environ is None else environ
        places = Places(Path(hermes_home).expanduser().absolute())
        try:
            written = _read(places.settings)
        except ValueError as error:
            problem = (
                f"{places.settings} cannot be read ({error}). Nothing is remembered until it is mended or moved away."
            )
            return cls(places.hermes, problems=(problem,), broken=problem)
        reading = _Reading(str(places.settings))
        values = {
            name: value for name, given in written.items() if (value := reading.convert(name, given)) is not _UNSET
        }
        named = {reading.name(name): value for name, value in values.items()}
        secrets = {**environ, **read_env(places.env)}
        named.setdefault("api_key", secrets.get("THREADLINE_API_KEY") or secrets.get("HINDSIGHT_API_KEY") or "")
        named.setdefault("api_url", secrets.get("HINDSIGHT_API_URL") or "")
        reading.check_together(named)
        return cls(
            places.hermes,
            **named,
            problems=tuple(reading.problems),
            remarks=tuple(reading.remarks),
            broken=reading.broken,
        )

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.home).expanduser().absolute() if self.home else Places(self.hermes).ours

    @property
    def has_tools(self) -> bool:
        """Whether the model gets tools."""
        return self.memory_mode != "context"

    @property
    def recalls(self) -> bool:
        """Whether something is recalled before each turn."""
        return self.auto_recall and self.memory_mode != "tools"

    @property
    def tag_filter(self) -> TagFilter | None:
        """What `recall_tags` and `recall_tags_match` come to."""
        return Tags(*self.recall_tags, match=self.recall_tags_match) if self.recall_tags else None  # type: ignore[arg-type]

    @property
    def settings(self) -> dict[str, Any]:
        """What `Memory.open` is given, besides the home and the bank."""
        return {
            "backend": self.backend,
            "backend_options": self._backend_options(),
            "embedder": self.embedder,
            "durability": self.durability,
            "retain_every_n_turns": self.retain_every_n_turns,
            "redact": self.redact,
        }

    def _backend_options(self) -> dict[str, Any]:
        if self.backend != "hindsight":
            return {}
        options: dict[str, Any] = {
            "api_key": self.api_key,
            "context": self.retain_context,
            "observation_scopes": self.observation_scopes,
        }
        options = {name: value for name, value in options.items() if value}
        options |= {"url": self.api_url, "timeout": self.timeout}
        return options

    def shown(self) -> dict[str, str]:
        """What the host shows of the settings: never the key."""
        shown = {
            "bank": self.bank_id_template or self.bank_id,
            "backend": f"{self.backend} at {self.api_url}" if self.backend == "hindsight" else self.backend,
            "folder": str(self.data),
            "mode": self.memory_mode,
        }
        for number, text in enumerate((*self.problems, *self.remarks), start=1):
            shown[f"note {number}"] = text
        return shown


_UNSET: Any = object()


def setting_names() -> list[str]:
    """The names of everything that can be set."""
    return [each.name for each in fields(Config) if each.name not in ("hermes", "problems", "remarks", "broken")]


def _read(path: Path) -> dict[str, Any]:
    """The file as it is written; nothing where there is none.

    Raises:
        ValueError: it cannot be read; the message says why.
    """
    try:
        written = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(written, dict):
        raise ValueError("it must be an object, as in {}")  # noqa: TRY004 - whoever calls expects one error
    return written


class _Reading:
    """Takes the values one by one, and notes what is wrong with them."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.problems: list[str] = []
        self.remarks: list[str] = []
        self.broken = ""

    @staticmethod
    def name(given: str) -> str:
        """The name of a setting that has others, too."""
        return _ALIASES.get(given, given)

    def convert(self, given: str, value: Any) -> Any:
        """The value as the setting has it, or `_UNSET`."""
        name = self.name(given)
        if given in _WITHOUT_MEANING:
            self.remarks.append(f"{self._source}: {given} means nothing here: {_WITHOUT_MEANING[given]}.")
            return _UNSET
        if name not in _PARSERS:
            self.problems.append(f"{self._source}: there is no setting {given!r}{_guess(given)}; it is left out.")
            return _UNSET
        if value is None or value == "":
            return _UNSET
        try:
            return _PARSERS[name](value)
        except (TypeError, ValueError) as error:
            self._refuse(name, value, error)
            return _UNSET

    def _refuse(self, name: str, value: Any, error: Exception) -> None:
        shown = "..." if name == "api_key" else repr(value)
        problem = f"{self._source}: {name} = {shown} will not do: {error}."
        if name in DECISIVE:
            self.broken = f"{problem} Nothing is remembered until it is mended."
            self.problems.append(self.broken)
        else:
            default = next(each.default for each in fields(Config) if each.name == name)
            self.problems.append(f"{problem} It is {default!r} until it is mended.")

    def check_together(self, values: dict[str, Any]) -> None:
        """What each is fine by itself, and does not go together."""
        if values.get("backend") == "hindsight" and not values["api_url"]:
            self.broken = f'{self._source}: the backend is a Hindsight server; say where: "api_url": "http://...".'
            self.problems.append(self.broken)
        if values.get("backend") != "hindsight" and values.get("recall_types") == ("observation",):
            values["recall_types"] = ()
            self.problems.append(
                f"{self._source}: recall_types = observation would find nothing, as the embedded backend makes no "
                "observations; memories of any type are recalled."
            )


def _guess(name: str) -> str:
    near = difflib.get_close_matches(name, _PARSERS, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


# Values, also as people and set-up forms write them

Parse = Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("it must be text")
    return value.strip()


def _name(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not (text := _text(value)):
        raise ValueError("it must be some text")
    return text


def _url(value: Any) -> str:
    text = _text(value).rstrip("/")
    if not text.startswith(("http://", "https://")):
        raise ValueError("it must begin with http:// or https://")
    return text


def _choice(*choices: str) -> Parse:
    def parse(value: Any) -> str:
        text = _text(value).lower()
        if text not in choices:
            raise ValueError(f"it must be one of {', '.join(choices)}")
        return text

    return parse


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    raise ValueError("it must be true or false")


def _count(value: Any) -> int:
    number = _number(value, "it must be a whole number from 1")
    if number != int(number) or number < 1:
        raise ValueError("it must be a whole number from 1")
    return int(number)


def _seconds(value: Any) -> float:
    number = _number(value, "it must be a number of seconds")
    if not 0 < number < 86_400:
        raise ValueError("it must be a number of seconds above 0, of a day at most")
    return number


def _share(value: Any) -> float:
    number = _number(value, "it must be a number from 0 to 1")
    if not 0 <= number <= 1:
        raise ValueError("it must be a number from 0 to 1")
    return number


def _number(value: Any, otherwise: str) -> float:
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(otherwise) from error
    if not abs(number) < float("inf"):
        raise ValueError(otherwise)
    return number


def _texts(value: Any) -> tuple[str, ...]:
    """A list of texts, also written as JSON or with commas between them."""
    if isinstance(value, str):
        value = _from_json(value) if value.strip().startswith("[") else value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(each, str | int) for each in value):
        raise TypeError("it must be a list of texts")
    return tuple(dict.fromkeys(text for each in value if (text := str(each).strip())))


def _types(value: Any) -> tuple[str, ...]:
    types = _texts(value)
    if unknown := [each for each in types if each not in get_args(MemoryType)]:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(get_args(MemoryType))}")
    return types


def _scopes(value: Any) -> str | tuple[tuple[str, ...], ...] | None:
    """A word, one list of tags, or several, as the Hindsight provider takes them."""
    words = ("per_tag", "combined", "all_combinations", "shared")
    if isinstance(value, str):
        if not value.strip().startswith("["):
            return str(_choice(*words)(value))
        value = _from_json(value)
    if not isinstance(value, list | tuple):
        raise TypeError(f"it must be one of {', '.join(words)}, or a list of lists of tags")
    if all(isinstance(each, str) for each in value):
        value = [value]
    return tuple(scope for each in value if (scope := _texts([each] if isinstance(each, str) else each))) or None


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError("it is no list") from error


_PARSERS: Mapping[str, Parse] = {
    "bank_id": _name,
    "bank_id_template": _text,
    "backend": _name,
    "api_url": _url,
    "api_key": _text,
    "embedder": _name,
    "home": _text,
    "timeout": _seconds,
    "memory_mode": _choice(*MODES),
    "auto_recall": _switch,
    "recall_scope": _choice("bank", "session"),
    "recall_budget": _choice(*get_args(Budget)),
    "recall_max_tokens": _count,
    "recall_max_input_chars": _count,
    "recall_deadline": _seconds,
    "recall_tags": _texts,
    "recall_tags_match": _choice(*MATCHES),
    "recall_types": _types,
    "recall_min_confidence": _share,
    "recall_prompt_preamble": _text,
    "recall_prefetch_method": _choice("recall", "reflect"),
    "recall_indicator": _switch,
    "auto_retain": _switch,
    "retain_every_n_turns": _count,
    "retain_context": _text,
    "retain_tags": _texts,
    "retain_source": _text,
    "retain_user_prefix": _text,
    "retain_assistant_prefix": _text,
    "observation_scopes": _scopes,
    "redact": _switch,
    "reconcile": _switch,
    "durability": _choice(*get_args(Durability)),
}
#: Those that say which memory is meant, or that something must not be written: no default is as good.
DECISIVE = frozenset({"bank_id", "bank_id_template", "backend", "api_url", "home", "redact", "auto_retain"})
_ALIASES = {
    "bankId": "bank_id",
    "apiUrl": "api_url",
    "apiKey": "api_key",
    "budget": "recall_budget",
    "prefetch_method": "recall_prefetch_method",
}
_WITHOUT_MEANING = {
    "retain_async": "a turn is in the journal at once, and delivered in the background",
    "recall_sync": "a turn always gets what is recalled for its own message",
}
