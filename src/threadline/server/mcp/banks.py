"""Tools of banks."""
