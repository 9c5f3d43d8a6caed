"""Reads the words, numbers and percentages by which plans rate their risks: low, medium, high, or not known.

Of several that a rating names, the highest counts. A rating that says `not`, or nothing that is known
here, is not guessed at. docs/agents.md shows the table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Literal

Level = Literal["low", "medium", "high"]
LEVELS: tuple[Level, ...] = ("low", "medium", "high")

_WORDS: Mapping[Level, str] = {
    "low": """low lower lowest minor minimal negligible marginal insignificant trivial unlikely rare rarely remote
        improbable niedrig niedrige gering geringe unwahrscheinlich faible faibles mineur mineure bajo baja leve
        improvavel basso bassa baixo baixa laag lage klein onwaarschijnlijk lav lavt lag lagt liten osannolik
        usandsynlig usannsynlig niski niska niskie nizkii nizkaia nizkoe""",
    "medium": """medium moderate moderately mid middle possible occasional average mittel mittlere mittlerer mittleres
        moderat moglich moyen moyenne modere moderee medio media moderado moderada posible moderato moderata possibile
        possivel gemiddeld middel mellem middels medel mojlig mulig sredni srednia srednie umiarkowane""",
    "high": """high higher highest critical severe serious major extreme extremely catastrophic significant substantial
        likely probable certain frequent hoch hohe hoher hohes kritisch schwer schwerwiegend wahrscheinlich sicher
        eleve elevee eleves fort forte critique grave majeur majeure alto alta critico critica mayor elevado elevada
        elevato elevata provavel hoog hoge kritiek ernstig waarschijnlijk hoj hojt hoy hog hogt kritisk allvarlig
        alvorlig sandsynlig sannsynlig sannolik wysoki wysoka wysokie krytyczne krytyczny""",
}
_BY_WORD: Mapping[str, Level] = {word: level for level, words in _WORDS.items() for word in words.split()}
_BY_PART: Mapping[str, Level] = {
    "низк": "low",
    "средн": "medium",
    "высок": "high",
    "критич": "high",
    "低": "low",
    "中": "medium",
    "高": "high",
    "严重": "high",
    "重大": "high",
}
_TURNED = re.compile(r"\b(?:not|no|non|never|less|least|nicht|kein\w*|pas|ikke|inte|niet|nie|nao|un?known)\b|不|не ")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/|of|out of)\s*(\d+)\b")
_PERCENT = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:%|percent\b|prozent\b|pour cent\b|por ciento\b)")
_FRACTION = re.compile(r"(?<![\d.,/])0?\.\d+\b")
_LETTERS = str.maketrans("øłđß", "olds")


def read_level(rating: str, *, chance: bool = False) -> Level | None:
    """Return how high a rating is, or None where that cannot be read.

    `chance`: it rates how likely something is, so that it may be a share or a percentage of one. A number
    counts only with its scale: `4/5` is read, `4` is not.
    """
    text = _plain(rating)
    if _TURNED.search(text):
        return None
    found = {*_said(text), *_scaled(text), *(_chances(text) if chance else ())}
    return max(found, key=LEVELS.index, default=None)


def _said(text: str) -> Iterator[Level]:
    yield from (_BY_WORD[word] for word in re.findall(r"[^\W\d_]+", text) if word in _BY_WORD)
    yield from (level for part, level in _BY_PART.items() if part in text)


def _scaled(text: str) -> Iterator[Level]:
    """Yield `3/5`, `3 of 5`, `3 out of 5`: up to 40 % of the scale is low, above 70 % high."""
    for told, whole in _SHARE.findall(text):
        share = float(told) / float(whole) if float(whole) else 2.0
        if share <= 1:
            yield "low" if share <= 0.4 else "medium" if share <= 0.7 else "high"  # noqa: PLR2004 - as it says


def _chances(text: str) -> Iterator[Level]:
    """Yield percentages and shares of one: below 20 % is low, from 45 % on high; of a range, both ends."""
    shares = [float(told.replace(",", ".")) / 100 for told in _PERCENT.findall(text)]
    shares += [float(told) for told in _FRACTION.findall(_PERCENT.sub("", text))]
    for share in shares:
        if share <= 1:
            yield "low" if share < 0.2 else "medium" if share < 0.45 else "high"  # noqa: PLR2004 - as it says


def _plain(text: str) -> str:
    """Write a rating in small letters without accents, so that `Élevée` and `elevee` are one."""
    parts = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return unicodedata.normalize("NFC", "".join(char for char in parts if not unicodedata.combining(char)))
