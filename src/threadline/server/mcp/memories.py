"""Tools of memories."""
