"""The server: Hindsight's HTTP API, sessions over HTTP and MCP over the embedded engine."""
