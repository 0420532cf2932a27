"""Every payload within a message of Temporal's, wherever it stands."""

from collections.abc import Iterable, Iterator, MutableMapping

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes


def payloads_in(message: Message) -> Iterator[Payload]:
    """Of any message: a history's event, a description. Not the values of search attributes: the server reads those."""
    if isinstance(message, Payload):
        yield message
        return
    if isinstance(message, SearchAttributes):
        return
    for field, value in message.ListFields():
        if field.type != FieldDescriptor.TYPE_MESSAGE:
            continue
        for part in _parts(field, value):
            yield from payloads_in(part)


def _parts(field: FieldDescriptor, value: object) -> Iterator[Message]:
    entry = field.message_type
    if entry is None:
        return
    if entry.GetOptions().map_entry:
        if entry.fields_by_name["value"].type == FieldDescriptor.TYPE_MESSAGE and isinstance(value, MutableMapping):
            yield from value.values()
    elif isinstance(value, Message):
        yield value
    elif isinstance(value, Iterable):
        yield from value
