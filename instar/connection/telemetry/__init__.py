"""What a process shows of itself to whoever operates it: metrics, a log for machines, traces. All off by default."""
