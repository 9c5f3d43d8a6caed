"""What a model may answer, and nothing else: claims under headings, each with what it cites."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

CLAIM_CHARS = 600
MOST_CLAIMS = 24


class _Answered(BaseModel):
    """Whatever else a model says, such as how sure it is, is not read."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Citation(_Answered):
    """The id of a piece of evidence, and words copied from it."""

    evidence: Annotated[str, Field(max_length=20, description="the id, such as E1")]
    quote: Annotated[str, Field(max_length=CLAIM_CHARS, description="three or more words, copied exactly")]


class Claim(_Answered):
    """One statement, and what it rests on."""

    heading: Annotated[str, Field(max_length=200, description="one of the headings")]
    text: Annotated[str, Field(min_length=1, max_length=CLAIM_CHARS)]
    citations: Annotated[tuple[Citation, ...], Field(max_length=6)]


class Answer(_Answered):
    """Everything that a model is asked for."""

    claims: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=MOST_CLAIMS)]
