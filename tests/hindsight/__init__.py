"""Hindsight servers for tests: one in memory, the same over HTTP, and the real one."""
