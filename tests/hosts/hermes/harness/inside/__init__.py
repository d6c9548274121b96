"""What runs in the host's environment. It imports the host, and nothing of the tests."""
