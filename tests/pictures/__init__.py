"""Pictures for the pages, taken of a real run: `python -m tests.pictures` (`make pictures`).

`shots` names them: add a line there for a picture more. `scene` is the run, `browser` takes what is shown.
"""
