"""Whatever is wrong with its files, its disk or its server: the host works on, says so once, and nothing is lost."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.hindsight.fake import FakeHindsight
from tests.hindsight.http import Fault, HttpHindsight
from tests.hosts.hermes.harness.cli import Cli
from tests.hosts.hermes.harness.home import Home
from tests.hosts.hermes.harness.oneshot import hermes
from tests.hosts.hermes.harness.terminal import Terminal
from threadline import Memory

from .conftest import Living
from .memory import Told, check, configure, opened, remembered, turns

pytestmark = pytest.mark.hermes

CAT, DOG, HEN = "My cat is called Miro.", "My dog is called Rex.", "My hen is called Ada."


def run(home: Home, *words: str) -> tuple[int, str]:
    """One of the host's own commands. Returns its exit code and all that it said."""
    done = subprocess.run(
        [hermes(home), *words],
        cwd=home.work,
        env=home.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def live(home: Home, *texts: str, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
    """Say things on a terminal, with something happening after the first. Returns what Threadline told the user."""
    with Terminal(home) as host:
        for number, text in enumerate(texts):
            mark = len(host.screen)
            host.enter(text)
            host.wait_for(f"Heard: {text}", mark)
            if not number:
                meanwhile()
        host.leave()
        return [line.strip() for line in host.screen.splitlines() if "Threadline: " in line and "recalled" not in line]


def reconcile(home: Home) -> None:
    code, said = run(home, "threadline", "reconcile")
    assert code == 0, said


def said_in(home: Home) -> dict[str, Told]:
    """One session a start, each with the same turns."""
    return {one["id"]: Told(turns(CAT, DOG)) for one in home.sessions()}


@contextlib.contextmanager
def small_disk(home: Home, options: str) -> Iterator[Callable[[str], None]]:
    """A disk of its own for the memories. Yields what changes its options."""
    folder = home.hermes / "threadline"
    kept = home.root / "kept"
    shutil.move(folder, kept)
    folder.mkdir(mode=0o700)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", folder], check=False)
    assert mounted.returncode == 0, "a disk that is full has to be mounted first: run this as root"
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)

        def change(options: str) -> None:
            subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)

        change(options)
        yield change
    finally:
        subprocess.run(["umount", folder], check=True)


# Settings


@pytest.mark.parametrize("way", ["corrupt", "unreadable"])
def test_settings_that_cannot_be_read(living: Living, way: str) -> None:
    """Whose memory it is cannot be known, so nothing is opened; what was said meanwhile is in the log."""
    home = living()
    path = home.hermes / "threadline" / "config.json"
    good = path.read_text("utf-8")
    if way == "corrupt":
        path.write_text('{"bank_id": "her')
    else:
        path.unlink()
        path.mkdir()
    shown = live(home, CAT, DOG)
    assert len(shown) == 1, shown
    assert "config.json" in shown[0]
    for command in ("status", "doctor"):
        code, told = run(home, "threadline", command)
        assert code, told
        assert "config.json" in told
    if way == "unreadable":
        path.rmdir()
    path.write_text(good, "utf-8")
    reconcile(home)
    check(home, said_in(home))


def test_an_unknown_setting_and_a_bad_value(living: Living) -> None:
    home = living(recall_bugdet="low", recall_max_tokens=-3)
    shown = live(home, CAT, DOG)
    assert len(shown) == 2, shown
    assert "recall_bugdet" in " ".join(shown)
    assert "recall_max_tokens" in " ".join(shown)
    _, told = run(home, "threadline", "status")
    assert "recall_bugdet" in told
    _, told = run(home, "threadline", "doctor")
    assert "recall_bugdet" in told
    check(home, said_in(home))


def test_a_bank_template_with_an_empty_placeholder(living: Living) -> None:
    """At the terminal there is no user's name, so the bank is the one that is set."""
    home = living(bank_id_template="hermes-{user}")
    shown = live(home, CAT, DOG)
    assert len(shown) <= 1, shown
    check(home, said_in(home))


# The host's log


def test_no_log(living: Living) -> None:
    """The host cannot make its database: what it hands over is recorded all the same."""
    home = living()
    (home.hermes / "state.db").mkdir()
    shown = live(home, CAT, DOG)
    assert len(shown) <= 1, shown
    _, told = run(home, "threadline", "doctor")
    assert "state.db" in told
    with opened(home) as memory:
        (told_there,) = remembered(memory).values()
    assert told_there == Told(turns(CAT, DOG))


def test_the_log_vanishes(living: Living) -> None:
    """While the host has it open, or before it starts again: what is in memory stays."""
    home = living()
    live(home, CAT, DOG)
    expected = said_in(home)
    for path in home.hermes.glob("state.db*"):
        path.unlink()
    live(home, CAT, DOG)
    check(home, {**expected, **said_in(home)})


def test_the_log_takes_nothing_any_more(living: Living) -> None:
    """From the second turn on, the host cannot write to it, and then it can again."""
    home = living()
    with contextlib.closing(sqlite3.connect(home.hermes / "state.db", isolation_level=None)) as log, Cli(home) as host:
        host.chat(CAT)
        log.execute("CREATE TRIGGER shut BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'shut'); END")
        host.chat(DOG)
        log.execute("DROP TRIGGER shut")
        host.chat(HEN)
        host.exit()
    check(home, {host.first_session: Told(turns(CAT, DOG, HEN))})


