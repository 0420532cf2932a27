"""What a page says, as whoever reads it finds it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "hr", "img", "rect", "path", "circle"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    within: list["Element | str"] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    @property
    def text(self) -> str:
        parts = [one if isinstance(one, str) else one.text for one in self.within]
        return " ".join(" ".join(parts).split())

    def all(self, tag: str = "", **attributes: str) -> Iterator["Element"]:
        wanted = {name.replace("_", "-").strip("-"): value for name, value in attributes.items()}
        for one in self.within:
            if isinstance(one, str):
                continue
            if tag in ("", one.tag) and all(one.attributes.get(name) == value for name, value in wanted.items()):
                yield one
            yield from one.all(tag, **attributes)

    def the(self, tag: str = "", **attributes: str) -> "Element":
        found = list(self.all(tag, **attributes))
        assert len(found) == 1, f"{len(found)} of {tag} {attributes}"
        return found[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].within.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].within.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].within.append(data)


def read(text: str) -> Element:
    """The document. Fails where its tags do not fit together, or an id is given twice."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert [one.tag for one in reader.open] == [""]
    ids = [one["id"] for one in reader.open[0].all() if "id" in one.attributes]
    assert len(ids) == len(set(ids)), sorted(ids)
    return reader.open[0]
