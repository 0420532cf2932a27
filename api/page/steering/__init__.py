"""Steering from the page: what is offered, what is asked once more, the plan before it, the API's answer after it.

Every act is one route of the API, asked as the visitor. Nothing is decided here: what is offered is a courtesy, and
what the API refuses is shown as the API says it.
"""
