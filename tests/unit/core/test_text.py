"""Unicode forms of names, redacted signatures, and text that a terminal may print."""

import pytest

from remote_artwork.core.text import escape_unprintable, nfc, redact_signatures, spellings


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (
            "GET https://b.s3.example/1.pdf?X-Amz-Credential=AK&X-Amz-Signature=f00 failed",
            "GET https://b.s3.example/1.pdf?… failed",
        ),
        ("url: /b/1.pdf?versionId=3&Signature=f00%3D (Caused by …)", "url: /b/1.pdf?… (Caused by …)"),
        ('{"url": "https://a.blob.example/p/1.pdf?sv=1&sig=f00"}', '{"url": "https://a.blob.example/p/1.pdf?…"}'),
        ("/1.pdf?x-goog-signature=f00, /2.pdf?SIG=f00", "/1.pdf?… /2.pdf?…"),
        ("redirected to /login?next=%2F1.pdf%3Fsig%3Df00", "redirected to /login?…"),
        ("s3://prints/in/?region=eu-west-1 cannot be listed", "s3://prints/in/?region=eu-west-1 cannot be listed"),
        ("what? no sig=of life", "what? no sig=of life"),
        (
            "https%3A%2F%2Fb.example%2F1.pdf%3Fa%3Db%26X-Amz-Signature%3Df00 failed",
            "https%3A%2F%2Fb.example%2F1.pdf?… failed",
        ),
        ("u=https%253A%252F%252Fb%252F1.pdf%253FX-Amz-Signature%253Df00", "u=https%253A%252F%252Fb%252F1.pdf?…"),
        (r'{"u":"https:\/\/b\/1.pdf\u003fa=b\u0026sig\u003df00"}', r'{"u":"https:\/\/b\/1.pdf?…"}'),
        ('{"query":{"X-Amz-Signature":"f00","a":"b"}}', '{"query":{"X-Amz-Signature":"…","a":"b"}}'),
        (r'"{\"X-Amz-Credential\": \"AK/eu\"}"', r'"{\"X-Amz-Credential\": \"…\"}"'),
        ("{'sig': 'Zm9vYmFyYmF6cXV4Zm9v%3D', 'sv': '1'}", "{'sig': '…', 'sv': '1'}"),
        ('[["X-Goog-Signature", "f00"], ["a", "b"]]', '[["X-Goog-Signature", "…"], ["a", "b"]]'),
        ('{"name":"X-Amz-Security-Token","value":"f00"}', '{"name":"X-Amz-Security-Token","value":"…"}'),
        ('{"X-Amz-Signature":["f00"]}', '{"X-Amz-Signature":["…"]}'),
        ("Credential=AKIAEXAMPLEEXAMPLE/eu/s3, Signature=0123456789abcdef0", "Credential=…, Signature=…"),
        ("x-amz-security-token: f00", "x-amz-security-token: …"),
        ("X_AMZ_SIGNATURE=f00", "X_AMZ_SIGNATURE=…"),
        ("<AWSAccessKeyId>AKIA</AWSAccessKeyId>", "<AWSAccessKeyId>…</AWSAccessKeyId>"),
        ("<Name>X-Amz-Signature</Name><Value>f00</Value>", "<Name>X-Amz-Signature</Name><Value>…</Value>"),
        ("X%2DAmz%2DSignature%3Df00", "X%2DAmz%2DSignature%3D…"),
        (
            "the signature: not valid for this key; the token: expired",
            "the signature: not valid for this key; the token: expired",
        ),
        ('{"token": "short", "design": "x"}', '{"token": "short", "design": "x"}'),
        ("design=0123456789abcdef0123", "design=0123456789abcdef0123"),
        ("SignatureDoesNotMatch: the signature you provided", "SignatureDoesNotMatch: the signature you provided"),
        ("", ""),
        ("https://user:s3cret@host/a.pdf", "https://…@host/a.pdf"),
        ("postgresql://user:p%2Fw@host/shop", "postgresql://…@host/shop"),
        ("https://host/a:b@2x.pdf", "https://host/a:b@2x.pdf"),
        ("mail anna@shop.example: no paper", "mail anna@shop.example: no paper"),
        ("Authorization: Bearer abcdefgh1234", "Authorization: Bearer …"),
        ("{'authorization': 'Basic abcdefgh1234'}", "{'authorization': 'Basic …'}"),
        ("https://host/a.pdf?Authorization=3_2026_abcdefgh", "https://host/a.pdf?Authorization=…"),
        ("authorization: expired", "authorization: expired"),
        ("a.pdf?hdnts=exp=1~acl=/*~hmac=0123456789abcdef", "a.pdf?hdnts=exp=1~acl=/*~hmac=…"),
    ],
)
def test_queries_with_signatures_are_redacted(text, redacted):
    assert redact_signatures(text) == redacted


@pytest.mark.parametrize("part", ["?sig", "%3f", "sig,", "x-amz-", "token", "sig:\\", "sig ", "a"])
def test_a_long_text_is_redacted_in_linear_time(part):
    text = part * 100_000 + " sig"
    assert redact_signatures(text) == text


@pytest.mark.parametrize("text", ["", "1001_1.png", "ü b\u0301c 漢字 🎨", "C:\\prints", "…"])
def test_printable_text_is_unchanged(text):
    assert escape_unprintable(text) == text


def test_unprintable_characters_are_escaped():
    assert escape_unprintable("a\u202egpj.png") == r"a\u202egpj.png"
    assert escape_unprintable("a\u2028b\x1b[2Jc\nd\xa0e") == r"a\u2028b\x1b[2Jc\nd\xa0e"
    assert escape_unprintable("\ud800\U000e0001") == r"\ud800\U000e0001"


@pytest.mark.parametrize(
    "character", ["\u00ad", "\u200b", "\u200e", "\u3164", "\ufe0f", "\ufeff", "\u2800", "\U000e0100"]
)
def test_characters_that_nobody_sees_are_escaped(character):
    shown = character.encode("ascii", "backslashreplace").decode()
    assert escape_unprintable(f"10{character}01") == f"10{shown}01"


def test_a_name_is_compared_in_its_composed_form():
    assert nfc("e\u0301") == "é"
    assert nfc("A b") == "A b"
    assert nfc("１") == "１"


def test_a_storage_may_keep_a_name_in_two_forms():
    assert set(spellings("1001_1")) == {"1001_1"}
    assert set(spellings("é")) == set(spellings("e\u0301")) == {"é", "e\u0301"}
