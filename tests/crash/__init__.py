"""A real process killed with SIGKILL, thousands of times, and what is found afterwards.

`python -m tests.crash --kills N` kills N times; its last line is one JSON object. `docs/testing.md` tells how it
works and which faults it was seen to find.
"""
