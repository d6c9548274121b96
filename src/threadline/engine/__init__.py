"""The memory engine: banks of documents, and the memories made from them."""
