"""Tags, the same for everything that has them: how many, how long, of what kind."""

from typing import Any

from api.wire.errors import ArmError, invalid
from api.wire.texts import IN_NO_NAME, shown

Json = dict[str, Any]

NAME_AT_MOST = 512
VALUE_AT_MOST = 256
"""Characters, as in Azure."""


def check_tags(given: Any, had: Any, at_most: int) -> None:
    """Raises ArmError 400 for tags (None: not given) that are no object of strings, too many, too long, or unreadable.

    `had` are those that are there: what it has already is taken as it is, more than `at_most` of them too, so that what
    was stored under a higher quota can be put back.
    """
    if given is None:
        return
    if not isinstance(given, dict):
        raise invalid("'tags' must be an object.", "tags")
    if not all(isinstance(value, str) for value in given.values()):
        raise invalid("Every value of 'tags' must be a string.", "tags")
    kept: Json = had if isinstance(had, dict) else {}
    if len(given) > max(at_most, len(kept)):
        raise invalid(
            f"A resource may have {at_most} tags, not {len(given)}. Leave some out, or let the operator of the API "
            "raise its setting INSTAR_QUOTAS__TAGS.",
            "tags",
        )
    for name, value in given.items():
        if kept.get(name) != value:
            _check_tag(name, value, is_new=name not in kept)


def _check_tag(name: str, value: str, *, is_new: bool) -> None:
    if is_new and not 0 < len(name) <= NAME_AT_MOST:
        raise invalid(f"The name of a tag has 1 to {NAME_AT_MOST} characters, not {len(name)}.", "tags")
    if is_new and IN_NO_NAME.search(name):
        message = f"The tag name '{shown(name)}' has control characters, which the name of a tag must not have."
        raise ArmError(400, "InvalidTagNameCharacters", message, target="tags")
    if len(value) > VALUE_AT_MOST:
        raise invalid(
            f"The value of the tag '{shown(name)}' has {len(value)} characters: it may have {VALUE_AT_MOST}.", "tags"
        )
