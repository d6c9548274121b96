"""A fake embeddings endpoint."""
