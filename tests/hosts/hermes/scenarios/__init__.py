"""What was said in the real host is what is in memory afterwards: per session, with lineage, and nothing else."""
