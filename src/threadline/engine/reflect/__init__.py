"""Answers from what was recalled."""
