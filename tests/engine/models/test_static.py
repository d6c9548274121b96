from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from threadline.engine.models import static
from threadline.engine.models.static import Static, open_static
from threadline.errors import EmbedderError

FILES = ("weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json")


def copied(folder: Path) -> Path:
    for name in FILES:
        (folder / name).parent.mkdir()
        shutil.copy(static._installed() / name, folder / name)
    return folder


def test_agree_with_wordllama(tmp_path: Path) -> None:
    """In a process of its own: importing the package sets up the logging of the whole process."""
    texts = ["the heron waits by the river", "里斯本的蜜蜂", "Quarterly report, 2026!", "x" * 500, "a  b\n\nc"]
    program = f"""
import sys
from pathlib import Path
import numpy as np
import wordllama
model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
np.save(sys.argv[1] + "/vectors.npy", np.concatenate([model.embed([text], norm=True) for text in {texts!r}]))
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, timeout=60)
    assert np.allclose(Static().embed(texts), np.load(tmp_path / "vectors.npy"), atol=1e-5)


def test_put_like_meanings_near_each_other() -> None:
    cat, feline, tax = Static().embed(["a cat sat on the mat", "the feline lay on a rug", "quarterly tax report"])
    assert cat @ feline > cat @ tax


def test_make_zeros_of_nothing() -> None:
    embedder = Static()
    assert not embedder.embed([""]).any()
    assert not embedder.embed_query("").any()


def test_leave_the_logging_of_the_host_alone() -> None:
    program = """
import logging
from threadline.engine.models.static import open_static
open_static({}).embed(["x"])
assert not logging.getLogger().handlers
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_have_no_options() -> None:
    with pytest.raises(ValueError, match=r"embedder static has no option 'model'; it has none"):
        open_static({"model": "x"})


@pytest.mark.parametrize("name", FILES)
def test_refuse_an_altered_or_missing_file(tmp_path: Path, name: str) -> None:
    folder = copied(tmp_path)
    assert Static(folder).embed(["x"]).shape == (1, 256)
    with (folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(EmbedderError, match=r"not the ones they should be; reinstall it: pip install.*\[static\]"):
        Static(folder).embed(["x"])
    (folder / name).unlink()
    with pytest.raises(EmbedderError, match="cannot be read; reinstall it"):
        Static(folder).embed(["x"])
