import socket
import ssl

import pytest

from remote_artwork.errors import StorageUnreachable
from remote_artwork.storage.errors import from_exception, reason


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "secret words"), "the host's name is not known; check host and region"),
        (socket.gaierror(socket.EAI_AGAIN, "secret words"), "could not be looked up; check this machine's network"),
        (ConnectionRefusedError("secret words"), "nobody listens at this host and port; check them in the URL"),
        (ssl.SSLError(1, "secret words"), "does not speak https on this port; check host and port"),
        (ssl.SSLEOFError(8, "secret words"), "no answer from the storage"),
        (ConnectionResetError("secret words"), "no answer from the storage"),
        (TimeoutError("secret words"), "no answer from the storage"),
    ],
)
def test_each_reason_for_which_no_connection_comes_about_has_its_own_remedy(cause, words):
    ours = from_exception(caused(ConnectionError("secret words"), cause), where="here")
    assert type(ours) is StorageUnreachable  # tried again: each of them may be over in a moment
    assert words in str(ours)
    assert "secret" not in str(ours)


def test_a_certificate_that_is_not_trusted_keeps_its_own_sentence():
    error = caused(ConnectionError("x"), ssl.SSLCertVerificationError("secret words"))
    assert "certificate is not trusted" in str(from_exception(error, where="here"))


def test_an_error_that_says_nothing_has_no_reason():
    assert reason([ConnectionError(), OSError(5, "x")]) is None
