"""The seam: what remembers."""
