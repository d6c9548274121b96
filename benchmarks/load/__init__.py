"""What a server takes: `make load`. Threadline's beside Hindsight's, under the same load, in one run."""
