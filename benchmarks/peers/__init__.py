"""Memories beside ours, each behind the same few methods, so that one piece of code measures them all."""
