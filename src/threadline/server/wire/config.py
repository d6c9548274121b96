"""The configuration of a bank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request

from threadline.errors import UnknownBankError
from threadline.server import configs, configuring
from threadline.server.access import ReadRoom, caller_of, room_to_admin, room_to_make, room_to_write
from threadline.server.house import Room
from threadline.server.wire.base import WireRoute, partly, same
from threadline.server.wire.shapes.config import BankConfigResponse, BankConfigUpdate

router = APIRouter(route_class=WireRoute, tags=["Banks"])

_PATH = "/v1/default/banks/{bank_id}/config"


def config_of(room: Room) -> BankConfigResponse:
    """The configuration of a bank, and what of it is set."""
    overrides = configuring.overrides(room)
    return BankConfigResponse(bank_id=room.id, config=configs.over_defaults(overrides), overrides=overrides)


@router.get(_PATH, operation_id="get_bank_config", **same())
def get_bank_config(room: ReadRoom) -> BankConfigResponse:
    """Get the configuration of a bank: what holds, and what is set for it."""
    return config_of(room)


def room_to_configure(request: Request, bank_id: str, updates: Mapping[str, Any]) -> Room:
    """A bank whose configuration is to be set, made where there is none, once it can be set.

    Args:
        updates: what `configuring.validate` returned.

    Raises:
        RequestError: it contradicts itself.
    """
    try:
        return room_to_write(request, bank_id)
    except UnknownBankError:
        configs.merge({}, updates)
        return room_to_make(request, bank_id)


@router.patch(
    _PATH,
    operation_id="update_bank_config",
    **partly("a field of the server's own settings is refused as unknown; null and sizes are checked more closely"),
)
def update_bank_config(request: Request, bank_id: str, body: BankConfigUpdate) -> BankConfigResponse:
    """Set fields of a bank's configuration. The bank is made where there is none."""
    caller_of(request).demand("admin")
    updates = configuring.validate(body.updates)
    room = room_to_configure(request, bank_id, updates)
    configuring.update(room, updates)
    return config_of(room)


@router.delete(_PATH, operation_id="reset_bank_config", **same())
def reset_bank_config(request: Request, bank_id: str) -> BankConfigResponse:
    """Take back all that is set for a bank. Of a bank that is not there the defaults are answered."""
    try:
        room = room_to_admin(request, bank_id)
    except UnknownBankError:
        return BankConfigResponse(bank_id=bank_id, config=dict(configs.DEFAULTS), overrides={})
    configuring.reset(room)
    return config_of(room)
