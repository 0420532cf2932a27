"""The machines: one port, one tree of errors, a backend per folder."""
