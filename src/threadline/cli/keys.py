"""`threadline keys`: who may ask the server, and for what."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from threadline.cli.options import Options, command, group
from threadline.cli.output import fields, moment, say, say_json, show, styled

if TYPE_CHECKING:
    from threadline.server.keys import Key


@group("keys", "keys create --scope write --bank alice --expires 90d", "keys list")
@click.pass_context
def keys(ctx: click.Context) -> None:
    """Make, list and revoke the keys of the server.

    Once there is any key, the server asks for one, also on loopback. Without the name of a command it is `list`.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@command(
    "create", "keys create", "keys create --tenant acme --scope read --bank support --bank docs --expires 2027-01-31"
)
@click.option("--tenant", default="default", show_default=True, metavar="NAME", help="Whose banks it is for.")
@click.option(
    "--bank", "banks", multiple=True, metavar="NAME", help="A bank it may see; may be repeated. [all of them]"
)
@click.option(
    "--scope",
    type=click.Choice(["read", "write", "admin"]),
    default="admin",
    show_default=True,
    help="read: recall and look; write: also retain and delete; admin: also banks themselves and their settings.",
)
@click.option("--expires", metavar="WHEN", help="A date, a time, or how long from now: 90d, 12h, 30m. [never]")
@click.pass_obj
def create(options: Options, tenant: str, banks: tuple[str, ...], scope: str, expires: str | None) -> None:
    """Make a key, and print its token.

    The token is shown this once: what is kept is a digest. A tenant is there from its first request on; its banks
    are in a folder of their own, and no key of another sees them.
    """
    from threadline.server.keys import Keys, parse_expiry

    with contextlib.closing(Keys(options.settings().home)) as found:
        key, token = found.create(tenant, banks, scope, parse_expiry(expires) if expires else None)
    if options.json:
        say_json({"token": token, **_plain(key)})
    else:
        say(token)
        say("This is the only time it is shown. Send it as: Authorization: Bearer TOKEN", err=True)


@command("list", "keys list", "keys list --json")
@click.pass_obj
def list_(options: Options) -> None:
    """List the keys there are and were, without their secrets.

    Of each its id, whose banks it is for, what it may do, whether it still holds, and when it was last used, to a
    minute or so. Revoked keys stay in the list.
    """
    from threadline.server.keys import Keys

    with contextlib.closing(Keys(options.settings().home)) as keys:
        found = keys.list()
    if options.json:
        say_json([_plain(key) for key in found])
        return
    if not found:
        say("No key was made yet: the server answers anybody on this machine, and nobody else.")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("id", "tenant", "banks", "scope", "holds", "last used"):
        table.add_column(name, overflow="fold")
    for key in found:
        banks = "all" if key.banks is None else ", ".join(sorted(key.banks))
        table.add_row(*map(styled, (key.id, key.tenant, banks, key.scope, _holds(key), moment(key.used_at))))
    show(table)


@command("revoke", "keys revoke 1f2e3d4c5b6a", "keys revoke 1f2e3d4c5b6a --json")
@click.argument("key")
@click.pass_obj
def revoke(options: Options, key: str) -> None:
    """Refuse a key from now on, also in a server that runs.

    KEY is its id, as `threadline keys list` has it, or the whole token. It stays in the list: a server whose last key
    is revoked lets nobody in, rather than everybody.
    """
    from threadline.server.keys import Keys

    with contextlib.closing(Keys(options.settings().home)) as keys:
        keys.revoke(key)
    if options.json:
        say_json({"revoked": True})
    else:
        say("Revoked.")


def _plain(key: Key) -> dict[str, object]:
    banks = None if key.banks is None else sorted(key.banks)
    return {**fields(key), "banks": banks, "holds": key.holds(datetime.now(UTC))}


def _holds(key: Key) -> str:
    if key.revoked_at is not None:
        return f"revoked {moment(key.revoked_at)}"
    if not key.holds(datetime.now(UTC)):
        return f"expired {moment(key.expires_at)}"
    return "for good" if key.expires_at is None else f"until {moment(key.expires_at)}"


for each in (create, list_, revoke):
    keys.add_command(each)
