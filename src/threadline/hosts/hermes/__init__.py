"""Threadline as the memory of Hermes Agent."""
