"""A memory on a server, behind the names of `Memory` and `Session`. `Memory.connect` opens one."""

from threadline.client.memory import RemoteMemory
from threadline.client.session import RemoteSession

__all__ = ["RemoteMemory", "RemoteSession"]
