"""Reads a page as strictly as a browser does not."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "br", "input", "img", "link"}


class Page(HTMLParser):
    """Holds a page against what HTML demands, and collects what it shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.shown: list[str] = []
        self.rects = 0
        self.ids: set[str] = set()
        self.labelled: set[str] = set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not {"src", "href"} & given.keys(), "it needs nothing from elsewhere"
        if given.get("id"):
            self.ids.add(str(given["id"]))
        if given.get("aria-labelledby"):
            self.labelled.add(str(given["aria-labelledby"]))
        self.rects += tag == "rect"
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.shown.append(data)
