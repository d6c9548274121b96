"""`hermes memory setup threadline`: a few questions, the answers into our settings, and the host's provider set.

The host would write its `config.yaml` anew for that, without its comments; here one line of it is changed.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from threadline.cli.output import printable
from threadline.errors import ThreadlineError
from threadline.hosts.hermes import setup
from threadline.hosts.hermes.config import Config
from threadline.hosts.hermes.files import read_env, read_json, write_env
from threadline.hosts.hermes.install import Step, carry_out, plan_activation
from threadline.hosts.hermes.migrate import plan_migration, read_hindsight
from threadline.hosts.hermes.places import Places


def post_setup(hermes_home: str | Path) -> None:
    """Ask, write and activate. What goes wrong is one line."""
    places = Places(Path(hermes_home))
    try:
        steps = _take_over(places)
        if not steps:
            _ask(places)
        steps += plan_activation(places)
        carry_out([step for step in steps if step.changes])
    except ThreadlineError as error:
        _say(f"Not set up: {error}")
        return
    for step in steps:
        _say(f"{step.path}: {step.told}")
    for problem in Config.load(places.hermes).problems:
        _say(problem)
    _say("Sessions that begin from now on remember. `hermes threadline doctor` looks whether it works.")


def _take_over(places: Places) -> list[Step]:
    """The settings of the Hindsight provider, where there are some and none of ours, and the user wants them."""
    if not (places.hermes / "hindsight" / "config.json").is_file() or set(read_json(places.settings) or ()) - _FIRST:
        return []
    if _answer("Take over the settings of the Hindsight provider, its server included?", "yes") not in ("yes", "y"):
        return []
    return plan_migration(places, read_hindsight(places))


#: What an installation begins with.
_FIRST = {"bank_id", "backend"}


def _ask(places: Places) -> None:
    """Ask for each setting of the schema that the answers so far leave open; nothing typed leaves what is there."""
    written = read_json(places.settings) or {}
    answers: dict[str, Any] = {}
    for field in setup.SCHEMA:
        wanted = field.get("when", {})
        if any({**written, **answers}.get(name, _default(name)) != value for name, value in wanted.items()):
            continue
        if field.get("secret"):
            _ask_secret(places, field)
        else:
            answers[field["key"]] = _ask_one(field, written.get(field["key"], field.get("default", "")))
    setup.save(answers, places.hermes)


def _default(name: str) -> Any:
    return next((field.get("default") for field in setup.SCHEMA if field["key"] == name), None)


def _ask_one(field: Mapping[str, Any], current: Any) -> str:
    choices = field.get("choices")
    question = f"{field['description']} ({', '.join(choices)})" if choices else str(field["description"])
    while True:
        answer = _answer(question, str(current))
        if not choices or answer in choices or answer == str(current):
            return answer
        _say(f"It must be one of {', '.join(choices)}.")


def _ask_secret(places: Places, field: Mapping[str, Any]) -> None:
    name = str(field["env_var"])
    there = name in read_env(places.env) or bool(os.environ.get(name))
    question = f"  {field['description']}{' [keep the one that is set]' if there else ''}: "
    try:
        answer = getpass.getpass(question) if sys.stdin.isatty() else _answer(question.strip(" :"), "")
    except EOFError:
        answer = ""
    if answer.strip():
        write_env(places.env, {name: answer.strip()})
        _say(f"{places.env}: {name} written")


def _answer(question: str, current: str) -> str:
    """What is typed; the value in brackets where nothing is, or nobody is there."""
    sys.stdout.write(printable(f"  {question}{f' [{current}]' if current else ''}: "))
    sys.stdout.flush()
    typed = sys.stdin.readline()
    if not typed.endswith("\n"):
        sys.stdout.write("\n")
    return typed.strip() or current


def _say(text: str) -> None:
    sys.stdout.write(printable(f"  {text}\n"))
