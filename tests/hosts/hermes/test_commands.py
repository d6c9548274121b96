"""`hermes threadline ...`, `hermes memory setup|status` and the desktop panel: what the host finds beside the shim."""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from threadline import ThreadlineError
from threadline.cli.app import app
from threadline.cli.output import PROGRAM
from threadline.hosts.hermes import commands, setup
from threadline.hosts.hermes.config import Config, setting_names
from threadline.hosts.hermes.install import FILES, carry_out, plan_install
from threadline.hosts.hermes.places import Places, profile_of
from threadline.hosts.hermes.pool import Pool
from threadline.hosts.hermes.provider import ThreadlineProvider
from threadline.hosts.hermes.wizard import post_setup

from .conftest import NewHome
from .harness.home import Home
from .harness.model import FakeModel
from .harness.oneshot import ask


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A home with the plug-in in it, that finds by words alone."""
    home = tmp_path / "hermes"
    home.mkdir()
    monkeypatch.setenv("HERMES_HOME", str(home))
    for name in ("THREADLINE_API_KEY", "HINDSIGHT_API_KEY", "HINDSIGHT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    found = Places(home)
    carry_out(plan_install(found))
    found.settings.write_text('{"embedder": "none"}', "utf-8")
    return found


def load(path: Path) -> ModuleType:
    """A file as the host loads it."""
    spec = importlib.util.spec_from_file_location("loaded_by_the_host", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# hermes threadline


def test_a_command_works_on_the_memory_of_the_home(places: Places, capfd: pytest.CaptureFixture[str]) -> None:
    assert commands.run("retain", ["The staging database is in Frankfurt."]) == 0
    assert commands.run("recall", ["where is the staging database?", "--json"]) == 0
    found = json.loads(capfd.readouterr().out.partition("\n")[2])
    assert found[0]["text"] == "The staging database is in Frankfurt."
    assert (places.ours / "journal.db").exists()
    assert commands.run(None, []) == 0
    shown = capfd.readouterr().out
    assert "memory.provider: threadline" in shown
    assert "bank  hermes in" in shown
    assert PROGRAM.get() == "threadline"


def test_a_command_names_commands_as_they_are_typed_there(places: Places, capfd: pytest.CaptureFixture[str]) -> None:
    assert commands.run("outbox", ["retry", "--help"]) == 0
    shown = " ".join(capfd.readouterr().out.split())
    assert "hermes threadline outbox retry 17 18" in shown
    assert "`hermes threadline rebuild" in shown
    assert commands.run("doctor", ["--help"]) == 0
    assert "\n    hermes threadline doctor\n" in capfd.readouterr().out
    assert commands.run("show", ["s1"]) == 1
    assert "`hermes threadline import FILE`" in capfd.readouterr().err
    assert commands.run("nonsense", []) == 2
    assert "`threadline" in (app.commands["outbox"].commands["retry"].help or ""), "ours stays"  # type: ignore[attr-defined]


def test_broken_settings_are_one_line(places: Places, capfd: pytest.CaptureFixture[str]) -> None:
    places.settings.write_text("{", "utf-8")
    assert commands.run("recall", ["x"]) == 1
    error = capfd.readouterr().err
    assert error.startswith("Error: ")
    assert str(places.settings) in error
    assert error.count("\n") == 1
    assert commands.run("reconcile", []) == 1


def test_every_command_of_the_shim_is_one_of_ours(places: Places) -> None:
    parser = argparse.ArgumentParser(prog="hermes")
    threadline = parser.add_subparsers().add_parser("threadline")
    load(places.plugin / "cli.py").register_cli(threadline)
    listed = next(action for action in threadline._actions if isinstance(action, argparse._SubParsersAction))
    assert set(listed.choices) == {"status", "doctor", "reconcile", *commands.NAMES}
    typed = ["threadline", "recall", "--json", "-h", "what?", "--limit", "3"]
    parsed = parser.parse_args(typed)
    assert (parsed.threadline_command, parsed.arguments) == ("recall", typed[2:])
    assert parser.parse_args(["threadline"]).threadline_command is None


def test_the_shim_runs_them(places: Places, capfd: pytest.CaptureFixture[str]) -> None:
    shim = load(places.plugin / "cli.py")
    with pytest.raises(SystemExit) as ended:
        shim.threadline_command(SimpleNamespace(threadline_command="status", arguments=["--json"]))
    assert ended.value.code == 0
    assert json.loads(capfd.readouterr().out)["active"] is True


def test_a_profile_is_called_as_the_host_calls_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    native = tmp_path / ".hermes"
    assert profile_of(native, {}) == "default"
    assert profile_of(native / "profiles" / "coder", {}) == "coder"
    assert profile_of(tmp_path / "elsewhere", {}) == "custom"
    assert profile_of(tmp_path / "elsewhere", {"HERMES_HOME": str(tmp_path / "elsewhere")}) == "default"


# hermes memory setup threadline


def answer(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_setup_asks_and_writes(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places.config.write_text("a: 1 # mine\n", "utf-8")
    answer(monkeypatch, "magic", "hindsight", "http://h:1", "sk-secret", "work", "context")
    post_setup(str(places.hermes))
    shown = capsys.readouterr().out
    assert "It must be one of embedded, hindsight." in shown
    assert f"{places.config}: memory.provider: threadline (there was none)" in shown
    assert "sk-secret" not in shown
    config = Config.load(places.hermes, {})
    assert (config.backend, config.api_url, config.api_key) == ("hindsight", "http://h:1", "sk-secret")
    assert (config.bank_id, config.memory_mode, config.embedder) == ("work", "context", "none")
    assert "sk-secret" not in places.settings.read_text("utf-8")
    assert places.config.read_text("utf-8") == "a: 1 # mine\nmemory:\n  provider: threadline\n"


def test_setup_without_answers_leaves_what_is_there(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    places.settings.write_text('{"bank_id": "work", "embedder": "none"}', "utf-8")
    answer(monkeypatch)
    post_setup(str(places.hermes))
    config = Config.load(places.hermes, {})
    assert (config.bank_id, config.backend, config.embedder, config.problems) == ("work", "embedded", "none", ())
    assert not places.env.exists()


def test_setup_offers_the_settings_of_the_hindsight_provider(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    (places.hermes / "hindsight").mkdir()
    written = '{"mode": "local_external", "bank_id": "theirs"}'
    (places.hermes / "hindsight" / "config.json").write_text(written, "utf-8")
    places.settings.write_text('{"bank_id": "hermes", "backend": "embedded"}', "utf-8")
    answer(monkeypatch, "no", "", "ours", "")
    post_setup(str(places.hermes))
    assert Config.load(places.hermes, {}).bank_id == "ours"
    places.settings.write_text('{"bank_id": "hermes", "backend": "embedded"}', "utf-8")
    answer(monkeypatch, "yes")
    post_setup(str(places.hermes))
    config = Config.load(places.hermes, {})
    assert (config.bank_id, config.backend, config.api_url) == ("theirs", "hindsight", "http://localhost:8888")


def test_setup_that_cannot_write_is_one_line(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places.config.write_text("memory: [\n", "utf-8")
    answer(monkeypatch)
    post_setup(str(places.hermes))
    assert "Not set up: config.yaml cannot be read" in capsys.readouterr().out


# What is said when something is wrong


def damaged(home: Path) -> None:
    (home / "state.db").write_text("no database" * 100, "utf-8")


def foreign(home: Path) -> None:
    with sqlite3.connect(home / "state.db") as connection:
        connection.execute("CREATE TABLE something (else_)")
    connection.close()


SYMPTOMS: dict[str, tuple[str, Callable[[Path], None] | None]] = {
    "corrupt": ("{", None),
    "unknown": ('{"recall_max_token": 5, "embedder": "none", "reconcile": false}', None),
    "bad": ('{"recall_budget": "huge", "embedder": "none", "reconcile": false}', None),
    "decisive": ('{"redact": "maybe"}', None),
    "no server": ('{"backend": "hindsight"}', None),
    "no log": ('{"embedder": "none"}', None),
    "damaged log": ('{"embedder": "none"}', damaged),
    "foreign log": ('{"embedder": "none"}', foreign),
    "empty placeholder": ('{"embedder": "none", "bank_id_template": "hermes-{user}", "reconcile": false}', None),
    "unknown placeholder": ('{"embedder": "none", "bank_id_template": "hermes-{usr}", "reconcile": false}', None),
}


@pytest.mark.parametrize(("written", "prepare"), SYMPTOMS.values(), ids=SYMPTOMS)
def test_every_line_is_on_the_page(written: str, prepare: Callable[[Path], None] | None, places: Places) -> None:
    places.settings.write_text(written, "utf-8")
    if prepare is not None:
        prepare(places.hermes)
    said: list[str] = []
    provider = ThreadlineProvider(Pool())
    provider.initialize("s1", hermes_home=str(places.hermes), platform="cli", warning_callback=said.append)
    try:
        assert provider.settle("s1", 10)
        provider.system_prompt_block()
        assert provider.memory() is not None
    except ThreadlineError:
        assert provider.unavailable_reason()
    finally:
        provider.shutdown()
    (line,) = dict.fromkeys(said)
    told = line.removeprefix("Threadline: ").replace(str(places.hermes), "~/.hermes")
    assert any(pattern.fullmatch(told) for pattern in lines_of_the_page()), told


def lines_of_the_page() -> list[re.Pattern[str]]:
    """The lines in the table of symptoms; three dots stand for anything."""
    page = (Path(__file__).parents[3] / "docs" / "hermes.md").read_text("utf-8")
    rows = page.partition("## When something is wrong")[2].splitlines()
    found = [row.split(" | ")[0].removeprefix("| ").strip("`") for row in rows if row.startswith("| `")]
    return [re.compile(re.escape(line).replace(r"\.\.\.", ".*")) for line in found]


# The desktop panel


@pytest.fixture
def panel(places: Places, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The fields that the panel shows, with a host that is not there."""

    def make(**known: str) -> Any:
        return lambda *values, **more: SimpleNamespace(
            **{**dict.fromkeys(known.values(), ""), **dict(zip(known.values(), values, strict=False)), **more}
        )

    host = ModuleType("plugins.memory.config_schema")
    for kind in ("text", "select", "secret", "bool", "number", "json"):
        setattr(host, f"KIND_{kind.upper()}", kind)
    host.ProviderFieldOption = make(a="value", b="label", c="description")  # type: ignore[attr-defined]
    host.ProviderField = make(a="key", b="label", c="kind", d="default", e="description")  # type: ignore[attr-defined]
    host.ProviderConfigSchema = SimpleNamespace  # type: ignore[attr-defined]
    for name in ("plugins", "plugins.memory", "plugins.memory.config_schema"):
        monkeypatch.setitem(sys.modules, name, host)
    schema = load(places.plugin / "config_schema.py").CONFIG_SCHEMA
    assert schema.name == "threadline"
    return {field.key: field for field in schema.fields}


