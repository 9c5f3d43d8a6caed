"""The PDF of a report: the page on paper, the same bytes everywhere, and nothing fetched for it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest

from planexe_dag_factory.report.pdf import SCHEME, _Fonts, render_pdf
from planexe_dag_factory.report.status import read_status
from tests.report.conftest import FIGURES, Writer


def pdf_of(writer: Writer) -> bytes:
    writer.survey()
    writer.assess({**FIGURES, "summary": "<script>alert(1)</script> ![x](http://example.org/x.png) Дом Ω"})
    writer.build()
    writer.end()
    return render_pdf(read_status(writer.run, None))


def test_the_paper_of_a_milestone_holds_its_risk_picture(writer: Writer) -> None:
    writer.survey()
    writer.assess(FIGURES)
    text = text_of(render_pdf(read_status(writer.run, "milestone-survey")))
    assert "P80: 29 Mar 2026" in text


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def test_the_paper_holds_what_the_page_holds(writer: Writer) -> None:
    text = text_of(pdf_of(writer))
    for said in (
        "Harbour air sensors",
        "The supplier is bankrupt.",
        "29 Mar 2026",
        "Too dear.",
        "Install <b>all</b> sensors",
        "<script>alert(1)</script>",
        "Дом Ω",
        "1 / ",
    ):
        assert said in text


def test_the_dates_of_the_paper_are_those_of_the_report(writer: Writer) -> None:
    about = pypdfium2.PdfDocument(pdf_of(writer)).get_metadata_dict()
    assert about["Title"] == "Harbour air sensors: final report"
    assert about["CreationDate"].startswith("20260302081000")
    assert about["ModDate"] == about["CreationDate"]


def test_the_same_folder_gives_the_same_bytes_elsewhere_and_without_any_font(writer: Writer, tmp_path: Path) -> None:
    here = hashlib.sha256(pdf_of(writer)).hexdigest()
    (tmp_path / "fonts.conf").write_text('<?xml version="1.0"?><fontconfig></fontconfig>')
    program = (
        "import hashlib, sys; from planexe_dag_factory.record.folder import RunFolder;"
        "from planexe_dag_factory.report.pdf import render_pdf;"
        "from planexe_dag_factory.report.status import read_status;"
        "print(hashlib.sha256(render_pdf(read_status(RunFolder(sys.argv[1]), None))).hexdigest())"
    )
    elsewhere = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": str(tmp_path)}
    environment = {**os.environ, **elsewhere, "FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}
    again = subprocess.run(
        [sys.executable, "-c", program, writer.run.root], check=True, capture_output=True, env=environment
    )
    assert again.stdout.decode().strip() == here


@pytest.mark.parametrize("url", ["http://example.org/x.png", "file:///etc/passwd", f"{SCHEME}../pdf.py", ""])
def test_nothing_but_our_fonts_can_be_fetched(url: str) -> None:
    with pytest.raises(ValueError, match="a report fetches nothing"):
        _Fonts().fetch_url(url)


def test_a_report_without_its_paper_does_not_import_the_library(writer: Writer) -> None:
    writer.survey()
    program = (
        "import sys; from planexe_dag_factory.record.folder import RunFolder;"
        "from planexe_dag_factory.report.render import render_report;"
        "render_report(RunFolder(sys.argv[1]), None); sys.exit('plutoprint' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, writer.run.root], check=True)
