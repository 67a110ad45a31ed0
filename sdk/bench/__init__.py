"""Speed, memory and counts side by side: each contender in a process of its own, in turns. See `skt-bench`."""
