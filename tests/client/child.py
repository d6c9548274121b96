"""A server as a process of its own, to be killed: `python -m tests.client.child HOME PORT`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


class Child:
    """It is started, killed with SIGKILL, and started again, on the same files and the same port."""

    def __init__(self, home: Path) -> None:
        self._home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin; whoever connects waits until it answers."""
        command = [sys.executable, "-m", "tests.client.child", str(self._home), str(self._port)]
        self._process = subprocess.Popen(command, cwd=ROOT)

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
        self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self.kill()


def main(home: str, port: str) -> None:
    import uvicorn

    from threadline import Settings
    from threadline.server.app import create_app
    from threadline.server.house import House

    house = House(Settings(home=Path(home), embedder="none", redact=False, retain_every_n_turns=3))
    uvicorn.run(create_app(house), port=int(port), log_level="error")


if __name__ == "__main__":
    main(*sys.argv[1:])
