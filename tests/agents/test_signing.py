from typing import Any

import pytest
from planexe_agents.signing import SigningKey, sign_document, verify_document

KEY = SigningKey.from_seed(b"k" * 32)
SIGNED = sign_document({"action": "sail", "at": 1}, KEY)


def test_a_signed_document_names_its_key_and_verifies() -> None:
    assert SIGNED["key"] == KEY.public
    assert verify_document(SIGNED)
    assert verify_document(SIGNED, KEY.public)
    assert not verify_document(SIGNED, SigningKey.generate().public)


@pytest.mark.parametrize(
    "change",
    [
        {"action": "sink"},
        {"more": None},
        {"signature": None},
        {"signature": "é"},
        {"key": SigningKey.generate().public},
        {"key": 7},
        {"key": "AA=="},
    ],
)
def test_any_change_is_seen(change: dict[str, Any]) -> None:
    assert not verify_document({**SIGNED, **change})
    assert not verify_document({**SIGNED, **change}, KEY.public)


def test_a_document_without_a_key_needs_one_to_be_given() -> None:
    bare: dict[str, Any] = {"status": "completed"}
    signed = {**bare, "signature": KEY.sign(bare)}
    assert verify_document(signed, KEY.public)
    assert not verify_document(signed)
