"""Run by the host's interpreter: sessions in its own log, written by its own code, as if it had lived through them.

python fill_log.py <state.db>, with a line of JSON for each session on standard input: its id, when it began, and its
turns as pairs of texts.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Write them."""
    log: Any = importlib.import_module("hermes_state").SessionDB(Path(sys.argv[1]))
    for line in sys.stdin:
        session = json.loads(line)
        log.create_session(session["id"], "cli")
        at = session["began"]
        for user, assistant in session["turns"]:
            log.append_message(session["id"], "user", user, timestamp=at)
            log.append_message(session["id"], "assistant", assistant, timestamp=at + 5, finish_reason="stop")
            at += 60
        log.end_session(session["id"], "cli_close")
    log.close()


if __name__ == "__main__":
    main()
