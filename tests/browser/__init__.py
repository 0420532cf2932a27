"""The page in a real browser, Debian's Chromium: what people see of a running Instar, and what browsers say of it.

`windows` watches each window for what must never happen; `live` is the running Instar and its sets.
"""
