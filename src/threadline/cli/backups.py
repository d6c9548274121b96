"""`threadline backup` and `threadline restore`: a whole data directory as one file, and back."""

from __future__ import annotations

from pathlib import Path

import click

from threadline.cli.options import Options, command
from threadline.cli.output import count, moment, say, say_json


@command("backup", "backup --output memory.tar.gz", "backup --home /srv/memory -o /backups/monday.tar.gz --json")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file.")
@click.pass_obj
def backup(options: Options, output: Path) -> None:
    """Write the whole data directory to one file.

    Every bank and tenant, the journal, keys and settings, also while a server runs on it: each tenant as it was at one
    instant. Word indexes are left out: they are made again. The file is for its owner alone, appears only when it is
    whole, and is checked before.
    """
    from threadline.backup import back_up

    found = back_up(options.settings().home, output.expanduser().absolute())
    if options.json:
        say_json(found)
    else:
        checked = count(found.databases, "database")
        say(f"{output}: {count(found.files, 'file')}, {checked} checked, {found.bytes:,} bytes.")


@command("restore", "restore memory.tar.gz", "restore /backups/monday.tar.gz --home /srv/memory")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def restore(options: Options, file: Path) -> None:
    """Make a data directory from a backup.

    FILE is what `threadline backup` wrote. Nothing is overwritten: the data directory must not be there, or be empty.
    It appears only when every file of it was checked. What was forgotten after the backup was made is in it again.
    """
    from threadline.backup import restore as make

    settings = options.settings()
    found = make(file.expanduser().absolute(), settings.home)
    if options.json:
        say_json({"home": settings.home, "files": found.files, "bytes": found.bytes, "made_at": found.made_at})
    else:
        when = moment(found.made_at.astimezone())
        say(f"{settings.home}: as it was {when}, {count(found.databases, 'database')} checked.")
