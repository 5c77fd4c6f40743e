"""What looks like a secret is taken out of the texts of others."""

from __future__ import annotations

import pytest

from ecr_secret_operator.domain.redaction import REDACTED, redact_text

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "secret", ["AKIATEAMAEXAMPLE0001", JWT, "IQoJb3JpZ2lu" * 10, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]
)
def test_a_secret_is_taken_out(secret: str) -> None:
    assert redact_text(f"before {secret}, after") == f"before {REDACTED}, after"


@pytest.mark.parametrize(
    "text", ["", "short", "arn:aws:iam::123456789012:role/team/ecr-pull", "a" * 40, "ends with \u00fc, which is text"]
)
def test_anything_else_stays(text: str) -> None:
    assert redact_text(text) == text


def test_what_utf_8_cannot_say_is_escaped() -> None:
    assert redact_text("\udcff") == "\\udcff"
