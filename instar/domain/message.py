"""What every message is: a frozen model whose unknown fields are ignored, so that old and new workers can talk."""

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A payload."""

    model_config = ConfigDict(frozen=True)
