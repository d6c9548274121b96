"""The recall prepared for the next turn."""
