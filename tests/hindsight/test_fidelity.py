"""The same requests, one after the other, to the fake and to the real server: do they answer alike?

What the fake leaves out of an answer is its own affair; what it says must be what the real one says.
Run by `make hindsight`, as `test_real.py` is.
"""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from .fake import FakeHindsight
from .real import RealHindsight

pytestmark = pytest.mark.hindsight

BANK, OTHER, MISSING = (f"/v1/default/banks/fidelity{end}" for end in ("", "-other", "-missing"))
FIRST, SECOND, NEVER = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
ODD = "session:s/1#2%2F ü"
#: Made by each server as it likes; and the name of a memory, whereas that of a document is its client's.
OWN = {"content_hash", "scores", "created_at", "updated_at", "config", "features"}
SETTLE_SECONDS = 20.0


@dataclass(frozen=True)
class Step:
    """One request of the sequence."""

    name: str
    method: str
    path: str
    body: Any = None
    query: Mapping[str, Sequence[str]] | None = None
    settle: str | None = None


Ask = Callable[[Step], tuple[int, Any]]


def turns(*texts: str) -> str:
    return json.dumps([{"role": "user", "content": text} for text in texts])


def retain(name: str, item: Mapping[str, Any], operation: str | None = None) -> Step:
    body = {"items": [item], "async": operation is not None, "operation_id": operation}
    settle = None if operation is None else f"{BANK}/operations/{operation}"
    return Step(name, "POST", f"{BANK}/memories", body, settle=settle)


def recall(name: str, **more: Any) -> Step:
    return Step(name, "POST", f"{BANK}/memories/recall", {"query": "lisbon", **more})


def document(name: str, of: str) -> Step:
    return Step(name, "GET", f"{BANK}/documents/{quote(of, safe='')}")


STEPS = (
    Step("version", "GET", "/version"),
    Step("no such route", "GET", "/nope"),
    Step("recall in no bank", "POST", f"{BANK}/memories/recall", {"query": "x"}),
    Step("documents of no bank", "GET", f"{BANK}/documents"),
    Step("delete no bank", "DELETE", BANK),
    Step("make a bank", "PUT", BANK, {}),
    Step("set a mission", "PATCH", f"{BANK}/config", {"updates": {"retain_mission": "x"}}),
    retain("retain", {"content": "one lisbon", "document_id": "a", "tags": ["x"], "metadata": {"k": "v"}}),
    document("read it", "a"),
    retain("retain an array", {"content": turns("lisbon, three"), "document_id": "b", "tags": ["x", "y"]}),
    retain(
        "append an array",
        {"content": turns("lisbon 4"), "document_id": "b", "update_mode": "append", "tags": ["y"]},
    ),
    document("read one array", "b"),
    retain("append to nothing", {"content": "lisbon, five", "document_id": "c", "update_mode": "append"}),
    document("read what was appended to nothing", "c"),
    retain("append to no document", {"content": "q", "update_mode": "append"}),
    retain("retain a blank", {"content": "  "}),
    retain("an operation", {"content": "lisbon", "document_id": ODD}, FIRST),
    Step("read the operation", "GET", f"{BANK}/operations/{FIRST}"),
    document("read a document with an odd name", ODD),
    retain("the operation again", {"content": "other", "document_id": "z"}, FIRST),
    document("the operation did nothing again", "z"),
    Step(
        "an operation of another bank",
        "POST",
        f"{OTHER}/memories",
        {"items": [{"content": "z"}], "async": True, "operation_id": FIRST},
    ),
    retain("an operation id that is none", {"content": "z"}, "zz"),
    Step("cancel what is done", "DELETE", f"{BANK}/operations/{FIRST}"),
    Step("retry what is done", "POST", f"{BANK}/operations/{FIRST}/retry"),
    Step("an unknown operation", "GET", f"{BANK}/operations/{NEVER}"),
    Step("cancel an unknown operation", "DELETE", f"{BANK}/operations/{NEVER}"),
    Step("retry an unknown operation", "POST", f"{BANK}/operations/{NEVER}/retry"),
    Step("a malformed operation", "GET", f"{BANK}/operations/zz"),
    recall("recall"),
    recall("recall within any tag", tags=["x"], tags_match="any"),
    recall("recall within all tags", tags=["x", "y"], tags_match="all"),
    recall("recall within any tag strictly", tags=["x", "y"], tags_match="any_strict"),
    recall("recall within all tags strictly", tags=["y"], tags_match="all_strict"),
    recall("recall within exactly these tags", tags=["y"], tags_match="exact"),
    recall("recall within no tag at all", tags=[], tags_match="exact"),
    recall("recall within groups", tag_groups=[{"or": [{"tags": ["y"]}, {"tags": [], "match": "exact"}]}]),
    recall("recall outside a group", tag_groups=[{"not": {"tags": ["y"], "match": "any_strict"}}]),
    recall("recall another type", types=["opinion"]),
    recall("recall by tags and groups", tags=["x"], tag_groups=[{"tags": ["x"]}]),
    Step("recall by no word", "POST", f"{BANK}/memories/recall", {"query": "!!!"}),
    Step("documents", "GET", f"{BANK}/documents"),
    Step("documents by a part of the name", "GET", f"{BANK}/documents", query={"q": ["SESSION:"]}),
    Step("documents by a part of the text", "GET", f"{BANK}/documents", query={"q": ["FIVE"]}),
    Step("documents by a tag", "GET", f"{BANK}/documents", query={"tags": ["y"]}),
    Step("reflect without a model", "POST", f"{BANK}/reflect", {"query": "x"}),
    retain("append a line", {"content": "two", "document_id": "a", "update_mode": "append"}),
    document("read both lines", "a"),
    retain("append a line to an array", {"content": "plain", "document_id": "b", "update_mode": "append"}),
    document("read an array and a line", "b"),
    Step("delete a document", "DELETE", f"{BANK}/documents/{quote(ODD, safe='')}"),
    Step("delete it again", "DELETE", f"{BANK}/documents/{quote(ODD, safe='')}"),
    Step("read it no more", "GET", f"{BANK}/documents/{quote(ODD, safe='')}"),
    Step("the refused bank was not made", "GET", f"{OTHER}/documents"),
    Step("read a document of no bank", "GET", f"{MISSING}/documents/a"),
    Step("delete the bank", "DELETE", BANK),
    Step("its operation is gone", "GET", f"{BANK}/operations/{FIRST}"),
    retain("its operation anew", {"content": "new", "document_id": "n"}, FIRST),
    document("which is carried out", "n"),
)


