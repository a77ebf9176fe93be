"""Every provider's stand-in satisfies the storage contract, except for the declared gaps."""

import pytest
from compat.stand_ins import CONTRACT

from remote_artwork.testing import StorageContract

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("small_pages")]
PAIRS = [(provider, server) for provider, servers in CONTRACT.items() for server in servers]


@pytest.mark.parametrize(("provider", "server"), PAIRS, ids=lambda name: name.replace(" ", "-"))
class TestStandIn(StorageContract):
    @pytest.fixture
    def bench(self, bench_of, provider, server):
        return bench_of(provider, server)
