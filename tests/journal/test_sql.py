import re
from pathlib import Path

import threadline.journal
from threadline.journal.sql import SQL

FOLDER = Path(threadline.journal.__file__).parent


def test_give_every_query_a_name_of_its_own() -> None:
    names = re.findall(r"^-- name: (.*)$", (FOLDER / "queries.sql").read_text("utf-8"), re.MULTILINE)
    assert sorted(names) == sorted(SQL)


def test_ask_every_query() -> None:
    code = "".join(path.read_text("utf-8") for path in FOLDER.glob("*.py"))
    steps = re.search(r"for step in \((.*)\):", code)
    assert steps
    asked = {*re.findall(r'"(\w+)"', code), *(f"forget_bank_{step}" for step in re.findall(r"\w+", steps[1]))}
    assert set(SQL) <= asked
