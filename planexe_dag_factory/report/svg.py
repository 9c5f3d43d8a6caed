"""The few elements that the pictures of a report are made of. Colours come from the style sheet, by class."""

from __future__ import annotations

import unicodedata
from xml.etree import ElementTree as ET

from planexe_dag_factory.report.words import visible


def picture(kind: str, width: int, height: int, title: str, said: str) -> ET.Element:
    """Begin a picture: its title, and in words what it shows, for those who cannot see it."""
    box = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria-label": visible(title)}
    svg = ET.Element("svg", {"class": kind, **box})
    ET.SubElement(svg, "title").text = visible(title)
    ET.SubElement(svg, "desc").text = visible(said)
    return svg


def text(parent: ET.Element, x: float, y: float, said: str, kind: str) -> ET.Element:
    """Write a line of text; it stays text, whatever it holds."""
    element = ET.SubElement(parent, "text", {"class": kind, "x": number(x), "y": number(y)})
    element.text = visible(said)
    return element


def rect(parent: ET.Element, x: float, y: float, width: float, height: float, kind: str, said: str) -> None:  # noqa: PLR0917 - a box, its class, its tooltip
    """Draw a box that says what it is when pointed at."""
    box = {"x": number(x), "y": number(y), "width": number(width), "height": number(height)}
    ET.SubElement(ET.SubElement(parent, "rect", {"class": kind, **box}), "title").text = visible(said)


def line(parent: ET.Element, start: tuple[float, float], end: tuple[float, float], kind: str) -> None:
    """Draw a line from one point (x, y) to another."""
    points = {"x1": number(start[0]), "y1": number(start[1]), "x2": number(end[0]), "y2": number(end[1])}
    ET.SubElement(parent, "line", {"class": kind, **points})


def number(value: float) -> str:
    """Write a coordinate, the same on every machine."""
    return f"{value:.2f}"


def short(title: str, letters: int) -> str:
    """Cut a label to its column; wide letters (East Asian Width, UAX 11) count twice."""
    room, cut = letters, 0
    for cut, letter in enumerate(title):
        room -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if room < 0:
            return title[:cut].rstrip() + "…"
    return title
