from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from threadline.server.keys import Keys


def test_make_show_and_revoke_a_key(run: Run, home: Path) -> None:
    made = run(
        "keys", "create", "--tenant", "acme", "--bank", "b", "--bank", "a", "--scope", "read", "--expires", "90d"
    )
    token = made.stdout.strip()
    assert token.startswith("tl_")
    assert "only time" in made.stderr
    keys = Keys(home)
    found = keys.find(token)
    assert found is not None
    shown = run("keys", "list").stdout
    for part in (found.id, "acme", "a, b", "read", "until ", "never"):
        assert part in shown
    assert token not in shown
    assert run("keys").stdout == shown
    assert run("keys", "revoke", found.id).stdout == "Revoked.\n"
    assert keys.find(token) is None
    keys.close()
    assert "revoked " in run("keys", "list").stdout


def test_keys_as_json(run: Run) -> None:
    made = json.loads(run("keys", "create", "--json").stdout)
    assert (made["tenant"], made["banks"], made["scope"], made["holds"]) == ("default", None, "admin", True)
    (listed,) = json.loads(run("keys", "list", "--json").stdout)
    assert listed["id"] == made["id"]
    assert "token" not in listed
    assert json.loads(run("keys", "revoke", made["token"], "--json").stdout) == {"revoked": True}


def test_say_what_is_wrong_with_a_key(run: Run) -> None:
    assert "no key was made" in run("keys").stdout.lower()
    assert "90d" in run("keys", "create", "--expires", "soon", code=1).stderr
    assert "threadline keys list" in run("keys", "revoke", "nobody", code=1).stderr
    run("keys", "create", "--scope", "root", code=2)
    assert run("keys", "list", "--json").stdout.strip() == "[]"
