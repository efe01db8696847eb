"""What is wrong with a page's HTML: what the standard's parser has to put right, and references that lead nowhere."""

from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib
from html5lib.constants import E

POINTING = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "popovertarget", "form", "list", "headers")
PRESSED = ("a", "button", "select", "textarea", "input", "label", "summary")
"""What one presses; none of them stands within another, but for a field in its label."""
UNNAMED = ("hidden", "submit", "image", "button")


def faults(html: str) -> list[str]:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    page = parser.parse(html)
    broken = [f"line {line}: {E[code] % (facts or {})}" for (line, _), code, facts in parser.errors]
    return [*broken, *_twice(page), *_nowhere(page), *_nested(page, ""), *_headings(page), *_unlabelled(page)]


def _twice(page: Element) -> Iterator[str]:
    for id, times in Counter(element.get("id") for element in page.iter()).items():
        if id is not None and times > 1:
            yield f"{times} elements have the id {id}"


def _nowhere(page: Element) -> Iterator[str]:
    ids = {element.get("id") for element in page.iter()}
    for element in page.iter():
        if element.tag == "dialog" and not len(element):
            continue  # filled before it opens
        for name in POINTING:
            for id in element.get(name, "").split():
                if id not in ids:
                    yield f"{element.tag} has {name}={id}, which isn't there"


def _nested(element: Element, inside: str) -> Iterator[str]:
    for child in element:
        if child.tag in PRESSED and inside and not (inside == "label" and child.tag in ("input", "select", "textarea")):
            yield f"{child.tag} ({child.get('id') or child.get('href') or child.get('class')}) stands in {inside}"
        yield from _nested(child, str(child.tag) if child.tag in PRESSED else inside)


def _headings(page: Element) -> Iterator[str]:
    if (found := len(list(page.iter("h1")))) != 1:
        yield f"{found} headings of the first level"
    if not "".join(title.text or "" for title in page.iter("title")).strip():
        yield "no title"


def _unlabelled(page: Element) -> Iterator[str]:
    labelled = {label.get("for") for label in page.iter("label")}
    within = {id(field) for label in page.iter("label") for field in label.iter()}
    for field in (field for tag in ("input", "select", "textarea") for field in page.iter(tag)):
        named = field.get("aria-label") or field.get("aria-labelledby") or field.get("id") in labelled
        if not named and id(field) not in within and field.get("type") not in UNNAMED:
            yield f"the field {field.get('name')} has no label"
