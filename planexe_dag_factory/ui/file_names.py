"""The name that a browser keeps a file under: what it is called by whoever attached it, made safe for a disk.

A name must not read otherwise than it is: `fdp.exe` behind a mark that turns the writing around is shown as `exe.pdf`.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what steers a text, or is no character: controls, formats, halves, private ones."""
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]')
REPLACED = "_"


def file_name(title: str) -> str:
    """Return a title as the name of a file: each character that is unseen, or means something to a disk, as `_`."""
    seen = "".join(REPLACED if unicodedata.category(one) in _UNSEEN else one for one in title)
    return _NOT_IN_NAMES.sub(REPLACED, unicodedata.normalize("NFC", seen)).strip(" .") or "file"


def disposition(title: str) -> str:
    """Say in a header that a file is to be saved, and as what: in ASCII, and in full as RFC 8187 writes it."""
    name = file_name(title)
    plain = "".join(one if one.isascii() else REPLACED for one in name).replace("%", REPLACED)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
