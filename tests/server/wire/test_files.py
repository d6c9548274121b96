"""Files that are sent to be retained."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.wire.test_transfer import BANKS, documents, ended, memories
from threadline.server.house import House

PAGE = """<!doctype html><html><head><title>Tea &amp; toast</title><style>p {color: red}</style></head>
<body><h1>Breakfast</h1><p>Ada drinks <b>green</b>
tea.</p><script>alert("x")</script><ul><li>toast</li><li>jam</li></ul></body></html>"""


def sent(client: TestClient, *files: tuple[str, bytes], **request: Any) -> Any:
    parts = [("files", (name, content)) for name, content in files]
    return client.post(f"{BANKS}/one/files/retain", files=parts, data={"request": json.dumps(request)})


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("notes.txt", b"Ada drinks tea.", "Ada drinks tea."),
        ("notes.md", "# Café\n\nAda drinks tea.".encode(), "# Café\n\nAda drinks tea."),
        ("table.csv", b"who,what\nAda,tea\n", "who,what\nAda,tea\n"),
        ("data.json", b'{"who": "Ad\\u00e4"}', '{\n  "who": "Adä"\n}'),
        ("old.txt", "Café".encode("cp1252"), "Café"),
        ("wide.txt", "Café".encode("utf-16"), "Café"),
        ("page.html", PAGE.encode(), "Tea & toast\n\nBreakfast\n\nAda drinks green tea.\n\ntoast\n\njam"),
    ],
)
def test_retain_what_a_file_says(client: TestClient, house: House, name: str, content: bytes, text: str) -> None:
    told = {
        "document_id": "d",
        "tags": ["t"],
        "context": "c",
        "timestamp": "2026-05-01T10:00:00Z",
        "metadata": {"n": 1},
    }
    answer = sent(client, (name, content), files_metadata=[told])
    assert answer.status_code == 200, answer.text
    (operation_id,) = answer.json()["operation_ids"]
    operation = ended(client, house, "one", operation_id)
    assert operation["status"] == "completed", operation
    (document,) = documents(client, "one")
    assert (document["id"], document["original_text"], document["tags"]) == ("d", text, ["t"])
    assert memories(client, "one")[0]["context"] == "c"
    assert list((house.tenant().home / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("scan.pdf", b"%PDF-1.7", "The file 'scan.pdf' cannot be read: text, Markdown"),
        ("../../evil", b"x", "The file '../../evil' cannot be read"),
        ("binary.txt", b"a\0b", "The file 'binary.txt' cannot be read: it is no text."),
        ("empty.txt", b" ", "There is no text in the file 'empty.txt'."),
    ],
)
def test_say_why_a_file_cannot_be_read(client: TestClient, house: House, name: str, content: bytes, error: str) -> None:
    (operation_id,) = sent(client, (name, content)).json()["operation_ids"]
    operation = ended(client, house, "one", operation_id)
    assert operation["status"] == "failed"
    assert operation["error_message"].startswith(error)
    assert list((house.tenant().home / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("request_json", "detail"),
    [
        ({"files_metadata": [{}, {}]}, "files_metadata count (2) must match files count (1)"),
        ({"parser": "iris"}, "Parser(s) not available (request-level parser): ['iris']. Available: ['markitdown']"),
        ({"tags": ["x"]}, "Invalid request JSON: "),
        ({"files_metadata": [{"timestamp": "soon"}]}, "Invalid request JSON: "),
    ],
)
def test_refuse_what_cannot_be_accepted(client: TestClient, request_json: dict[str, Any], detail: str) -> None:
    answer = sent(client, ("a.txt", b"a"), **request_json)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(detail)


def test_there_are_no_attachments(client: TestClient) -> None:
    client.put(f"{BANKS}/one", json={}).raise_for_status()
    answer = client.get(f"{BANKS}/one/attachments/x")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Attachment not found"})
