"""Which encodings of its keys a page of a listing allows."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest

from remote_artwork.storage.backends.key_encoding import KeyEncoding, possible_encodings

NONE, FORM, PERCENT = KeyEncoding


@pytest.mark.parametrize(
    ("keys", "folder", "declared", "possible"),
    [
        (["in/1001_1.pdf"], "in/", True, [FORM]),
        (["in/1001_1.pdf"], "in/", False, [NONE]),
        (["in/M%C3%BCller_1.pdf"], "in/", True, [FORM]),
        (["in/M%C3%BCller_1.pdf"], "in/", False, [NONE, FORM]),
        (["in/M%C3%BCller+7_1.pdf"], "in/", False, [NONE, FORM, PERCENT]),
        (["in/a+b_1.pdf"], "in/", True, [FORM, PERCENT]),
        (["in/a+b_1.pdf", "in/a%2Bb_1.pdf"], "in/", True, [FORM]),
        (["in/a+b_1.pdf", "in/a%20b_1.pdf"], "in/", True, [PERCENT]),
        (["a+b/1_1.pdf"], "a+b/", True, [PERCENT]),
        (["a+b/1_1.pdf"], "a b/", True, [FORM]),
        (["a%20b/1_1.pdf"], "a b/", False, [FORM]),
        (["in/a b.pdf", "in/50%25.pdf"], "in/", False, [NONE]),
        (["elsewhere/a%20b"], "in/", True, [FORM]),
        (["elsewhere/a%20b"], "in/", False, [NONE]),
    ],
)
def test_a_page_rules_out_the_encodings_that_contradict_it(keys, folder, declared, possible):
    assert possible_encodings(keys, folder, declared=declared) == possible


KEYS = ["in/a b.pdf", "in/a+b.pdf", "in/100%.pdf", "in/%41.pdf", "in/é&<.pdf"]


@pytest.mark.parametrize(
    ("encode", "encoding"),
    [
        (quote_plus, FORM),
        (lambda key: quote(key, safe="/"), FORM),
        (lambda key: quote(key, safe="/+"), PERCENT),
        (str, NONE),
    ],
)
def test_a_key_is_decoded_as_it_was_encoded(encode, encoding):
    assert list(encoding.decode(list(map(encode, KEYS)))) == KEYS
