"""How much work a template may ask for: a few lines of it can name more than any machine holds."""

from typing import Any

from api.templates.errors import TemplateError

WORK_AT_MOST = 300_000
"""Values looked at, for one template: a second of work, a hundred times what scale-set templates need."""

TEXT_AT_MOST = 1_048_576
"""Characters of one text: custom data has 87,382 at the most."""

ITEMS_AT_MOST = 10_000
"""Of one array."""

CHARACTERS_PER_STEP = 16
_WHOLE_NUMBERS = range(-(2**63), 2**63)


class Budget:
    """What is left of it. Shared by every scope of one template."""

    def __init__(self, left: int = WORK_AT_MOST) -> None:
        self._left = left

    def spend(self, steps: int = 1) -> None:
        """Raises TemplateError when nothing is left."""
        self._left -= steps
        if self._left < 0:
            raise TemplateError("the template asks for too much work: its expressions, variables or copies multiply")

    def measured(self, value: Any) -> Any:
        """The same value, once it was paid for. Raises TemplateError for one that is too large."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            self.spend()
            if isinstance(one, str):
                self.spend(text_size(len(one)) // CHARACTERS_PER_STEP)
            elif isinstance(one, int) and one not in _WHOLE_NUMBERS:
                raise TemplateError("a number of the template is larger than 64 bits hold")
            elif isinstance(one, list):
                if len(one) > ITEMS_AT_MOST:
                    raise TemplateError(f"an array of the template has more than {ITEMS_AT_MOST} items")
                waiting += one
            elif isinstance(one, dict):
                waiting += one.values()
        return value


def text_size(characters: int) -> int:
    """The same number: to be asked before so long a text is made. Raises TemplateError.

    >>> text_size(5)
    5
    """
    if characters > TEXT_AT_MOST:
        raise TemplateError(f"a text of the template is longer than {TEXT_AT_MOST} characters")
    return characters
