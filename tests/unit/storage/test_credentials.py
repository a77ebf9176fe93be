import pytest

import remote_artwork as ra


def test_no_part_of_a_key_pair_is_shown():
    shown = repr(ra.Keys("AKTESTKEY", "hush", "session"))
    assert shown == "Keys()"


@pytest.mark.parametrize("bad", ["", " padded", "line\n", None, 7])
def test_a_key_pasted_wrongly_is_refused_without_being_shown(bad):
    for arguments in ((bad, "hush"), ("AKTESTKEY", bad)):
        with pytest.raises(ra.ConfigurationError) as error:
            ra.Keys(*arguments)
        assert "hush" not in str(error.value)
        assert "padded" not in str(error.value)


def test_a_session_token_is_optional_but_never_empty():
    assert ra.Keys("AKTESTKEY", "hush").token is None
    with pytest.raises(ra.ConfigurationError, match=r"Keys\.token"):
        ra.Keys("AKTESTKEY", "hush", "")
