"""Tools of banks, of their directives, and of operations. What they do is what the routes of the same names do."""

from __future__ import annotations

from typing import Annotated, Any

from threadline.errors import UnknownBankError
from threadline.server import configuring
from threadline.server.house import Room
from threadline.server.mcp.tools import Visitor, said, tool
from threadline.server.wire import banks, directives, operations
from threadline.server.wire.base import WireShape
from threadline.server.wire.shapes.banks import CreateBankRequest
from threadline.server.wire.shapes.directives import CreateDirectiveRequest

_LIMIT = Annotated[int, said("The most that are returned.", ge=1, le=1000)]
_OFFSET = Annotated[int, said("How many are passed over: to read on, as many as were read.", ge=0)]
_OPERATION = Annotated[str, said("The id of the operation.")]


@tool("read", subject="visitor", many=True)
def list_banks(
    visitor: Visitor,
    query: Annotated[str | None, said("Only banks with this in their id or name.")] = None,
    limit: Annotated[int, said("The most that are returned.", ge=0)] = 100,
    offset: _OFFSET = 0,
) -> WireShape:
    """List banks, the last written first. Each is a memory of its own: nothing crosses from one to another."""
    return banks.list_banks(visitor.tenant, visitor.caller, q=query, limit=limit, offset=offset)


@tool("write", subject="visitor", many=True)
def create_bank(
    visitor: Visitor,
    bank_id: Annotated[str, said("The id of the bank, such as 'user-123'.")],
    name: Annotated[str | None, said("What people call it.")] = None,
    mission: Annotated[str | None, said("Who it is for, and what they are after.")] = None,
) -> WireShape:
    """Make a bank, or find the one that has this id."""
    if not visitor.caller.sees(bank_id):
        raise UnknownBankError(f"Bank '{bank_id}' not found")
    room = visitor.tenant.make_room(bank_id)
    if not visitor.caller.sees(room.id):
        raise UnknownBankError(f"Bank '{bank_id}' not found")
    return banks.update_bank(room, CreateBankRequest(name=name, mission=mission))


@tool("read")
def get_bank(room: Room) -> WireShape:
    """Show the bank: its name, its mission and how its answers are to sound."""
    return banks.update_bank(room, CreateBankRequest())


@tool("read", many=True)
def get_bank_stats(room: Room) -> WireShape:
    """Count what the bank holds."""
    return banks.get_agent_stats(room)


@tool("admin")
def update_bank(
    room: Room,
    name: Annotated[str | None, said("What people call it.")] = None,
    mission: Annotated[str | None, said("The same as reflect_mission in config_updates.")] = None,
    config_updates: Annotated[
        dict[str, Any] | None,
        said(
            "Fields of the bank's configuration, such as reflect_mission, retain_chunk_size, retain_strategies, "
            "disposition_empathy (1 to 5), recall_max_tokens, memory_defense, mcp_enabled_tools; null: the default."
        ),
    ] = None,
) -> WireShape:
    """Change the bank. What is left out stays."""
    wanted = dict(config_updates or {})
    if mission is not None:
        wanted.setdefault("reflect_mission", mission)
    updates = configuring.validate(wanted)
    if updates:
        configuring.update(room, updates)
    return banks.update_bank(room, CreateBankRequest(name=name))


@tool("admin", destroys=True)
def delete_bank(room: Room) -> dict[str, Any]:
    """Delete the bank and everything in it, for good: memories, documents, sessions, and what is set for it."""
    count = room.tenant.remove(room.id)
    return {"status": "deleted", "bank_id": room.id, "memories_deleted": count}


@tool("read")
def list_directives(
    room: Room,
    tags: Annotated[list[str] | None, said("Only those that hold in this scope.")] = None,
    active_only: Annotated[bool, said("Only those that are active.")] = True,
    limit: _LIMIT = 100,
    offset: _OFFSET = 0,
) -> WireShape:
    """List directives: rules for whoever composes answers from this bank, the most important first."""
    return directives.list_directives(room, tags=tags, active_only=active_only, limit=limit, offset=offset)


@tool("write", subject="made room")
def create_directive(
    room: Room,
    name: Annotated[str, said("What people call it.")],
    content: Annotated[str, said("The rule.")],
    priority: Annotated[int, said("The higher, the more important.")] = 0,
    is_active: Annotated[bool, said("Whether it holds from now on.")] = True,
    tags: Annotated[list[str] | None, said("The scope it holds in; left out: everywhere.")] = None,
) -> WireShape:
    """Make a directive."""
    body = CreateDirectiveRequest(name=name, content=content, priority=priority, is_active=is_active, tags=tags or [])
    return directives.create_directive(room, body)


@tool("write", destroys=True)
def delete_directive(room: Room, directive_id: Annotated[str, said("The id of the directive.")]) -> dict[str, Any]:
    """Delete a directive."""
    return {**directives.delete_directive(room, directive_id), "directive_id": directive_id}


@tool("read")
def list_operations(
    room: Room,
    status: Annotated[
        str | None, said("Only those that are 'pending', 'processing', 'completed', 'failed' or 'cancelled'.")
    ] = None,
    type: Annotated[str | None, said("Only those of a type, such as 'retain'.")] = None,  # noqa: A002
    limit: Annotated[int, said("The most that are returned.", ge=1, le=100)] = 20,
    offset: _OFFSET = 0,
    exclude_parents: Annotated[bool, said("Without those that only stand for their parts.")] = False,
) -> WireShape:
    """List what was accepted to be done in the background, the latest first."""
    return operations.list_operations(
        room, status=status, type=type, limit=limit, offset=offset, exclude_parents=exclude_parents
    )


@tool("read")
def get_operation(room: Room, operation_id: _OPERATION) -> WireShape:
    """Say how an operation is: whether it waits, runs, is completed or failed, and why."""
    return operations.get_operation_status(room, operation_id)


@tool("write")
def cancel_operation(room: Room, operation_id: _OPERATION) -> WireShape:
    """Cancel an operation that has not ended."""
    return operations.cancel_operation(room, operation_id)
