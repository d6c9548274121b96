"""Sessions over HTTP: everything of `Memory` and `Session`, under `/v1/threadline`."""

#: The modules whose routers the app includes, in this order.
MODULES: tuple[str, ...] = ("banks", "conversations", "lineage", "questions", "deliveries")
