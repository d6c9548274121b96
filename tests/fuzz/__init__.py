"""The server under thousands of requests made from its own OpenAPI document: `make fuzz`."""
