"""Schemathesis over a `threadline serve` of its own; it runs in an environment of its own.

Nothing may be answered with a server error, with a status, a content type or a body that the document does not have, or
later than some seconds. The seed is printed; the same seed makes the same requests.

python -m tests.fuzz --python .venv-fuzz/bin/python [--cases N] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx2
from benchmarks.evaluation import tell
from benchmarks.load.servers import Ours

_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
BANK = "fuzz"
# What would take away all that the others ask for.
_ENDING = ("delete_bank", "clear_bank_memories")
_SLOWEST_SECONDS = 5.0
_METHODS = ("get", "put", "post", "patch", "delete")


def operations(url: str) -> int:
    """How many operations the document has."""
    document = httpx2.get(f"{url}/openapi.json").json()
    return sum(method in item for item in document["paths"].values() for method in _METHODS)


def stock(url: str) -> dict[str, str]:
    """A bank with something of every kind: what the parameters of paths name so that something is there."""
    with httpx2.Client(base_url=f"{url}/v1/default/banks", timeout=30.0) as client:

        def made(path: str, body: Any) -> Any:
            return client.post(f"{BANK}/{path}", json=body).raise_for_status().json()

        client.put(BANK, json={"name": "Fuzz"}).raise_for_status()
        item = {"content": "Alice Novak moved to Oslo.", "document_id": "doc", "tags": ["a"]}
        made("memories", {"items": [{**item, "entities": [{"text": "Alice Novak", "type": "PERSON"}]}]})
        queued = made("memories", {"items": [{"content": "Carla plays chess."}], "async": True})
        (memory, *_) = (
            client.get(f"{BANK}/memories/list", params={"document_id": "doc"}).raise_for_status().json()["items"]
        )
        made("aliases", {"alias": "fuzz-too"})
        folder = made("knowledge-base/folders", {"name": "People"})
        page = made("knowledge-base/pages", {"name": "Alice", "source_query": "Where does Alice live?"})
        made("mental-models", {"id": "model", "name": "Alice", "source_query": "Where does Alice live?"})
        hook = made("webhooks", {"url": "https://example.com/h", "enabled": False})
        return {
            "bank_id": BANK,
            "document_id": "doc",
            "memory_id": memory["id"],
            "chunk_id": memory["chunk_id"],
            "operation_id": queued["operation_id"],
            "entity_id": client.get(f"{BANK}/entities").json()["items"][0]["id"],
            "alias": "fuzz-too",
            "node_id": folder["id"],
            "page_id": page["page_id"],
            "mental_model_id": "model",
            "directive_id": made("directives", {"name": "d", "content": "Be brief."})["id"],
            "webhook_id": hook["id"],
        }


def run(python: Path, url: str, each: int, seed: int, report: Path, more: list[str]) -> int:
    """Send so many requests to each operation; the exit code tells whether anything failed."""
    command = [
        str(python.with_name("st")),
        *("run", f"{url}/openapi.json", "--checks", ",".join(_CHECKS), "--phases", "examples,coverage,fuzzing"),
        *("--max-response-time", str(_SLOWEST_SECONDS), "--max-examples", str(each), "--seed", str(seed)),
        *("--workers", "1", "--continue-on-failure", "--no-shrink", "--suppress-health-check", "all"),
        *("--warnings", "off", "--report", "ndjson", "--report-ndjson-path", str(report), "--no-color"),
        *more,
    ]
    return subprocess.run(command, check=False, cwd=report.parent).returncode


def count(report: Path) -> dict[str, int]:
    """How many requests there were, by the first digit of the status."""
    found: dict[str, int] = {}

    def look(value: Any) -> None:
        if isinstance(value, dict):
            status = value.get("status_code")
            if isinstance(status, int):
                name = f"{status // 100}xx"
                found[name] = found.get(name, 0) + 1
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    with report.open(encoding="utf-8") as lines:
        for line in lines:
            look(json.loads(line))
    return found


def main(arguments: argparse.Namespace) -> None:
    """Run twice, and end with one line of JSON; without success where something failed."""
    seed = arguments.seed if arguments.seed is not None else random.randrange(2**31)
    tell(f"Seed {seed}")
    with (
        tempfile.TemporaryDirectory(prefix="threadline-fuzz-") as folder,
        Ours(Path(sys.executable).with_name("threadline")) as server,
    ):
        number = operations(server.url)
        each = -(-arguments.cases // (2 * number))
        reports = [Path(folder, name, "report.ndjson") for name in ("anything", "there")]
        for report in reports:
            report.parent.mkdir()
        tell("Paths that name anything")
        failed = [run(arguments.python.absolute(), server.url, each, seed, reports[0], arguments.more)]
        tell("Paths that name what is there")
        names = "".join(f"{name} = {json.dumps(value)}\n" for name, value in stock(server.url).items())
        reports[1].with_name("schemathesis.toml").write_text(f"[parameters]\n{names}", "utf-8")
        without = [option for name in _ENDING for option in ("--exclude-operation-id", name)]
        failed += [run(arguments.python.absolute(), server.url, each, seed, reports[1], [*without, *arguments.more])]
        answers = [count(report) for report in reports]
        alive = bool(server.pids())
        for line in server.log.read_text("utf-8", "replace").splitlines():
            if "Traceback" in line or '"error":' in line:
                tell(line)
    cases = sum(sum(one.values()) for one in answers)
    figures = {"seed": seed, "operations": number, "cases": cases, "answers": answers, "failed": failed != [0, 0]}
    sys.stdout.write(json.dumps(figures) + "\n")
    if any(failed) or not alive or cases < arguments.cases:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--python", type=Path, default=Path(".venv-fuzz/bin/python"))
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("more", nargs="*", help="further options of `st run`")
    main(parser.parse_args())
