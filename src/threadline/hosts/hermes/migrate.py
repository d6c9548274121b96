"""From the bundled Hindsight provider: its settings, read as it reads them, become ours where they mean the same.

Nothing of Hindsight's is changed. What becomes of each setting is told; what a secret says is not.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from threadline.errors import InputError
from threadline.hosts.hermes.files import read_env, read_json, write_env, write_json
from threadline.hosts.hermes.install import Step, make_folder
from threadline.hosts.hermes.places import Places

Became = Literal["kept", "not needed", "no such thing", "not kept"]

_CLOUD_URL = "https://api.hindsight.vectorize.io"
_LOCAL_URL = "http://localhost:8888"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one setting of Hindsight's.

    Attributes:
        name: as it is written there.
        became: in a word.
        told: as what, or why not. Never a secret.
    """

    name: str
    became: Became
    told: str


@dataclass(slots=True)
class Migration:
    """What is taken over.

    Attributes:
        source: where the settings came from, in words.
        settings: ours.
        secrets: for `.env`.
        fates: of each setting that was found.
        hints: what else the user should know.
    """

    source: str
    settings: dict[str, Any] = field(default_factory=dict, repr=False)  # there may be a key in the url
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    fates: list[Fate] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def keep(self, name: str, ours: str, value: Any) -> None:
        """Take a value over as our setting of that name."""
        self.settings[ours] = value
        self.tell(name, "kept", shown(ours, value))

    def tell(self, name: str, became: Became, told: str) -> None:
        """Say what became of a setting."""
        self.fates.append(Fate(name, became, told))


def shown(name: str, value: Any) -> str:
    """A setting as it may be printed."""
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        value = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return f"{name}: {json.dumps(value, ensure_ascii=False)}"


# What each setting becomes


class _BadValueError(ValueError):
    """A value that Hindsight would have passed over, too."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _BadValueError("it is no text")
    return value.strip()


def _choice(*choices: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise _BadValueError(f"it is none of {', '.join(choices)}")
        return str(value)

    return parse


def _count(value: Any) -> int:
    try:
        return max(1, int(value))
    except (TypeError, ValueError, OverflowError):
        raise _BadValueError("it is no whole number") from None


def _switch(value: Any) -> bool:
    return value.strip().lower() not in ("", "0", "false", "off", "no") if isinstance(value, str) else bool(value)


def _list(value: Any) -> list[str]:
    """A list, also one written as text: with commas, or in JSON."""
    if isinstance(value, str) and value.strip().startswith("["):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    return list(dict.fromkeys(text for part in parts if (text := str(part).strip())))


def _scopes(value: Any) -> str | list[list[str]]:
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise _BadValueError("it is no list of lists of tags") from None
    if isinstance(value, str):
        return _choice("per_tag", "combined", "all_combinations")(value.strip())
    if not isinstance(value, list):
        raise _BadValueError("it is no list of lists of tags")
    scopes = [value] if all(isinstance(part, str) for part in value) else value
    return [_list(part) for part in scopes]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A setting that means the same here.

    Attributes:
        parse: its value from what Hindsight takes for one.
        aliases: other names of it, in the order in which Hindsight looks.
        variable: where Hindsight looks when the file says nothing.
    """

    parse: Callable[[Any], Any]
    aliases: tuple[str, ...] = ()
    variable: str = ""


_KEPT: Mapping[str, _Kept] = {
    "bank_id": _Kept(_text, ("bankId", "banks.hermes.bankId")),
    "bank_id_template": _Kept(_text),
    "memory_mode": _Kept(_choice("hybrid", "context", "tools")),
    "auto_recall": _Kept(_switch),
    "recall_budget": _Kept(_choice("low", "mid", "high"), ("budget", "banks.hermes.budget")),
    "recall_prefetch_method": _Kept(_choice("recall", "reflect"), ("prefetch_method",)),
    "recall_max_tokens": _Kept(_count),
    "recall_max_input_chars": _Kept(_count),
    "recall_tags": _Kept(_list),
    "recall_tags_match": _Kept(_choice("any", "all", "any_strict", "all_strict")),
    "recall_types": _Kept(_list),
    "recall_prompt_preamble": _Kept(_text),
    "auto_retain": _Kept(_switch),
    "retain_every_n_turns": _Kept(_count),
    "retain_context": _Kept(_text),
    "retain_tags": _Kept(_list, (), "HINDSIGHT_RETAIN_TAGS"),
    "retain_source": _Kept(_text, (), "HINDSIGHT_RETAIN_SOURCE"),
    "retain_user_prefix": _Kept(_text, (), "HINDSIGHT_RETAIN_USER_PREFIX"),
    "retain_assistant_prefix": _Kept(_text, (), "HINDSIGHT_RETAIN_ASSISTANT_PREFIX"),
    "observation_scopes": _Kept(_scopes, (), "HINDSIGHT_RETAIN_OBSERVATION_SCOPES"),
    "timeout": _Kept(_count, (), "HINDSIGHT_TIMEOUT"),
}

