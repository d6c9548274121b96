"""Where a bank keeps what it holds."""
