import os
import signal
import subprocess
import sys
from pathlib import Path

from threadline.journal.owner import Owner

HOLD = """
import sys
from pathlib import Path
from threadline.journal.owner import Owner
owner = Owner(Path(sys.argv[1]))
print(owner.id, flush=True)
sys.stdin.read()
"""


def test_live_until_released(tmp_path: Path) -> None:
    me, other = Owner(tmp_path), Owner(tmp_path)
    assert me.id != other.id
    assert me.lives(me.id)
    assert me.lives(other.id)
    other.release()
    other.release()
    assert not me.lives(other.id)
    me.release()


def test_die_with_the_process_however_it_dies(tmp_path: Path) -> None:
    me = Owner(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    assert me.lives(name)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert not me.lives(name)
    assert not (tmp_path / name).exists()
    me.release()


def test_count_an_unknown_owner_as_dead(tmp_path: Path) -> None:
    me = Owner(tmp_path)
    assert not me.lives("1-nobody")
    me.release()
