"""What a browser makes of a page, as far as tests ask: its elements, their attributes, and its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

_ADDRESSES = ("href", "src", "action", "formaction", "data", "poster", "srcset", "cite", "ping", "background")


@dataclass(frozen=True)
class Element:
    """One element with its attributes."""

    tag: str
    attributes: dict[str, str]

    def addresses(self) -> Iterator[tuple[str, str]]:
        """The attributes that name an address."""
        for name, value in self.attributes.items():
            if name in _ADDRESSES or name.endswith(":href"):
                yield name, value


@dataclass
class Read(HTMLParser):
    """A page or a part of one."""

    html: str
    elements: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """Note a piece of text."""
        self.pieces.append(data)

    @property
    def text(self) -> str:
        """All text, of hidden parts too."""
        return "".join(self.pieces)

    def all(self, *tags: str) -> list[Element]:
        """The elements with these tags."""
        return [element for element in self.elements if element.tag in tags]

    def links(self, address: str) -> set[str]:
        """Paths with query of this site that the page at `address` links to."""
        found = {
            urljoin(address, element.attributes["href"]) for element in self.all("a") if "href" in element.attributes
        }
        return {link.partition("#")[0] for link in found if link.startswith("/") and not urlsplit(link).netloc}


def find_foreign(read: Read) -> list[str]:
    """What would run, look otherwise than the site or come from elsewhere: all that a strict page never has."""
    wrong = []
    for one in read.elements:
        names = one.attributes
        wrong += [f"<{one.tag}>"] if one.tag in {"style", "iframe", "object", "embed", "base", "applet"} else []
        wrong += [f"<{one.tag} {name}>" for name in names if name.startswith("on") or name in {"style", "srcdoc"}]
        wrong += [f"script: {names}"] if one.tag == "script" and not _is_ours(names) else []
        for name, value in one.addresses():
            kind = urlsplit(value.strip().lower()).scheme
            elsewhere = kind not in {"", "data"} if one.tag not in {"a", "form"} else kind not in {"", "http", "https"}
            wrong += [f"<{one.tag} {name}={value!r}>"] if elsewhere or value.startswith("//") else []
    return wrong


def _is_ours(script: dict[str, str]) -> bool:
    """A module of ours, or data that no browser runs."""
    return script.get("type") == "application/json" or (
        (script.get("type") == "module" or "defer" in script) and script.get("src", "").startswith("/static/")
    )