@pytest.fixture(scope="module")
def told() -> dict[str, tuple[tuple[int, Any], tuple[int, Any]]]:
    """What the fake and the real server said to each step."""
    python = os.environ.get("THREADLINE_HINDSIGHT_PYTHON")
    assert python, "run this with `make hindsight`"
    fake = FakeHindsight()

    def ask_fake(step: Step) -> tuple[int, Any]:
        content = b"" if step.body is None else json.dumps(step.body).encode()
        answer = fake.handle(step.method, step.path, step.query or {}, content)
        return answer.status, json.loads(json.dumps(answer.body))

    with RealHindsight(Path(python).absolute()) as server:
        said = {step.name: _play(step, lambda step: _ask(server.url, step)) for step in STEPS}
    return {step.name: (_play(step, ask_fake), said[step.name]) for step in STEPS}


def _play(step: Step, ask: Ask) -> tuple[int, Any]:
    answer = ask(step)
    if step.settle is not None and answer[0] == 200:
        pause = threading.Event()
        for _ in range(int(SETTLE_SECONDS / 0.05)):
            if ask(Step("", "GET", step.settle))[1]["status"] not in ("pending", "processing"):
                break
            pause.wait(0.05)
    return answer


def _ask(url: str, step: Step) -> tuple[int, Any]:
    query = f"?{urlencode(step.query, doseq=True)}" if step.query else ""
    request = urllib.request.Request(url + step.path + query, method=step.method)  # noqa: S310 - our own
    if step.body is not None:
        request.data = json.dumps(step.body).encode()
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.parametrize(
    "step",
    STEPS,
    ids=lambda step: step.name,
)
def test_answer_alike(step: Step, told: dict[str, tuple[tuple[int, Any], tuple[int, Any]]]) -> None:
    (status, fake), (real_status, real) = told[step.name]
    assert status == real_status, (fake, real)
    if status >= 400:
        assert _same_reason(fake["detail"], real["detail"]), (fake, real)
    else:
        assert _unlike(_sorted(fake), _sorted(real)) == []


def _same_reason(fake: Any, real: Any) -> bool:
    """A refusal may be told more shortly; what is wrong with a request may be told in the fake's own words."""
    return isinstance(real, list) if isinstance(fake, list) else str(real).startswith(str(fake))


def _sorted(body: Any) -> Any:
    """Without an order where the order is the server's own: it ranks and lists as it likes."""
    for name in ("results", "items"):
        if isinstance(body, dict) and name in body:
            key = {"results": "chunk_id", "items": "id"}[name]
            body = {**body, name: sorted(body[name], key=lambda row: row[key])}
    return body


def _unlike(fake: Any, real: Any, at: str = "") -> list[str]:
    """Where the fake says what the real server does not."""
    if isinstance(fake, dict) and isinstance(real, dict):
        own = OWN | {"id"} if at.startswith(".results") else OWN
        found = [f"{at}.{name} is not in the real answer" for name in fake.keys() - real.keys()]
        for name in (fake.keys() & real.keys()) - own:
            found += _unlike(fake[name], real[name], f"{at}.{name}")
        return found
    if isinstance(fake, list) and isinstance(real, list):
        if at.endswith("tags"):
            fake, real = sorted(fake), sorted(real)
        if len(fake) != len(real):
            return [f"{at}: {len(fake)} instead of {len(real)}: {fake} instead of {real}"]
        pairs = enumerate(zip(fake, real, strict=True))
        return [line for number, pair in pairs for line in _unlike(*pair, f"{at}[{number}]")]
    if at.endswith("mentioned_at") and fake is None:
        return []  # the fake has no clock
    return [] if fake == real else [f"{at}: {fake!r} instead of {real!r}"]
