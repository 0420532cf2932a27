"""Where the house stands, and the packages that are ours."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = {"instar", "activities", "api", "worker", "workflows"}
"""All but the first are fixed by who ordered Instar; nothing more is taken from the names that everybody shares."""