def test_the_panel_has_every_setting_with_its_default(panel: dict[str, Any]) -> None:
    assert set(panel) == set(setting_names())
    for field in fields(Config):
        if field.name in panel:
            assert panel[field.name].default == shown(field.default), field.name


def shown(default: object) -> str:
    """A default as the panel has it."""
    if default in (None, ()):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_what_the_panel_offers_is_taken(panel: dict[str, Any], places: Places) -> None:
    for name, field in panel.items():
        for option in getattr(field, "options", ()):
            more = {"api_url": "http://h"} if option.value == "hindsight" else {}
            places.settings.write_text(json.dumps({name: option.value, **more}), "utf-8")
            config = Config.load(places.hermes, {})
            assert config.problems == ()
            assert getattr(config, name) == option.value


def test_what_setup_asks_is_a_setting() -> None:
    assert {field["key"] for field in setup.SCHEMA} <= set(setting_names())


# The real host


def hermes(home: Home, *arguments: str, code: int = 0, stdin: str = "") -> str:
    """A command of the real host; what it says."""
    ran = subprocess.run(
        [str(home.python.parent / "hermes"), *arguments],
        env=dict(home.environment),
        cwd=home.work,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@pytest.fixture
def real(new_home: NewHome) -> Iterator[Home]:
    """A home of the real host, with the plug-in put into it by the command that a user types."""
    home = new_home(provider="")
    (home.hermes / "threadline").mkdir(mode=0o700)
    home.write("threadline/config.json", {"embedder": "none"})
    threadline(home, "install")
    yield home


def threadline(home: Home, *arguments: str, code: int = 0) -> str:
    ran = subprocess.run(
        [str(home.python), "-m", "threadline", "hermes", *arguments],
        env=dict(home.environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.hermes
def test_the_real_host_finds_the_plug_in(real: Home, model: FakeModel) -> None:
    shown = hermes(real, "memory", "status")
    assert "Provider:  threadline" in shown
    assert "Status:    available ✓" in shown
    model.reply("The ferry it is.")
    ask(real, "We take the ferry to Helsinki.")
    assert "1 session, 1 turn" in hermes(real, "threadline", "status")
    assert "ferry to Helsinki" in hermes(real, "threadline", "recall", "which ferry?", "--json")
    assert "nothing was missing" in hermes(real, "threadline", "reconcile")
    assert "Nothing waits" in hermes(real, "threadline", "outbox")
    assert " turn" in hermes(real, "threadline", "sessions")
    checks = json.loads(hermes(real, "threadline", "doctor", "--json"))["checks"]
    assert [check["told"] for check in checks if not check["ok"]] == []


@pytest.mark.hermes
def test_the_real_host_sets_it_up(real: Home) -> None:
    config = real.hermes / "config.yaml"
    threadline(real, "uninstall")
    before = config.read_bytes()
    threadline(real, "install")
    config.write_bytes(before)
    shown = hermes(real, "memory", "setup", "threadline", stdin="\nwork\ntools\n")
    assert "memory.provider: threadline" in shown
    written = json.loads((real.hermes / "threadline" / "config.json").read_text("utf-8"))
    assert (written["bank_id"], written["memory_mode"]) == ("work", "tools")
    assert "bank: work" in hermes(real, "memory", "status")
    threadline(real, "uninstall")
    assert config.read_bytes() == before


@pytest.mark.hermes
def test_the_real_host_without_threadline_says_so(real: Home, tmp_path: Path) -> None:
    """As a Python that lacks it: what is imported first under our name is nothing."""
    (tmp_path / "without" / "threadline").mkdir(parents=True)
    (tmp_path / "without" / "threadline" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'threadline'\", name='threadline')\n", "utf-8"
    )
    real.environment["PYTHONPATH"] = str(tmp_path / "without")
    shown = hermes(real, "memory", "status")
    assert "Status:    not available ✗" in shown
    assert shown.count("Threadline is not installed in the Python that runs Hermes") == 2, (
        "above, and among the settings"
    )
    told = hermes(real, "threadline", "status", code=1)
    assert "cannot be loaded by the Python that runs Hermes" in told
    assert told.strip().count("\n") == 0


@pytest.mark.hermes
def test_the_panel_of_the_real_host_has_every_setting(real: Home) -> None:
    ask_panel = (
        "import json\n"
        "from plugins.memory.config_schema import get_provider_config_schema as get\n"
        "from hermes_cli.web_server import _declared_provider_payload as payload, _write_provider_flat as write\n"
        "schema = get('threadline')\n"
        "write(schema, {'recall_tags': '[\"a\"]', 'recall_max_tokens': '100', 'api_key': 'sk-panel', 'home': ''})\n"
        "print(json.dumps(payload(schema)))\n"
    )
    ran = subprocess.run(
        [str(real.python), "-c", ask_panel], env=dict(real.environment), capture_output=True, text=True, check=True
    )
    told = {field["key"]: field for field in json.loads(ran.stdout.splitlines()[-1])["fields"]}
    assert set(told) == set(setting_names())
    assert (told["api_key"]["is_set"], told["api_key"]["value"]) == (True, "")
    config = Config.load(real.hermes, {})
    assert (config.recall_tags, config.recall_max_tokens, config.api_key) == (("a",), 100, "sk-panel")
    assert config.problems == ()
    assert {*FILES} <= {path.name for path in (real.hermes / "plugins" / "threadline").iterdir()}
