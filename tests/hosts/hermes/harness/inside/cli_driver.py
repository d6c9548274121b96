"""The command line of the host, without a terminal.

It starts `hermes chat` at the host's own entry point, with keys from a pipe of prompt_toolkit's in place of a terminal.
So the turn, the commands, the interrupts and the exit are those of `HermesCLI.run`, its input loop included. What is
typed goes where its Enter key puts it. Three methods are watched, to tell when the host is ready and a turn or a
command is done; nothing is replaced.
"""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .steps import Steps

_KEYS = {"ctrl-c": "\x03", "ctrl-d": "\x04", "enter": "\r"}


class Driver:
    """Takes the steps, on a thread of its own: the host has the main thread."""

    def __init__(self, keys: Any, steps: Steps) -> None:
        self._keys = keys
        self._steps = steps
        self._cli: Any = None

    def watch(self) -> None:
        """Tell when turns and commands are done, and when the input loop takes keys."""
        self._watch_turns(importlib.import_module("cli").HermesCLI)
        application = importlib.import_module("prompt_toolkit.application").Application
        run = application.run

        def watched_run(app: Any, **options: Any) -> Any:
            return run(app, **{**options, "pre_run": self._ready})

        application.run = watched_run

    def _watch_turns(self, host: Any) -> None:
        chat, command = host.chat, host.process_command

        def watched_chat(cli: Any, message: Any, images: Any = None) -> Any:
            response = None
            try:
                response = chat(cli, message, images)
            finally:
                told = {"said": response, "session": cli.session_id, "interrupted": cli._last_turn_interrupted}
                self._steps.tell(event="turn", **told)
            return response

        def watched_command(cli: Any, text: str) -> Any:
            try:
                return command(cli, text)
            finally:
                self._steps.tell(event="command", text=text, session=cli.session_id)

        host.chat, host.process_command = watched_chat, watched_command

    def _ready(self) -> None:
        self._cli = importlib.import_module("hermes_cli.plugins").get_plugin_manager()._cli_ref
        self._steps.tell(event="ready", session=self._cli.session_id)
        threading.Thread(target=self._steps.take, args=[self], name="driver", daemon=True).start()

    # Steps

    def submit(self, text: str) -> None:
        """What the Enter key does with a text: while a turn runs, it interrupts it."""
        busy = self._cli._agent_running and not text.startswith("/")
        (self._cli._interrupt_queue if busy else self._cli._pending_input).put(text)

    def press(self, key: str) -> None:
        """A key of the terminal."""
        self._keys.send_text(_KEYS.get(key, key))

    def session(self) -> Any:
        """Which session the command line is on."""
        return self._cli.session_id

    def history(self) -> Any:
        """The conversation as the command line holds it."""
        return self._cli.conversation_history

    def threads(self) -> list[str]:
        """The names of all threads."""
        return sorted(thread.name for thread in threading.enumerate())


def main() -> None:
    """Be `hermes chat`."""
    sys.path.append(str(Path(__file__).parent))  # last: nothing here stands in for a module of the host
    steps = importlib.import_module("steps").Steps()
    keys_of = importlib.import_module("prompt_toolkit.input").create_pipe_input
    screen = importlib.import_module("prompt_toolkit.output").DummyOutput
    session = importlib.import_module("prompt_toolkit.application").create_app_session
    hermes = importlib.import_module("hermes_cli.main")
    with keys_of() as keys, session(input=keys, output=screen()):
        Driver(keys, steps).watch()
        sys.argv = ["hermes", "chat", "--cli", *sys.argv[1:]]
        hermes.main()


if __name__ == "__main__":
    main()
