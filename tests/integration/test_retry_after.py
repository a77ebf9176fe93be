"""Every protocol waits as long as the storage's Retry-After says."""

import pytest

import remote_artwork as ra
from outages import PROTOCOLS, outage
from remote_artwork.errors import StorageUnreachable

USES = (
    lambda storage: list(storage.pages()),
    lambda storage: storage.stat("1001_1.png"),
)


@pytest.fixture
def waits():
    """The waits in seconds, in order."""
    return []


@pytest.fixture
def asked_twice(waits):
    return ra.RetryPolicy(attempts=2, first_wait=0.5, longest_wait=20.0, sleep=waits.append)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", ["HTTP 429", "HTTP 503", "HTTP 404", "HTTP 403"])
def test_a_request_is_retried_when_the_server_asks_for_it(local_network, asked_twice, waits, protocol, fault):
    with outage(protocol, fault, local_network, asked_twice) as (storage, server):
        server.retry_after = "7"
        for use in USES:
            with pytest.raises(StorageUnreachable) as raised:
                use(storage)
            assert raised.value.retry_after == 7
    assert waits == [7, 7]
    assert len(server.requests) == 4


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wait_above_the_longest_wait_is_not_retried(local_network, asked_twice, waits, protocol):
    with outage(protocol, "HTTP 503", local_network, asked_twice) as (storage, server):
        server.retry_after = "21"
        with pytest.raises(StorageUnreachable):
            storage.stat("1001_1.png")
    assert waits == []
    assert len(server.requests) == 1
