"""From the journal to the backend: one writer, retry, dead letters."""
