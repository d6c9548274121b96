"""A conversation as its host lives it: turns, notes, switch, branch, rewind, end."""
