"""Hosts, writer, backend, clock and crash under one seeded scheduler, held against the model."""
