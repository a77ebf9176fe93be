"""Signatures are cut out of words that others said; everything else stays."""

import pytest

from remote_artwork.core.text import redact_signatures


@pytest.mark.parametrize(
    ("said", "told"),
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
        ("", ""),
    ],
)
def test_what_signs_is_cut_off(said, told):
    assert redact_signatures(said) == told
