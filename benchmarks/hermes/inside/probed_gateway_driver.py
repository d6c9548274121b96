"""The harness's driver of the gateway, with a probe in it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent.parent.parent
# Last: nothing here stands in for a module of the host.
sys.path += [str(Path(__file__).parent), str(_ROOT / "tests" / "hosts" / "hermes" / "harness" / "inside")]


def main() -> None:
    """Be `python -m gateway.run`."""
    driver: Any = importlib.import_module("gateway_driver")
    probe = importlib.import_module("probe").Probe()

    class Probed(driver.Driver):  # type: ignore[misc, name-defined, unused-ignore]
        """Two more steps."""

        def register(self) -> None:
            super().register()
            probe.watch()

        def settle(self, seconds: float) -> None:
            probe.settle(seconds)

        def count_threads(self, at_most: int) -> Any:
            return probe.count_threads(at_most)

    driver.Driver = Probed
    driver.main()


if __name__ == "__main__":
    main()
