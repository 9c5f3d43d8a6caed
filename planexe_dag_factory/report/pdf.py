"""The page of a report as PDF: the same HTML, style sheet and pictures, set on paper. See docs/adr/0011.

Nothing is fetched: the only resources are the two fonts that lie beside this module. The same report
gives the same bytes. Import this module only where a PDF is made; its library is large.
"""

from __future__ import annotations

import base64
import io
from importlib.resources import files

import plutoprint

from planexe_dag_factory.report.model import RunStatus
from planexe_dag_factory.report.render import render_html

SCHEME = "planexe-font:"
BASE = "planexe-report:/"
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
FACES = "".join(
    f'@font-face {{ font-family: "Report"; font-weight: {weight}; src: url("{SCHEME}{name}") format("truetype"); }}'
    for name, weight in zip(FONTS, ("normal", "bold"), strict=True)
)


class _Fonts(plutoprint.ResourceFetcher):
    """Serves our own fonts, and refuses whatever else a page might ask for.

    A font is handed over as an address that holds it: the library keeps fonts until the process has
    ended, and memory of Python's, given back after Python itself is gone, would crash it then.
    """

    def fetch_url(self, url: str) -> plutoprint.ResourceData:
        name = url.removeprefix(SCHEME)
        if name not in FONTS:
            raise ValueError(f"a report fetches nothing, and {url[:80]!r} is not one of its fonts")
        font = base64.b64encode(files(__package__).joinpath("fonts", name).read_bytes()).decode()
        return plutoprint.default_resource_fetcher.fetch_url(f"data:font/ttf;base64,{font}")


def render_pdf(status: RunStatus) -> bytes:
    """Return the report as PDF; its dates are those of the report, not of today."""
    book = plutoprint.Book(plutoprint.PAGE_SIZE_A4, plutoprint.PAGE_MARGINS_NARROW, plutoprint.MEDIA_TYPE_PRINT)
    book.custom_resource_fetcher = _Fonts()
    book.load_html(render_html(status, FACES), base_url=BASE)
    at = status.as_of.strftime("%Y-%m-%dT%H:%M:%SZ")
    for field in (plutoprint.PDF_METADATA_CREATION_DATE, plutoprint.PDF_METADATA_MODIFICATION_DATE):
        book.set_metadata(field, at)  # after loading, which would set the clock's time
    stream = io.BytesIO()
    book.write_to_pdf_stream(stream)
    return stream.getvalue()
