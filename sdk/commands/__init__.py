"""The commands: `skt-count`, `skt-eval`, `skt-doctor`."""
