"""`threadline export`: a whole bank as one file."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from threadline.cli.options import Options, command
from threadline.cli.output import count, say, say_json, write_all
from threadline.database import os_error


@command("export", "export --output alice.jsonl --bank alice", "export | gzip > backup.jsonl.gz")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; stdout if not given.")
@click.pass_obj
def export(options: Options, output: Path | None) -> None:
    """Write a bank as a file that can be imported again.

    It is JSON lines, which `threadline import` takes back without loss: sessions with their lineage, turns
    with their numbers and keys, what was taken back, notes, and what may not come back because it was
    forgotten. A file is written for its owner alone, and appears only when it is whole.
    """
    from threadline import archive

    check_output(options, output)
    with options.journal() as (journal, bank), contextlib.closing(archive.write(journal, bank)) as lines:
        written = write_export(output, lines)
    if output is None:
        return
    if options.json:
        say_json({"file": output, "bank": bank.name, "lines": written})
    else:
        say(f"{output}: {count(written, 'line')} of bank {bank.name}.", err=True)


def check_output(options: Options, output: Path | None) -> None:
    """Refuse --json where the export itself goes to stdout.

    Raises:
        click.UsageError: it does.
    """
    if output is None and options.json:
        raise click.UsageError("An export is JSON lines already; --json goes with --output.")


def write_export(output: Path | None, lines: Iterable[str]) -> int:
    """Write lines to a file for its owner alone, or to stdout; returns how many.

    Raises:
        StorageError: the file cannot be written; what had its name is as it was.
    """
    if output is None:
        return write_lines(sys.stdout.buffer, lines)
    try:
        with private_file(output) as file:
            return write_lines(file, lines)
    except OSError as error:
        raise os_error(error, output) from error


def write_lines(file: BinaryIO, lines: Iterable[str]) -> int:
    """Write lines that end in a line break; returns how many."""
    written = 0
    for line in lines:
        write_all(file, line.encode())
        written += 1
    file.flush()
    return written


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """A file that only its owner may read, and that takes the place of `path` when all of it is on disk."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
