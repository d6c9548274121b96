"""What was said: turns, notes, lineage, and what is still to be delivered. The truth."""
