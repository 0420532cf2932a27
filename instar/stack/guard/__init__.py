"""What stands before the Temporal server of `instar up`, which has no access control of its own.

The server runs in a network of its own, where the kernel allows that; its port is reached by mutual TLS, its page with
a link that `instar page --temporal` prints.
"""
