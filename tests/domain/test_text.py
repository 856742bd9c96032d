"""Texts that are stored are printable and bounded; the rest is refused, never repaired."""

import pytest

from app.domain import customer_fields, text
from app.domain.errors import Invalid


@pytest.mark.parametrize("bad", ["a\0b", "a\x1bb", "a\x7fb", "a\nb", "a\ud800b", "a\u2028b"])
def test_a_line_holds_no_control_characters(bad: str) -> None:
    with pytest.raises(Invalid):
        text.required(bad, "name")


def test_a_paragraph_may_have_line_breaks_and_tabs_only() -> None:
    assert text.paragraph("a\n\tb") == "a\n\tb"
    with pytest.raises(Invalid):
        text.paragraph("a\x0bb")


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\n"])
def test_lines_end_with_lf_however_they_came(line_end: str) -> None:
    assert text.paragraph(f"one{line_end}two{line_end}{line_end}three") == "one\ntwo\n\nthree"


COMPOSED = {"Mu\u0308ller": "Müller", "A\u030a": "Å", "\u212b": "Å", "\u1100\u1161": "가"}


@pytest.mark.parametrize("sent", COMPOSED)
def test_what_names_something_is_composed(sent: str) -> None:
    kept = COMPOSED[sent]
    assert customer_fields.code(sent) == customer_fields.code(kept) == kept
    assert text.reference(sent) == text.reference(kept) == kept
    assert text.required(sent) == sent


def test_a_line_ends_with_one_character_however_it_came() -> None:
    most = text.PARAGRAPH // 2
    assert text.paragraph("a\r\n" * (most - 1) + "aa") == "a\n" * (most - 1) + "aa"
    for too_long in ("a\r\n" * most + "aa", "\r\n" * 1_000_000):
        with pytest.raises(Invalid, match="longer than 2000"):
            text.paragraph(too_long)


def test_a_name_is_as_long_as_it_looks() -> None:
    assert customer_fields.code("u\u0308" * 40) == "ü" * 40
    for too_long in ("u\u0308" * 41, "x" * 1_000_000):
        with pytest.raises(Invalid, match=r"\b40\b"):
            customer_fields.code(too_long)


def test_a_megabyte_is_refused_for_its_length() -> None:
    with pytest.raises(Invalid, match="longer than 200"):
        text.optional("\0" * 1_000_000, "description")


@pytest.mark.parametrize("blank", ["", " ", "\u00a0"])
def test_blank_is_nothing(blank: str) -> None:
    assert text.optional(blank) is None
    with pytest.raises(Invalid):
        text.required(blank)


@pytest.mark.parametrize("bad", ["", " a", "a ", "a\tb", "x" * 41, "a\u200eb"])
def test_a_code_is_printable_and_bounded(bad: str) -> None:
    with pytest.raises(Invalid):
        customer_fields.code(bad, "code")


@pytest.mark.parametrize("bad", ["a", "a@", "@b.c", "a@b", "a b@c.d", "a@b..c", "a@b.c,d@e.f"])
def test_no_email_address(bad: str) -> None:
    with pytest.raises(Invalid):
        customer_fields.email(bad, "email")


@pytest.mark.parametrize(
    "good", ["a@b.c", "Erika.Mustermann+x@mail.example.com", "ü@bücher.example"]
)
def test_an_email_address(good: str) -> None:
    assert customer_fields.email(good) == good
