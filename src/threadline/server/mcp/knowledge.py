"""Tools of knowledge."""
