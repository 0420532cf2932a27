"""`python -m tests.bench.bare_route PORT`: a FastAPI route that does nothing, to measure ours against."""

import sys

import uvicorn
from fastapi import FastAPI

BODY = {"properties": {"progress": {"successfulInstanceCount": 100}, "runningStatus": {"code": "Completed"}}}


def create_app() -> FastAPI:
    """One route."""
    app = FastAPI()

    @app.get("/bare")
    async def bare() -> dict[str, object]:
        return dict(BODY)

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_config=None)
