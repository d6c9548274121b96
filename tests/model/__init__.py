"""The session API against a model of ten lines."""
