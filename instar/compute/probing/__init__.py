"""Asking machines how they are, over real sockets."""
