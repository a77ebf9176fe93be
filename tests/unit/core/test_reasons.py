"""Reasons as data, and the catalogs that put them into words."""

import copy
import json
import pickle
import string

import pytest

from german_catalog import GERMAN
from reasons import because
from remote_artwork.core.reasons import ENGLISH, FILE_TYPES, FLAWS, Reason, fields_of, format_duration, reason

EXAMPLES = {
    "list": ["a.pdf", 2],
    "and": ["a", "b"],
    "files": ["1001_1", "1001_2"],
    "duration": 90.0,
    "on": "2026-11-28T10:00:00+00:00",
    "receipt": "r-1",
    "items": [
        {"item_number": "1", "label": "1", "status": "missing"},
        {"item_number": "27", "label": "2: Mug", "status": "late"},
    ],
    "item": {"item_number": "1", "label": "1: Mug"},
    "print": {"order_number": "1001", "item_number": "1", "placement": "front"},
    "prints": [{"order_number": "1001", "item_number": "1", "placement": None}],
    "codes": ["letter_case", "other_separator"],
    "word": "fulfiller_ours",
    "words": ["rgb", "cmyk"],
    "reasons": [{"code": "found", "details": {"files": ["a.pdf"]}}],
    "bytes": 1_000_000,
    "pages": 2,
    "orders": 3,
    "parts": {"bucket": "prints", "folder": "in/"},
    "finding": {
        "code": "damaged",
        "details": {"medium": "pdf_file", "flaw": "not_openable"},
        "notes": [],
        "message": "the PDF is damaged: it cannot be opened; export it again and upload it",
    },
    "findings": [{"code": "text_mode", "details": {}, "notes": [], "message": "sent in text mode"}],
    "rejections": [
        {"file": "a.pdf", "finding": {"code": "empty", "details": {}, "notes": [], "message": "it is empty"}}
    ],
    ",": 1_200,
    ".0f": 148.0,
    ".1f": 1.5,
    "g": 3.0,
    "": "7",
}


def example(code):
    """A reason with a value for every field of its code."""
    parsed = string.Formatter().parse(ENGLISH.templates[code])
    details = {name: EXAMPLES[spec or ""] for _, name, spec, _ in parsed if name}
    details |= {"part": "storage"} if "part" in details else {}
    for name, word in (("type", "jpeg"), ("medium", "pdf_file"), ("flaw", "not_openable"), ("color", "rgb")):
        details |= {name: word} if name in details else {}
    return reason(code, **details)


@pytest.mark.parametrize("catalog", [ENGLISH, GERMAN], ids=["English", "German"])
@pytest.mark.parametrize("code", ENGLISH.templates)
def test_every_code_renders_in_every_catalog(code, catalog):
    words = example(code).render(catalog)
    assert words
    assert "{" not in words.replace("{placement}", "")


def test_a_second_catalog_has_the_same_codes_fields_and_words():
    assert GERMAN.templates.keys() == ENGLISH.templates.keys()
    assert GERMAN.words.keys() == ENGLISH.words.keys()
    for code, template in ENGLISH.templates.items():
        assert fields_of(GERMAN.templates[code]) == fields_of(template), code


def test_one_reason_in_two_languages():
    near = reason(
        "near_miss", rules=["letter_case", "other_separator"], print=EXAMPLES["print"], suggestion="1001_1.pdf"
    )
    assert near.render() == (
        "upper and lower case differ; it has the wrong separator; item 1 of order 1001 (front) waits for 1001_1.pdf"
    )
    assert near.render(GERMAN) == (
        "Groß- und Kleinschreibung; ein anderes Trennzeichen; Position 1 von Auftrag 1001 (front) wartet auf 1001_1.pdf"
    )


@pytest.mark.parametrize("code", ENGLISH.templates)
def test_a_reason_pickles_copies_compares_and_is_plain_json(code):
    one = example(code)
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    assert Reason.from_json(one.to_json()) == one
    assert json.loads(json.dumps(one.to_dict())) == one.to_dict()
    assert one != because("something else")
    assert len({one, example(code)}) == 1


def test_an_empty_text_is_no_reason():
    assert Reason.from_json("") is None


def test_an_unknown_code_and_other_fields_are_refused():
    with pytest.raises(ValueError, match="no reason has the code 'no_such_code'"):
        reason("no_such_code")
    with pytest.raises(ValueError, match="'found' has the fields"):
        reason("found", file="1001_1.pdf")
    with pytest.raises(ValueError, match="'found' has the fields"):
        reason("found")


def test_signatures_of_urls_are_redacted_in_every_text():
    signed = "https://b.example/1001_1.pdf?X-Amz-Signature=abc"
    found = reason("found", files=[signed])
    assert "abc" not in str(found)
    assert found.render() == "found https://b.example/1001_1.pdf?…"


@pytest.mark.parametrize("words", [FILE_TYPES, FLAWS])
def test_words_of_checks_are_words_of_the_catalog(words):
    assert words.items() <= ENGLISH.words.items()


def test_a_rejected_file_has_its_finding_in_both_languages():
    rejected = reason("file_rejected", file="1001_1.pdf", finding=EXAMPLES["finding"])
    assert rejected.render() == ("1001_1.pdf: the PDF is damaged: it cannot be opened; export it again and upload it")
    assert rejected.render(GERMAN) == (
        "1001_1.pdf: das PDF ist beschädigt: es lässt sich nicht öffnen; exportieren Sie es neu"
    )


def test_what_is_not_known_is_left_out():
    assert reason("fulfilled_before", at=None, receipt=None).render() == "fulfilled; nothing was sent again"


def test_a_duration_has_two_units_at_most():
    assert format_duration(90061) == "1 day 1 hour"
    assert format_duration(90061, GERMAN.words) == "1 Tag 1 Stunde"


def test_counts_are_in_the_singular_and_in_the_plural():
    limited = [reason("limit_reached", limit=limit).render() for limit in (1, 2_000)]
    assert [text.partition("limited to ")[2] for text in limited] == ["1 order", "2,000 orders"]
    read = [reason("file_readable", file="a.pdf", read=1, size=size).render() for size in (1, 2_000)]
    assert [text.partition("(")[2] for text in read] == ["1 of 1 byte)", "1 of 2,000 bytes)"]
    assert reason("limit_reached", limit=1).render(GERMAN).endswith("auf 1 Auftrag begrenzt")
