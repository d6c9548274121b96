"""`threadline hermes`: what is typed, what is shown, and how it ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.hosts.hermes.hostlog import HostDb
from threadline.cli.output import PROGRAM


@pytest.fixture
def hermes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the host, whose Python is this one."""
    for name in ("HERMES_MANAGED", "HINDSIGHT_API_KEY", "HINDSIGHT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "hermes").write_text(f"#!{sys.executable}\n", "utf-8")
    (bin_ / "hermes").chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_))
    home = tmp_path / "hermes"
    home.mkdir()
    monkeypatch.setenv("HERMES_HOME", str(home))
    monkeypatch.setenv("HOME", str(tmp_path))
    return home


def settings(hermes: Path, **values: object) -> None:
    folder = hermes / "threadline"
    folder.mkdir(exist_ok=True, mode=0o700)
    (folder / "config.json").write_text(json.dumps({"embedder": "none", **values}), "utf-8")
    (folder / "config.json").chmod(0o600)


def converse(hermes: Path, *texts: str, session: str = "s1", source: str = "cli", user: str | None = None) -> None:
    """A conversation in the host's log, over."""
    db = HostDb(hermes)
    db.create_session(session, source)
    db.connection.execute("UPDATE sessions SET user_id = ? WHERE id = ?", (user, session))
    for text in texts:
        db.append_message(session, {"role": "user", "content": text})
        db.append_message(session, {"role": "assistant", "content": "Noted.", "finish_reason": "stop"})
    db.end_session(session, "cli_close")
    db.connection.close()


def test_an_installation_and_its_way_back(run: Run, hermes: Path) -> None:
    (hermes / "config.yaml").write_text("a: 1  # mine\n", "utf-8")
    planned = run("hermes", "install", "--dry-run").stdout
    assert "8 changes would be made; nothing was." in planned
    assert not (hermes / "plugins").exists()
    done = run("hermes", "install").stdout
    assert "8 changes made." in done
    assert f"Hermes runs on {sys.executable}, which has threadline" in done
    assert planned.splitlines()[1:] == done.splitlines()[1:]
    assert "nothing to change" in run("hermes", "install").stdout
    assert "memory.provider: threadline" in run("hermes").stdout
    assert "would be made" in run("hermes", "uninstall", "--dry-run").stdout
    assert (hermes / "plugins" / "threadline").exists()
    assert f"Memories and settings stay in {hermes / 'threadline'}." in run("hermes", "uninstall").stdout
    assert (hermes / "config.yaml").read_text("utf-8") == "a: 1  # mine\n"
    assert "nothing to change" in run("hermes", "uninstall").stdout


def test_json_says_the_same(run: Run, hermes: Path) -> None:
    told = json.loads(run("hermes", "install", "--json").stdout)
    assert (told["hermes_home"], told["dry_run"]) == (str(hermes), False)
    assert all(set(step) == {"path", "changes", "told"} for step in told["steps"])
    assert told["imported"]["version"] is not None
    assert json.loads(run("hermes", "uninstall", "--json").stdout)["steps"][0]["changes"]


def test_a_hermes_that_cannot_import_us_is_said(run: Run, hermes: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "hermes").write_text(f"#!{tmp_path / 'bin' / 'python3'}\n", "utf-8")
    bare = tmp_path / "bin" / "python3"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', "utf-8")
    bare.chmod(0o755)
    told = run("hermes", "install", code=1)
    assert "cannot import threadline" in told.stderr
    assert f"{bare} -m pip install threadline" in told.stderr
    assert (hermes / "plugins" / "threadline").exists(), "what is missing can be installed afterwards"


def test_what_cannot_be_parsed_is_one_line(run: Run, hermes: Path) -> None:
    (hermes / "config.yaml").write_text("a: [\n", "utf-8")
    told = run("hermes", "install", code=1)
    assert told.stderr.startswith("Error: config.yaml cannot be read")
    assert told.stderr.count("\n") == 1
    assert not (hermes / "plugins").exists()


