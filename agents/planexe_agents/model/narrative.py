"""What a model wrote, as results carry it: claims that stood their checks, each with its sources."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from planexe_agents.model.checks import Checked, KeptClaim


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cited(_Written):
    """A source of a claim, and the words that were found there."""

    source: str
    quote: str


class Sentence(_Written):
    """A claim and what it rests on."""

    text: str
    cites: list[Cited]

    @property
    def line(self) -> str:
        """The claim and its sources in one line, for a document."""
        sources = dict.fromkeys(cited.source for cited in self.cites)
        return f"{self.text} [{'; '.join(sources)}]"


class WrittenSection(_Written):
    """Claims under one heading."""

    heading: str
    claims: list[Sentence]


class Narrative(_Written):
    """Text by a language model about the rest of the result. `dropped` claims did not stand the checks."""

    model: str
    sections: list[WrittenSection]
    kept: int
    dropped: int


class Narrated(BaseModel):
    """Base of results that a language model may put into words; without one they are as if this were not there."""

    narrative: Narrative | None = Field(default=None, exclude_if=lambda narrative: narrative is None)


def narrative_of(checked: Checked, headings: tuple[str, ...], model: str) -> Narrative:
    """Put checked claims under their headings, in the order that was asked for."""
    sections = [
        WrittenSection(heading=heading, claims=[_sentence(one) for one in checked.claims if one.heading == heading])
        for heading in headings
    ]
    return Narrative(
        model=model,
        sections=[section for section in sections if section.claims],
        kept=len(checked.claims),
        dropped=checked.asked - len(checked.claims),
    )


def _sentence(claim: KeptClaim) -> Sentence:
    cites = [Cited(source=item.source, quote=quote) for (_, item), quote in zip(claim.cites, claim.quotes, strict=True)]
    return Sentence(text=claim.text, cites=cites)
