from pathlib import Path

import pytest

from threadline.proof import search

RECIPE = "The recipe needs seven quinces and a spoon of cardamom, stirred at midnight."


def test_find_nothing_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("somebody else's words altogether")
    proof = search(tmp_path, [RECIPE], [])
    assert (proof.texts, proof.files, proof.traces, proof.complete) == (1, 1, (), True)


@pytest.mark.parametrize(
    "piece",
    [
        RECIPE,
        RECIPE[:30],
        RECIPE[-30:],
        RECIPE[20:70],
        RECIPE.replace(" ", "\\u0020").lower()[:0] + "... cardamom,  quinces",
        '{"text": "' + RECIPE + '"}',
    ],
    ids=["whole", "beginning", "end", "middle", "nothing of it", "as JSON"],
)
def test_find_a_piece_wherever_it_is(tmp_path: Path, piece: str) -> None:
    folder = tmp_path / "deep" / "down"
    folder.mkdir(parents=True)
    (folder / "file.bin").write_bytes(b"\0" * 5_000 + piece.encode() + b"\xff" * 5_000)
    traces = search(tmp_path, [RECIPE], []).traces
    assert bool(traces) == (piece in RECIPE or RECIPE in piece)
    for trace in traces:
        assert trace.path == folder / "file.bin"
        assert trace.offset >= 5_000


def test_find_a_piece_across_two_blocks(tmp_path: Path) -> None:
    from threadline import proof

    half = len(RECIPE) // 2
    content = b"\0" * (proof._BLOCK - half) + RECIPE.encode() + b"\0" * 100
    (tmp_path / "large").write_bytes(content)
    found = {trace.offset for trace in search(tmp_path, [RECIPE], []).traces}
    assert proof._BLOCK - half in found
    assert any(offset < proof._BLOCK < offset + 24 for offset in found) or len(found) >= 3


def test_find_escaped_text_and_lone_long_words(tmp_path: Path) -> None:
    text = 'He said "quietly": one\ntwo\tthree, and Ünïcode. Bibliothekarinnen everywhere'
    (tmp_path / "a").write_text('"He said \\"quietly\\": one\\ntwo\\tthree, and so on"')
    (tmp_path / "b").write_text("index: bibliothekarinnen")
    found = {trace.path.name for trace in search(tmp_path, [text], []).traces}
    assert found == {"a", "b"}


def test_leave_out_what_somebody_else_said_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(RECIPE)
    assert search(tmp_path, [RECIPE], [f"Quoting her: {RECIPE}"]).traces == ()
    assert search(tmp_path, [RECIPE], ["something else"]).traces


def test_search_for_nothing_when_nothing_was_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(RECIPE)
    assert search(tmp_path, [], []).traces == ()
    assert search(tmp_path, ["", "hi"], []).traces == ()
