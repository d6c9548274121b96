"""Adapters for agent hosts. Each translates what its host says into calls of a session, and keeps nothing itself."""
