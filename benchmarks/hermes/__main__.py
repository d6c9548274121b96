"""python -m benchmarks.hermes --hermes-python PATH --ours-python PATH [--history TURNS] [--write PAGE]"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.hindsight.fake import FakeHindsight
from tests.hindsight.http import HttpHindsight
from tests.hindsight.real import RealHindsight
from tests.hosts.hermes.harness.home import Home
from tests.hosts.hermes.harness.model import FakeModel, Reply

from benchmarks.talk import messages

from .history import live_through, take_over
from .inhost import Subject
from .probed import use_hindsight, use_threadline
from .report import BUNDLED, BUNDLED_REAL, NOBODY, OURS, OURS_SERVED, Past, figures, page

_BANK = {"bank_id": "bank"}
#: While the past is taken over, many turns are delivered together, as an import does it.
_TOGETHER = {**_BANK, "retain_every_n_turns": 50}


def main() -> int:
    """Time every provider, by turns, print the page, and end with one line of JSON."""
    given = _arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="threadline-hermes-")))
        past = _past(given, folder)
        subjects = _subjects(given, folder, past, stack)
        for number in range(given.rounds):
            # Whoever comes first finds the machine as the one before left it: that is each of them in its turn.
            for place in range(len(subjects)):
                subject = subjects[(place + number) % len(subjects)]
                print(f"  round {number + 1} of {given.rounds}: {subject.name}", file=sys.stderr, flush=True)
                subject.live(given.turns, switches=1)
    measured = {subject.name: subject.figures for subject in subjects}
    text = page(measured, past, given.turns, given.rounds, {"theirs": given.hermes_python, "ours": given.ours_python})
    if given.write:
        given.write.write_text(text, "utf-8")
    else:
        print(text)
    print(json.dumps({"past": asdict(past), **figures(measured, given.turns, given.rounds)}))
    return 0


def _arguments() -> Any:
    parser = argparse.ArgumentParser(prog="benchmarks.hermes")
    parser.add_argument("--hermes-python", type=_python, required=True, help="an interpreter that has hermes-agent")
    parser.add_argument("--ours-python", type=_python, required=True, help="one that has Threadline as well")
    parser.add_argument("--hindsight-python", type=_python, help="one that has a Hindsight server")
    parser.add_argument("--history", type=int, default=10_000, help="how many turns were said before")
    parser.add_argument("--kept", type=Path, help="a folder in which that past is kept from run to run")
    parser.add_argument("--turns", type=int, default=50, help="how many turns each process takes")
    parser.add_argument("--rounds", type=int, default=5, help="how many processes each provider has")
    parser.add_argument("--write", type=Path, help="the page to write; else it is printed")
    return parser.parse_args()


def _python(path: str) -> Path:
    return Path(path).absolute()


def _past(given: Any, folder: Path) -> Past:
    """A home with a history, made if it is not there yet."""
    kept = given.kept or folder / "past"
    told = kept / "past.json"
    if not told.exists():
        shutil.rmtree(kept, ignore_errors=True)
        with FakeModel() as model:
            home = Home(kept, given.ours_python, model)
            use_threadline(home, _TOGETHER)
            print(f"  {given.history} turns are lived through", file=sys.stderr, flush=True)
            live_through(home, given.history)
            seconds = take_over(home)
        told.write_text(json.dumps({"turns": given.history, "seconds": seconds, "hermes": str(home.hermes)}), "utf-8")
    return Past(**json.loads(told.read_text("utf-8")))


def _subjects(given: Any, folder: Path, past: Past, stack: ExitStack) -> list[Subject]:
    def new(name: str, python: Path) -> tuple[Home, Subject]:
        said = messages(2)
        model = stack.enter_context(FakeModel(lambda _: Reply(next(said))))
        home = Home(folder / name.replace(" ", "-").replace(",", ""), python, model)
        # The host's own log is as long for everyone: it is the host that is the same.
        _copy(Path(past.hermes), home.hermes, "state.db")
        return home, Subject(name, home, model)

    nobody = new(NOBODY, given.hermes_python)[1]
    home, bundled = new(BUNDLED, given.hermes_python)
    use_hindsight(home, stack.enter_context(_server()), _BANK)
    home, ours = new(OURS, given.ours_python)
    _copy(Path(past.hermes), home.hermes, "threadline")
    use_threadline(home, _BANK)
    home, served = new(OURS_SERVED, given.ours_python)
    # A server has no such past here, and the plug-in would begin by sending it: that is not what is timed.
    use_threadline(
        home, {**_BANK, "backend": "hindsight", "api_url": stack.enter_context(_server()), "reconcile": False}
    )
    subjects = [nobody, bundled, ours, served]
    if given.hindsight_python:
        home, real = new(BUNDLED_REAL, given.hermes_python)
        use_hindsight(home, stack.enter_context(RealHindsight(given.hindsight_python)).url, _BANK)
        subjects.append(real)
    return subjects


@contextmanager
def _server() -> Iterator[str]:
    """A fake server, which answers at once."""
    with HttpHindsight(FakeHindsight("1.1.0")) as server:
        yield server.url


def _copy(source: Path, target: Path, name: str) -> None:
    if (source / name).is_dir():
        shutil.copytree(source / name, target / name)
    else:
        shutil.copy2(source / name, target / name)


if __name__ == "__main__":
    sys.exit(main())
