from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from threadline import InputError, SettingsError, UnknownItemError
from threadline.server.keys import Keys, ServerToken, parse_expiry


@pytest.fixture
def keys(home: Path) -> Iterator[Keys]:
    opened = Keys(home)
    yield opened
    opened.close()


def test_find_a_key_by_its_token(keys: Keys) -> None:
    made, token = keys.create("acme", ["b", "a"], "read")
    assert token.startswith(f"tl_{made.id}_")
    found = keys.find(token)
    assert found is not None
    assert (found.tenant, found.banks, found.scope) == ("acme", frozenset("ab"), "read")


def test_keep_no_secret(keys: Keys, home: Path) -> None:
    _, token = keys.create()
    secret = token.split("_", 2)[2].encode()
    keys.close()
    files = list(home.glob("keys.db*"))
    assert files
    assert all(secret not in file.read_bytes() for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: t.swapcase(), lambda t: "", lambda t: "tl_"]
)
def test_find_nothing_by_another_token(keys: Keys, change: object) -> None:
    _, token = keys.create()
    assert keys.find(change(token)) is None  # type: ignore[operator]


def test_find_nothing_by_the_secret_of_another_key(keys: Keys) -> None:
    one, _ = keys.create()
    _, other = keys.create()
    assert keys.find(f"tl_{one.id}_{other.split('_', 2)[2]}") is None


def test_refuse_a_revoked_key_at_once_whoever_revoked_it(keys: Keys, home: Path) -> None:
    key, token = keys.create()
    assert keys.find(token)
    elsewhere = Keys(home)
    elsewhere.revoke(token)
    elsewhere.revoke(key.id)  # again: no error
    elsewhere.close()
    assert keys.find(token) is None
    assert keys.any(), "the last key that is revoked opens no door"


def test_say_that_there_is_no_such_key(keys: Keys) -> None:
    with pytest.raises(UnknownItemError, match="threadline keys list"):
        keys.revoke("nobody")


def test_refuse_an_expired_key(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = keys.create(expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert keys.find(token)

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(hours=2)

    monkeypatch.setattr("threadline.server.keys.datetime", Later)
    assert keys.find(token) is None


def test_refuse_a_key_that_would_never_hold(keys: Keys) -> None:
    with pytest.raises(InputError, match="never have held"):
        keys.create(expires_at=datetime.now(UTC))
    with pytest.raises(InputError, match="no scope 'root'"):
        keys.create(scope="root")
    assert not keys.any()


def test_keep_when_a_key_was_used(keys: Keys) -> None:
    key, token = keys.create()
    other, _ = keys.create()
    keys.find(token)
    assert not keys.due(), "not for each request"
    keys.keep_used()
    used = {each.id: each.used_at for each in keys.list()}
    assert used[key.id] is not None
    assert used[other.id] is None


def test_write_down_uses_once_a_minute(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = keys.create()
    keys.find(token)
    monkeypatch.setattr("threadline.server.keys._USED_SECONDS", 0.0)
    assert keys.due()
    keys.keep_used()
    assert not keys.due()


@pytest.mark.parametrize(
    ("text", "hours"), [("90d", 90 * 24), ("12h", 12), ("30m", 0.5), ("2026-02-01T00:00:00+00:00", 31 * 24)]
)
def test_read_when_a_key_expires(text: str, hours: float) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert parse_expiry(text, now) == now + timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "soon", "d", "1e9d", "2026-13-01"])
def test_say_how_a_time_is_written(text: str) -> None:
    with pytest.raises(InputError, match="90d"):
        parse_expiry(text)


def test_take_the_token_of_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a-token-from-a-file\n")
    from_file = ServerToken.load(file, "a-token-from-elsewhere")
    assert from_file is not None
    assert from_file.matches("a-token-from-a-file")
    assert not from_file.matches("a-token-from-elsewhere")
    assert ServerToken.load(None, None) is None
    for token in ("short", "with a space in it", ""):
        file.write_text(token)
        with pytest.raises(SettingsError, match="openssl"):
            ServerToken.load(file, None)
    with pytest.raises(SettingsError, match="cannot be read"):
        ServerToken.load(tmp_path / "none", None)