def test_the_home_may_be_named(run: Run, hermes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    run("hermes", "install", "--hermes-home", other)
    assert (other / "config.yaml").exists()
    assert not (hermes / "config.yaml").exists()
    assert "There is no home of Hermes" in run("hermes", "install", "--hermes-home", tmp_path / "no", code=1).stderr


def test_a_migration_says_what_became_of_each_setting(run: Run, hermes: Path) -> None:
    (hermes / "hindsight").mkdir()
    written = {"mode": "local_external", "bankId": "work", "retain_async": True, "api_key": "sk-secret", "colour": 1}
    (hermes / "hindsight" / "config.json").write_text(json.dumps(written), "utf-8")
    planned = run("hermes", "migrate", "--dry-run")
    assert not (hermes / "threadline").exists()
    told = run("hermes", "migrate")
    lines = {line.split()[0]: line for line in told.stdout.splitlines() if line.startswith("  ")}
    assert 'kept: bank_id: "work"' in lines["bankId"]
    assert "not needed" in lines["retain_async"]
    assert "no such thing" in lines["colour"]
    assert "sk-secret" not in planned.output + told.output + run("hermes", "migrate", "--json").output
    assert not (hermes / "config.yaml").exists(), "the provider is switched with --install only"
    both = run("hermes", "migrate", "--install").stdout
    assert "memory.provider: threadline" in both
    last = [line for line in both.splitlines() if line.startswith("  * ")][-1]
    assert "config.yaml" in last, "it names a provider that has its settings already"
    assert json.loads((hermes / "threadline" / "config.json").read_text("utf-8"))["bank_id"] == "work"
    assert "nothing to change" in run("hermes", "migrate", "--install").stdout


def test_nothing_to_migrate_is_one_line(run: Run, hermes: Path) -> None:
    assert "no settings of the Hindsight provider" in " ".join(run("hermes", "migrate", code=1).stderr.split())


def test_status_says_what_is_missing(run: Run, hermes: Path) -> None:
    shown = run("hermes", "status", code=1).stdout
    assert "memory.provider: none; `threadline hermes install` makes it threadline" in shown
    assert "Nothing was recorded yet." in shown
    run("hermes", "install")
    settings(hermes, recall_max_token=5)
    shown = run("hermes", "status", code=1).stdout
    assert "there is no setting 'recall_max_token' (did you mean 'recall_max_tokens'?)" in shown
    told = json.loads(run("hermes", "status", "--json", code=1).stdout)
    assert (told["active"], told["plugin"]["current"], len(told["problems"])) == (True, True, 1)


def test_what_the_host_has_said_is_taken_over_and_found(run: Run, hermes: Path) -> None:
    run("hermes", "install")
    settings(hermes)
    converse(hermes, "The cat is called Ada.", "The dog is called Bob.")
    assert (
        "WRONG  reconcile   1 conversation of the host's log not in memory (s1)"
        in run("hermes", "doctor", code=1).stdout
    )
    assert "bank hermes: 2 turns added, 0 taken back, 0 lineages learned." in run("hermes", "reconcile").stdout
    assert run("hermes", "reconcile").stdout == "bank hermes: nothing was missing.\n"
    told = json.loads(run("hermes", "reconcile", "--json").stdout)
    assert told == [{"bank": "hermes", "added": [], "retracted": [], "lineages": [], "skipped": {}, "delivered": True}]
    shown = run("hermes", "status").stdout
    assert "1 session, 2 turns" in shown
    found = run("recall", "what is the cat called?", "--home", hermes / "threadline", "--bank", "hermes", "--json")
    assert "Ada" in json.loads(found.stdout)[0]["text"]
    checks = json.loads(run("hermes", "doctor", "--json").stdout)["checks"]
    assert [check["name"] for check in checks] == [
        *("python", "plug-in", "active", "settings", "folder", "backend", "host's log", "deliveries", "reconcile")
    ]
    assert all(check["ok"] for check in checks)


def test_a_bank_for_each_user_is_reconciled_by_itself(run: Run, hermes: Path) -> None:
    run("hermes", "install")
    settings(hermes, bank_id_template="hermes-{user}")
    for name in ("ann", "bob"):
        converse(hermes, f"I am {name}.", session=name, source="telegram", user=name)
    told = {each["bank"]: each for each in json.loads(run("hermes", "reconcile", "--json").stdout)}
    assert {bank: each["added"] for bank, each in told.items() if each["added"]} == {
        "hermes-ann": [["ann", 1]],
        "hermes-bob": [["bob", 1]],
    }
    banks = json.loads(run("hermes", "status", "--all", "--json").stdout)["banks"]
    assert {"hermes-ann", "hermes-bob"} <= {each["bank"] for each in banks}


def test_doctor_goes_through_what_can_be_wrong(run: Run, hermes: Path) -> None:
    def wrong(*args: str) -> dict[str, str]:
        checks = json.loads(run("hermes", "doctor", "--json", *args, code=1).stdout)["checks"]
        return {check["name"]: check["told"] for check in checks if check["ok"] is False}

    assert set(wrong()) == {"plug-in", "active", "folder"}
    run("hermes", "install")
    (hermes / "plugins" / "threadline" / "cli.py").unlink()
    assert "cli.py is not there" in wrong()["plug-in"]
    run("hermes", "install")
    (hermes / "config.yaml").write_text("memory: {provider: hindsight}\n", "utf-8")
    assert "memory.provider: hindsight" in wrong()["active"]
    (hermes / "config.yaml").write_text("memory: [\n", "utf-8")
    assert "cannot be read" in wrong()["active"]
    (hermes / "config.yaml").unlink()
    run("hermes", "install")
    settings(hermes, backend="hindsight", api_url="http://127.0.0.1:9")
    assert "127.0.0.1:9" in wrong()["backend"]
    assert run("hermes", "doctor", "--no-probe").exit_code == 0
    settings(hermes)
    (hermes / "threadline").chmod(0o755)
    assert "open to others" in wrong()["folder"]
    (hermes / "threadline").chmod(0o700)
    (hermes / "state.db").write_text("no database", "utf-8")
    assert "state.db" in wrong()["host's log"]
    (hermes / "threadline" / "config.json").write_text("{", "utf-8")
    shown = run("hermes", "doctor", code=1).stdout
    assert "cannot be read" in shown
    assert "-      backend     not looked at" in shown


def test_an_unreadable_log_is_an_error_of_reconcile(run: Run, hermes: Path) -> None:
    settings(hermes)
    shown = run("hermes", "reconcile", code=1).stdout
    assert f"There is no {hermes / 'state.db'}" in shown


def test_commands_that_are_named_are_those_that_look_there(run: Run, hermes: Path) -> None:
    run("hermes", "install")
    settings(hermes, backend="hindsight", api_url="http://127.0.0.1:9")
    converse(hermes, "said")
    run("hermes", "reconcile", "--wait", "0.1")
    shown = " ".join(run("hermes", "status", code=1).stdout.split())
    assert "`hermes threadline outbox`" in shown
    assert "`threadline outbox" not in shown
    assert PROGRAM.get() == "threadline"
