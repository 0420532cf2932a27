"""The files of the page: its style, its scripts, and those of others (`vendor/vendor.json`). Open to everybody."""

from pathlib import Path
from typing import Any

from starlette.staticfiles import StaticFiles

import api.page

FOLDER = Path(api.page.__file__).parent / "static"


class PageFiles(StaticFiles):
    """Browsers keep them, and ask each time whether they are still the same: an update is seen at once."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def file_response(self, *args: Any, **more: Any) -> Any:
        """With what a browser may do with it."""
        response = super().file_response(*args, **more)
        response.headers["Cache-Control"] = "no-cache"
        return response