#: Read only where there is no file at all.
_ONLY_WITHOUT_FILE = {"bank_id": "HINDSIGHT_BANK_ID", "recall_budget": "HINDSIGHT_BUDGET", "mode": "HINDSIGHT_MODE"}

_DAEMON = "Threadline starts no server of its own"
_NO_MODEL = "Threadline remembers without a language model"
_ALWAYS = "it is always so: a retain is in the journal when it returns, and is delivered in the background"

#: Settings that have no counterpart, and why.
_ELSEWISE: Mapping[str, tuple[Became, str]] = {
    "retain_async": ("not needed", _ALWAYS),
    "recall_sync": ("not needed", "it is always so: what is recalled belongs to the message it is recalled for"),
    "idle_timeout": ("not needed", _DAEMON),
    "port_health_grace_timeout": ("not needed", _DAEMON),
    "profile": ("not needed", _DAEMON),
    "llm_provider": ("not needed", _NO_MODEL),
    "llm_model": ("not needed", _NO_MODEL),
    "llm_base_url": ("not needed", _NO_MODEL),
    "llm_api_key": ("not needed", _NO_MODEL),
    "llmApiKey": ("not needed", _NO_MODEL),
    "bank_mission": ("no such thing", "the bundled provider does nothing with it either; what the server has stays"),
    "bank_retain_mission": (
        "no such thing",
        "the bundled provider does nothing with it either; what the server has stays",
    ),
    "banks.hermes.enabled": ("not needed", "memory.provider in config.yaml says it"),
}

_CONNECTION = ("mode", "api_url", "apiUrl", "api_key", "apiKey")


# Reading


def read_hindsight(
    places: Places, user_home: Path | None = None, environ: Mapping[str, str] | None = None
) -> Migration:
    """Find the settings of the Hindsight provider, and what becomes of each.

    Its file in the home of the host, else the one in `~/.hindsight`, else the environment; `.env` counts as the
    environment and wins over it, as in the host.

    Raises:
        InputError: there are none, or the file cannot be read.
    """
    environ = {**(os.environ if environ is None else environ), **read_env(places.env)}
    paths = (places.hermes / "hindsight" / "config.json", (user_home or Path.home()) / ".hindsight" / "config.json")
    path = next((path for path in paths if path.is_file()), None)
    found = read_json(path) if path is not None else None
    if found is None:
        found = {name: value for name, key in _ONLY_WITHOUT_FILE.items() if (value := environ.get(key))}
        if not found and not any(environ.get(key) for key in ("HINDSIGHT_API_KEY", "HINDSIGHT_API_URL")):
            raise InputError(
                f"There are no settings of the Hindsight provider: no {paths[0]}, no {paths[1]}, and nothing in "
                f"{places.env} or the environment. Nothing is to be taken over."
            )
    migration = Migration(str(path) if path is not None else "the environment")
    flat = _flat(found)
    _connection(migration, flat, environ, read_env(places.env))
    for name, kept in _KEPT.items():
        _keep(migration, name, kept, flat, environ)
    _others(migration, flat)
    return migration


def _flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by name; the nested ones of old files by their path."""
    flat = {name: value for name, value in found.items() if name != "banks"}
    banks = found.get("banks")
    for bank, settings in banks.items() if isinstance(banks, dict) else ():
        for name, value in settings.items() if isinstance(settings, dict) else ():
            flat[f"banks.{bank}.{name}"] = value
    return flat


def _keep(migration: Migration, ours: str, kept: _Kept, flat: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Take the first of its names that says something; the others say nothing then, as with Hindsight."""
    names = [name for name in (ours, *kept.aliases) if name in flat]
    name = next((name for name in names if flat[name] not in (None, "", [])), None)
    for other in names:
        if other != name:
            told = "it is empty" if name is None or names.index(other) < names.index(name) else f"{name} wins over it"
            migration.tell(other, "not needed", told)
    value = environ.get(kept.variable) if name is None and kept.variable else flat[name] if name is not None else None
    if value is None or value == "":
        return
    try:
        migration.keep(name or kept.variable, ours, kept.parse(value))
    except _BadValueError as error:
        migration.tell(
            name or kept.variable, "not kept", f"{error}, and Hindsight passes over it, too; the default holds"
        )


