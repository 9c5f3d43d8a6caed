"""A file is saved under a name that reads as what it is."""

from __future__ import annotations

import pytest

from planexe_dag_factory.ui.file_names import disposition, file_name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Offer 2026.pdf", "Offer 2026.pdf"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        ("in\u200bvoice\u2066\u2069.pdf", "in_voice__.pdf"),
        ("two\r\nlines\x00.txt", "two__lines_.txt"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ('a"b<c>|d?.txt', "a_b_c__d_.txt"),
        ("half a \ud800 character.txt", "half a _ character.txt"),
        ("Kaj\u030a.pdf", "Kaj\u030a.pdf"),
        (".htaccess ", "htaccess"),
        (" ... ", "file"),
        ("", "file"),
    ],
)
def test_what_is_unseen_or_means_something_to_a_disk_is_replaced(title: str, name: str) -> None:
    assert file_name(title) == name


def test_the_header_names_the_file_in_ascii_and_as_it_is() -> None:
    assert disposition("Ærø 50 %\u202efdp.exe") == (
        "attachment; filename=\"_r_ 50 __fdp.exe\"; filename*=UTF-8''%C3%86r%C3%B8%2050%20%25_fdp.exe"
    )
