"""MCP: the tools of a server, over stdio and over streamable HTTP. Nothing here is imported before it is asked for."""
