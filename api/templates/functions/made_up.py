"""What `listKeys` and the like give: nothing here has keys, so they are made up, the same each time, and open nothing.

Values of these functions are secret all the same: a template treats them so, and a real one stands there in Azure.
"""

import base64
from typing import Any

Json = dict[str, Any]

KEY = base64.b64encode(b"made up by Instar: this key opens nothing").decode()
"""Base64, because templates decode it."""

WORD = "made-up-by-instar-opens-nothing"


def is_listing(name: str) -> bool:
    """Whether a function, by its name in lower case, is one of the `list…` of some resource.

    >>> is_listing("listkeys"), is_listing("length")
    (True, False)
    """
    return name.startswith("list") and len(name) > len("list")


def made_up(function: str, resource_id: str) -> Json:
    """An answer of the shapes that templates read from: keys by number and by name, connection strings, tokens.

    >>> made_up("listkeys", "/x/storageAccounts/a")["keys"][0]["value"] == KEY
    True
    >>> sorted(made_up("listaccountsas", "/x/storageAccounts/a"))
    ['accountSasToken']
    """
    name = resource_id.rpartition("/")[2]
    match function:
        case "listaccountsas":
            return {"accountSasToken": WORD}
        case "listservicesas":
            return {"serviceSasToken": WORD}
        case "listcallbackurl":
            return {"value": f"https://{WORD}.invalid/"}
        case "listcredentials":
            passwords = [{"name": word, "value": KEY} for word in ("password", "password2")]
            return {"username": name, "passwords": passwords}
        case _:
            return _keys()


def _keys() -> Json:
    keys = [
        {"keyName": word, "name": word, "value": KEY, "permissions": "FULL", "Permissions": "Full"}
        for word in ("key1", "key2")
    ]
    connection = f"Endpoint=https://{WORD}.invalid/;Key={KEY}"
    return {
        "keys": keys,
        "value": keys,
        "connectionStrings": [{"connectionString": connection}],
        **dict.fromkeys(("key", "key1", "key2", "primaryKey", "secondaryKey"), KEY),
        **dict.fromkeys(("primarySharedKey", "secondarySharedKey", "primaryMasterKey", "secondaryMasterKey"), KEY),
        **dict.fromkeys(("primaryConnectionString", "secondaryConnectionString"), connection),
    }
