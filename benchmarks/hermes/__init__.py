"""What a memory provider adds to a turn in the real Hermes host: ours and the bundled one, in the same run."""
