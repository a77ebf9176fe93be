import pytest

from remote_artwork.core.text import escape_unprintable


@pytest.mark.parametrize("text", ["", "1001_1.png", "ü b\u0301c 漢字 🎨", "C:\\prints", "…"])
def test_what_can_be_printed_stays_as_it_is(text):
    assert escape_unprintable(text) == text


def test_what_cannot_be_printed_is_written_as_an_escape():
    assert escape_unprintable("a\u202egpj.png") == r"a\u202egpj.png"
    assert escape_unprintable("a\u2028b\x1b[2Jc\nd\xa0e") == r"a\u2028b\x1b[2Jc\nd\xa0e"
    assert escape_unprintable("\ud800\U000e0001") == r"\ud800\U000e0001"
