"""The functions of template expressions that need nothing but their arguments.

Those that look at the deployment (`parameters`, `resourceId`, `reference`…) are in `scope`. A function that is in
neither place is refused by name.
"""

import base64
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from api.templates.errors import TemplateError
from api.templates.functions import addresses, formats, moments, names, objects, uris, values


@dataclass(frozen=True, slots=True)
class Function:
    """What it does, and how many arguments it takes (`most` None: any number)."""

    run: Callable[..., Any]
    least: int
    most: int | None


def call(name: str, arguments: list[Any]) -> Any:
    """Run a function. Raises TemplateError for arguments that it cannot take; KeyError for one that is not here."""
    return run(name, FUNCTIONS[name], arguments)


def run(name: str, function: Function, arguments: list[Any]) -> Any:
    """Run what is described so. Raises TemplateError."""
    check_count(name, arguments, function.least, function.most)
    try:
        return function.run(*arguments)
    except TemplateError:
        raise
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError):
        # Not Python's own words: they quote the argument, which may be a secret (F5).
        raise TemplateError(f"the template function '{name}' cannot take these arguments") from None


def check_count(name: str, arguments: list[Any], least: int, most: int | None) -> None:
    """Raises TemplateError for too few or too many arguments."""
    if len(arguments) < least or (most is not None and len(arguments) > most):
        wanted = f"{least}" if least == most else f"{least} to {most}" if most is not None else f"at least {least}"
        noun = "argument" if least == 1 and most in {1, None} else "arguments"
        raise TemplateError(f"the template function '{name}' takes {wanted} {noun}, not {len(arguments)}")


FUNCTIONS: dict[str, Function] = {
    "add": Function(values.of_numbers(operator.add), 2, 2),
    "and": Function(lambda *truths: values.truths(truths) == len(truths), 2, None),
    "array": Function(lambda value: value if isinstance(value, list) else [value], 1, 1),
    "base64": Function(lambda text: base64.b64encode(text.encode()).decode(), 1, 1),
    "base64tojson": Function(values.of_text(values.parsed_base64), 1, 1),
    "base64tostring": Function(lambda text: base64.b64decode(text, validate=True).decode(), 1, 1),
    "bool": Function(values.truth_value, 1, 1),
    "builduri": Function(uris.built_uri, 1, 1),
    "cidrhost": Function(addresses.host, 2, 2),
    "cidrsubnet": Function(addresses.subnet, 3, 3),
    "coalesce": Function(lambda *values: next((one for one in values if one is not None), None), 1, None),
    "concat": Function(values.concatenated, 1, None),
    "contains": Function(values.contains, 2, 2),
    "createarray": Function(lambda *values: list(values), 0, None),
    "createobject": Function(objects.made_object, 0, None),
    "datauri": Function(values.of_text(uris.data_uri), 1, 1),
    "datauritostring": Function(values.of_text(uris.text_of_data_uri), 1, 1),
    "datetimeadd": Function(moments.added, 2, 3),
    "datetimefromepoch": Function(moments.from_epoch, 1, 1),
    "datetimetoepoch": Function(moments.to_epoch, 1, 1),
    "div": Function(values.of_numbers(values.quotient), 2, 2),
    "empty": Function(lambda value: value is None or len(value) == 0, 1, 1),
    "endswith": Function(lambda text, end: text.lower().endswith(end.lower()), 2, 2),
    "equals": Function(values.same, 2, 2),
    "false": Function(lambda: False, 0, 0),
    "first": Function(lambda value: value[0] if value else ("" if isinstance(value, str) else None), 1, 1),
    "flatten": Function(values.flattened, 1, 1),
    "float": Function(values.fraction, 1, 1),
    "format": Function(formats.formatted, 1, None),
    "greater": Function(lambda a, b: a > b, 2, 2),
    "greaterorequals": Function(lambda a, b: a >= b, 2, 2),
    "guid": Function(names.named_guid, 1, None),
    "if": Function(values.chosen, 3, 3),
    "indexfromend": Function(objects.from_end, 2, 2),
    "indexof": Function(values.position, 2, 2),
    "int": Function(values.whole_number, 1, 1),
    "intersection": Function(objects.intersection, 2, None),
    "items": Function(objects.items, 1, 1),
    "join": Function(values.joined, 2, 2),
    "json": Function(values.of_text(values.parsed), 1, 1),
    "last": Function(lambda value: value[-1] if value else ("" if isinstance(value, str) else None), 1, 1),
    "lastindexof": Function(lambda container, item: values.position(container, item, last=True), 2, 2),
    "length": Function(len, 1, 1),
    "less": Function(lambda a, b: a < b, 2, 2),
    "lessorequals": Function(lambda a, b: a <= b, 2, 2),
    "max": Function(lambda *given: max(values.numbers(given)), 1, None),
    "min": Function(lambda *given: min(values.numbers(given)), 1, None),
    "mod": Function(values.of_numbers(lambda a, b: a - b * values.quotient(a, b)), 2, 2),
    "mul": Function(values.of_numbers(operator.mul), 2, 2),
    "not": Function(lambda value: not values.truth(value), 1, 1),
    "null": Function(lambda: None, 0, 0),
    "objectkeys": Function(objects.object_keys, 1, 1),
    "or": Function(lambda *truths: values.truths(truths) > 0, 2, None),
    "padleft": Function(values.padded, 2, 3),
    "parsecidr": Function(addresses.parsed_network, 1, 1),
    "parseuri": Function(values.of_text(uris.parsed_uri), 1, 1),
    "range": Function(values.made_range, 2, 2),
    "replace": Function(values.replaced, 3, 3),
    "shallowmerge": Function(objects.shallow_merge, 1, 1),
    "skip": Function(lambda value, count: value[max(0, count) :], 2, 2),
    "split": Function(values.parted, 2, 2),
    "startswith": Function(lambda text, start: text.lower().startswith(start.lower()), 2, 2),
    "string": Function(values.text_of, 1, 1),
    "sub": Function(values.of_numbers(operator.sub), 2, 2),
    "substring": Function(values.part_of, 2, 3),
    "take": Function(values.taken, 2, 2),
    "tolower": Function(values.of_text(str.lower), 1, 1),
    "toupper": Function(values.of_text(str.upper), 1, 1),
    "trim": Function(values.of_text(str.strip), 1, 1),
    "true": Function(lambda: True, 0, 0),
    "tryget": Function(objects.try_get, 2, None),
    "tryindexfromend": Function(objects.try_from_end, 2, 2),
    "union": Function(objects.union, 1, None),
    "uniquestring": Function(names.unique_string, 1, None),
    "uri": Function(uris.joined_uri, 2, 2),
    "uricomponent": Function(values.of_text(uris.escaped), 1, 1),
    "uricomponenttostring": Function(values.of_text(unquote), 1, 1),
}
