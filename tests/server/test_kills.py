"""SIGKILL of a real server in the middle of a load: what it answered is there once. For long: `make load-kills`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks.load.kills import Crowd, Sent, check, prove
from benchmarks.load.material import Material
from benchmarks.load.servers import Ours

MATERIAL = Material("test", ("The cat sleeps on the sofa.", "We fly to Lisbon in May."), ("Where is the cat?",))


def test_everything_answered_is_there_once(tmp_path: Path) -> None:
    environ = {"THREADLINE_EMBEDDER": "none"}
    with Ours(Path(sys.executable).with_name("threadline"), tmp_path / "home", environ) as server:
        crowd = Crowd(server.url, MATERIAL, banks=3, seed=7)
        figures = asyncio.run(prove(server, crowd, clients=6, kills=2, seconds=(0.3, 0.6)))
        assert figures["wrong"] == []
        assert figures["retains_answered"] > 20
        assert 0 < figures["of_them_async"] < figures["retains_answered"]
        # What the check is worth: it misses what is gone, and what is there twice.
        answered = [sent for sent in crowd.sent if sent.answered]
        lost = Sent(answered[0].bank, "never-sent", "Gone. [0/x]", "[0/x]", None, 1, answered=True)
        crowd.sent.append(lost)
        crowd.sent.remove(answered[1])
        wrong = "\n".join(asyncio.run(check(crowd)))
        assert "never-sent (sync, sent 1 times, answered: True) is 0 times in the listing" in wrong
        assert f"nobody sent {answered[1].document}" in wrong
