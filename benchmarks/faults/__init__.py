"""What each fault does to the memory provider bundled with hermes-agent, and to Threadline, side by side."""
