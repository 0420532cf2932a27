"""What is wrong with a setting, as one sentence that names the variable and says what it may be."""

from pydantic import ValidationError

from instar.connection.remarks.names import BETWEEN, PREFIX, nearest

_A_TIME = "must be a time: seconds, like 300, or ISO 8601, like PT5M"
_WHOLE = "must be a whole number"
_MAY_BE = {
    "enum": "must be {expected}",
    "bool_parsing": "must be true or false",
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_type": _WHOLE,
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_parsing": "must be a number",
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be {le} or less",
    "time_delta_parsing": _A_TIME,
    "time_delta_type": _A_TIME,
}
"""What may be in its place, by the type of pydantic's error; of another its own words are said."""


def first_problem(error: ValidationError, group: str = "") -> str:
    """The first thing that is wrong. It repeats no value: that may be a secret.

    `group`: the setting whose fields were read, like "libvirt"; "" where all settings were.
    """
    problem = error.errors(include_input=False, include_url=False)[0]
    path = (*((group,) if group else ()), *(str(part) for part in problem["loc"]))
    name = PREFIX + BETWEEN.join(path).upper()
    match problem["type"]:
        case "extra_forbidden":
            return f"{name}: there is no such setting{nearest(name)}"
        case "model_type" | "dict_type":
            return f"{name}: is a group of settings: give each by itself, as {name}{BETWEEN}…, or all as a JSON object"
        case kind if kind in _MAY_BE:
            return f"{name}: {_MAY_BE[kind].format_map(problem.get('ctx') or {})}"
        case _:
            return f"{name}: {problem['msg'].removeprefix('Value error, ')}"
