"""Bodies and names that no client in its right mind sends."""

BODIES = {
    "empty": b"",
    "no json": b"not json",
    "cut off": b'{"a": ',
    "array": b"[]",
    "string": b'"x"',
    "number": b"7",
    "null": b"null",
    "not utf-8": b'{"a": "\xff\xfe"}',
    "nan": b'{"sku": {"capacity": NaN}}',
    "infinity": b'{"sku": {"capacity": 1e999}}',
    "huge integer": b'{"sku": {"capacity": ' + b"9" * 5000 + b"}}",
    "64 bits and more": b'{"sku": {"capacity": 9223372036854775808}}',
    "null byte": b'{"tags": {"a": "\\u0000"}}',
    "null byte in a key": b'{"a\\u0000": 1}',
    "lone surrogate": b'{"tags": {"a": "\\ud800"}}',
    "deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep enough": b'{"a":' * 90 + b"1" + b"}" * 90,
    "deep list": b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "large": b'{"a": "' + b"x" * (5 * 1024 * 1024) + b'"}',
}

NAMES = (
    "%00",
    "a%00b",
    "%0d%0aX-Evil:%201",
    "x" * 5000,
    "%ff",
    "%ed%a0%80",
    "%F0%9F%92%A9",
    "..%2f..",
    "'%20OR%201=1--",
    "*",
)
