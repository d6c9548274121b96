"""What runs within the host's own process, in its environment: nothing here may import Threadline or the benchmarks."""