def _others(migration: Migration, flat: Mapping[str, Any]) -> None:
    known = {*_CONNECTION, *_KEPT, *(alias for kept in _KEPT.values() for alias in kept.aliases)}
    for name in flat:
        if name not in known:
            became, told = _ELSEWISE.get(name, ("no such thing", "the Hindsight provider does not know it either"))
            migration.tell(name, became, told)
    if "recall_types" not in migration.settings:
        migration.hints.append(
            "Without recall_types the Hindsight provider recalled observations alone; Threadline recalls every type. "
            'Set "recall_types": ["observation"] to have that.'
        )


# The server


def _connection(
    migration: Migration, flat: Mapping[str, Any], environ: Mapping[str, str], dotenv: Mapping[str, str]
) -> None:
    mode = flat.get("mode") or "cloud"
    if mode in ("local", "local_embedded"):
        _embedded(migration, flat, mode)
        return
    migration.settings["backend"] = "hindsight"
    migration.tell("mode", "kept", f"backend: hindsight ({mode}: the server stays the same, and so does what it holds)")
    _url(migration, flat, environ, _LOCAL_URL if mode == "local_external" else _CLOUD_URL)
    _key(migration, flat, environ, dotenv)
    migration.hints.append(
        "The backend hindsight needs a package of its own in the Python of hermes: pip install 'threadline[hindsight]'."
    )


def _embedded(migration: Migration, flat: Mapping[str, Any], mode: str) -> None:
    """Hindsight's own daemon: it lived within that provider, and nothing else starts it."""
    migration.settings["backend"] = "embedded"
    migration.tell(
        "mode", "not kept", f"{mode}: the Hindsight provider itself ran that server; backend: embedded instead"
    )
    for name in ("api_url", "apiUrl", "api_key", "apiKey"):
        if name in flat:
            migration.tell(name, "not needed", f"the mode {mode} does not use it")
    migration.hints.append(
        "What the Hindsight provider's own server holds stays with it. To go on with it, run that server yourself "
        '(hindsight-embed), and set "backend": "hindsight" and "api_url".'
    )


def _url(migration: Migration, flat: Mapping[str, Any], environ: Mapping[str, str], default: str) -> None:
    sources = {name: flat[name] for name in ("api_url", "apiUrl") if flat.get(name)}
    if environ.get("HINDSIGHT_API_URL"):
        sources["HINDSIGHT_API_URL"] = environ["HINDSIGHT_API_URL"]
    if not sources:
        migration.settings["api_url"] = default
        migration.tell("api_url", "kept", f"{shown('api_url', default)} (it was not set: the default of the mode)")
        return
    first, *rest = sources
    try:
        migration.keep(first, "api_url", _text(sources[first]))
    except _BadValueError as error:
        raise InputError(f"{migration.source}: {first} will not do: {error}. Mend it first.") from error
    for name in rest:
        migration.tell(name, "not needed", f"{first} wins over it")


def _key(migration: Migration, flat: Mapping[str, Any], environ: Mapping[str, str], dotenv: Mapping[str, str]) -> None:
    names = [name for name in ("apiKey", "api_key") if flat.get(name)]
    if names:
        first, *rest = names
        # Ours to be read first: the same may be set otherwise in the environment.
        migration.secrets["THREADLINE_API_KEY"] = str(flat[first])
        migration.tell(first, "kept", "THREADLINE_API_KEY in .env (its value is not shown)")
        for name in rest:
            migration.tell(name, "not needed", f"{first} wins over it")
    elif environ.get("HINDSIGHT_API_KEY"):
        where = ".env" if "HINDSIGHT_API_KEY" in dotenv else "the environment"
        migration.tell("HINDSIGHT_API_KEY", "kept", f"it stays in {where}, and Threadline reads it there")


# Writing


def plan_migration(places: Places, migration: Migration) -> list[Step]:
    """What writing our settings does. Settings of ours that Hindsight does not have stay.

    Raises:
        InputError: our own file cannot be read.
    """
    found = read_json(places.settings)
    before = found or {}
    after = {**before, **migration.settings}
    changed = [name for name, value in after.items() if name not in before or before[name] != value]
    if changed:
        told = "; ".join(_change(name, before, after) for name in changed)
        what = "written" if found is None else "changed"
        steps = [Step(places.settings, f"{what} ({told})", partial(_write, places, after))]
    else:
        steps = [Step(places.settings, "says all of it already")]
    dotenv = read_env(places.env)
    secrets = {name: value for name, value in migration.secrets.items() if dotenv.get(name) != value}
    if secrets:
        told = f"{', '.join(secrets)} written; other lines stay"
        steps.append(Step(places.env, told, partial(write_env, places.env, secrets)))
    return steps


def _change(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    was = "" if name not in before else f", was {shown(name, before[name]).removeprefix(f'{name}: ')}"
    return shown(name, after[name]) + was


def _write(places: Places, settings: dict[str, Any]) -> None:
    make_folder(places.ours, 0o700)
    write_json(places.settings, settings)
