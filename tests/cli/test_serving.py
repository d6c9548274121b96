from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - what is refused
def test_refuse_to_be_reached_by_others_without_a_key(run: Run, host: str) -> None:
    refused = run("serve", "--host", host, code=1).stderr
    assert f"{host} can be reached by others" in refused
    assert "threadline keys create" in refused


def test_refuse_to_ask_nobody_where_others_reach_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("keys", "create")
    monkeypatch.setenv("THREADLINE_AUTH", "off")
    assert "loopback alone" in run("serve", "--host", "0.0.0.0", code=1).stderr  # noqa: S104 - as above


def test_refuse_to_ask_for_a_key_where_there_is_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLINE_AUTH", "required")
    assert "there is no key" in run("serve", code=1).stderr


def test_say_that_an_address_is_not_of_this_machine(run: Run, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-for-the-server")
    assert "--host" in run("serve", "--host", "192.0.2.1", "--token-file", token, code=1).stderr
    assert "openssl" in run("serve", "--token-file", "/dev/null", code=1).stderr


def test_say_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadline.cli.extras.find_spec", lambda name: None if name == "uvicorn" else object())
    assert "The server needs uvicorn: pip install 'threadline[server]'" in run("serve", code=1).stderr
