"""The page of compatibility says what this run has shown. Runs last of this folder, as its name has it."""

from pathlib import Path

import pytest
from compat import table
from compat.stand_ins import CONTRACT, FRONT_DOORS

from remote_artwork.storage.provider_table import PROVIDERS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "compatibility.md"
MISSION = ["aws", "gcs", "azure", "digitalocean", "zadara", "ibm", "minio", "idrive", "wasabi"]


def test_every_provider_of_the_mission_has_a_front_door():
    assert list(FRONT_DOORS) == MISSION


@pytest.mark.parametrize("provider", FRONT_DOORS)
def test_a_row_of_the_provider_table_names_what_it_is_tested_with(provider):
    row = PROVIDERS.get(provider)
    assert row.verified_by == ", ".join(FRONT_DOORS[provider].servers)
    assert row.verified != "not"


def test_the_page_is_what_this_run_has_shown(outcomes, request):
    ran = [row for row in table.rows(outcomes) if table.NOT_RUN not in ", ".join(row)]
    if len(ran) == 1:
        pytest.skip("the tests that the table is made from were not run")
    assert [row for row in ran if table.FAILED in ", ".join(row)] == []
    all_ran = len(ran) == 1 + len(CONTRACT)
    if all_ran and request.config.getoption("--write-page", default=False):
        PAGE.write_text(table.page(outcomes), encoding="utf-8")
    kept = PAGE.read_text(encoding="utf-8")
    stale = [line for row in ran for line in table.lines_of(row) if line not in kept]
    assert stale == [], "make it again: nox --session compat"
    if all_ran:
        assert kept == table.page(outcomes)
