"""Which model to write with, from the environment: `PLANEXE_MODEL_URL`, `PLANEXE_MODEL` and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

URL = "PLANEXE_MODEL_URL"
MODEL = "PLANEXE_MODEL"
KEY = "PLANEXE_MODEL_KEY"
KEY_FILE = "PLANEXE_MODEL_KEY_FILE"
TIMEOUT = "PLANEXE_MODEL_TIMEOUT_S"
NAME_CHARS = 200
TIMEOUT_S = 120.0


class ModelSettingsError(ValueError):
    """The model's settings cannot be used; the text says which, and what to do. It never holds the key."""


@dataclass(frozen=True, slots=True)
class Settings:
    """An OpenAI-compatible endpoint. `url` ends before `/chat/completions`; `timeout_s` is for one request."""

    url: str
    model: str
    key: str | None = field(default=None, repr=False)
    timeout_s: float = TIMEOUT_S


def read_settings(environ: Mapping[str, str]) -> Settings | None:
    """Return the settings, or None where no model is configured. Raises ModelSettingsError."""
    url, model = environ.get(URL, "").strip(), environ.get(MODEL, "").strip()
    if not url and not model:
        return None
    if not url or not model:
        there, missing = (URL, MODEL) if url else (MODEL, URL)
        raise ModelSettingsError(f"{there} is set and {missing} is not: a model needs both, see docs/agents.md")
    if find_spec("pydantic_ai") is None:
        raise ModelSettingsError("a model needs one more package: pip install 'planexe-dag-factory[model]'")
    if len(model) > NAME_CHARS:
        raise ModelSettingsError(f"{MODEL} has more than {NAME_CHARS} characters")
    return Settings(_url(url), model, _key(environ), _timeout(environ.get(TIMEOUT, "")))


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ModelSettingsError(f"{URL} is not an http or https address, such as http://127.0.0.1:11434/v1")
    if parts.username or parts.password:
        raise ModelSettingsError(f"{URL} holds a name or password: put the key into {KEY} or {KEY_FILE}")
    return url.rstrip("/")


def _key(environ: Mapping[str, str]) -> str | None:
    key, file = environ.get(KEY, "").strip(), environ.get(KEY_FILE, "").strip()
    if not key and file:
        try:
            key = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ModelSettingsError(f"{KEY_FILE} names a file that cannot be read: {file}") from error
    if not key.isascii() or not key.isprintable():
        raise ModelSettingsError("the model's key holds characters that no HTTP header can carry")
    return key or None


def _timeout(text: str) -> float:
    try:
        seconds = float(text or TIMEOUT_S)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:  # noqa: PLR2004 - an hour for one answer
        raise ModelSettingsError(f"{TIMEOUT} is not a number of seconds between 0 and 3600")
    return seconds