def test_a_locked_log(living: Living) -> None:
    """Nobody can read it just now: it is said, and later it can be read."""
    home = living()
    live(home, CAT, DOG)
    with contextlib.closing(sqlite3.connect(home.hermes / "state.db", isolation_level=None)) as log:
        log.execute("PRAGMA journal_mode = DELETE")
        log.execute("BEGIN EXCLUSIVE")
        for command in ("reconcile", "doctor"):
            _, told = run(home, "threadline", command)
            assert "locked" in told, told
            assert "Traceback" not in told
    reconcile(home)
    check(home, said_in(home))


def test_a_log_of_another_schema(living: Living) -> None:
    """It has what nobody knows, and lacks what everybody relies on."""
    home = living()
    live(home, CAT, DOG)
    expected = said_in(home)
    for path in home.hermes.glob("state.db*"):
        path.unlink()
    with contextlib.closing(sqlite3.connect(home.hermes / "state.db")) as connection:
        connection.executescript("CREATE TABLE messages (id TEXT, body BLOB); CREATE TABLE schema_version (v INTEGER);")
    _, told = run(home, "threadline", "reconcile")
    assert "state.db" in told
    _, told = run(home, "threadline", "doctor")
    assert "state.db" in told
    assert "Traceback" not in told
    check(home, expected)


# The disk


def test_a_read_only_folder(living: Living) -> None:
    home = living()
    live(home, CAT, DOG)
    with small_disk(home, "ro") as change:
        shown = live(home, CAT, DOG)
        assert len(shown) == 1, shown
        for command in ("status", "doctor"):
            _, told = run(home, "threadline", command)
            assert "Traceback" not in told
            assert "threadline" in told
        change("rw")
        reconcile(home)
        check(home, said_in(home))


def test_a_file_in_place_of_the_folder(living: Living) -> None:
    home = living()
    folder = home.hermes / "threadline"
    shutil.move(folder, home.root / "kept")
    folder.write_text("not a folder")
    shown = live(home, CAT, DOG)
    assert len(shown) == 1, shown
    folder.unlink()
    shutil.move(home.root / "kept", folder)
    reconcile(home)
    check(home, said_in(home))


def test_a_full_disk(living: Living) -> None:
    """It fills up in the midst of the conversation; once there is room again, the next turn brings what is missing."""
    home = living()
    with small_disk(home, "size=64m"):
        filler = home.hermes / "threadline" / "filler"

        def fill() -> None:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(65536))
            with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
                while True:
                    file.write(bytes(1))

        texts = [f"Number {number}: {'lorem ipsum ' * 700}".strip() for number in range(4)]
        with Cli(home) as host:
            host.chat(texts[0])
            fill()
            for text in texts[1:]:
                host.chat(text)
            host.exit()
        shown = [
            line for line in (home.root / "cli_driver.log").read_text("utf-8").splitlines() if "Threadline: " in line
        ]
        assert len(shown) == 1, shown
        _, told = run(home, "threadline", "doctor")
        assert "Traceback" not in told
        filler.unlink()
        reconcile(home)
        check(home, {host.first_session: Told(turns(*texts))})


# The server


def bring_client(home: Home) -> None:
    """The client of this environment for the host's, which has an older one, for the provider bundled with it."""
    (home.root / "lib").mkdir()
    for name in ("hindsight_client", "hindsight_client_api"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.submodule_search_locations
        (home.root / "lib" / name).symlink_to(spec.submodule_search_locations[0])
    # Imported at once: the host puts its own packages before all others.
    (home.root / "lib" / "sitecustomize.py").write_text("import hindsight_client, hindsight_client_api")
    home.environment["PYTHONPATH"] = str(home.root / "lib")


@pytest.mark.parametrize("trouble", ["unreachable", "wrong key"])
def test_a_server_that_takes_nothing(living: Living, trouble: str) -> None:
    fake = FakeHindsight()
    with HttpHindsight(fake) as server:
        home = living(backend="hindsight", api_url=server.url, api_key="k")
        bring_client(home)
        if trouble == "unreachable":
            configure(home, api_url="http://127.0.0.1:9")
        else:
            server.faults.append(Fault(".*", "status", status=401, body={"detail": "invalid key"}))
        shown = live(home, CAT, DOG)
        assert len(shown) == 1, "\n".join(shown)
        for command in ("status", "doctor"):
            _, told = run(home, "threadline", command)
            assert "Traceback" not in told
        server.faults.clear()
        configure(home, api_url=server.url)
        live(home, HEN)
        options = {"url": server.url, "api_key": "k"}
        with Memory.open(
            home.hermes / "threadline", bank="hermes", backend="hindsight", backend_options=options
        ) as memory:
            assert memory.flush()
        texts = "\n".join(fake.texts("hermes").values())
    assert [texts.count(f"Heard: {text}") for text in (CAT, DOG, HEN)] == [1, 1, 1]
