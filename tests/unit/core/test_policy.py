"""Policy: what cannot be asked for."""

from datetime import timedelta

import pytest

from remote_artwork.core.policy import Policy
from remote_artwork.errors import ConfigurationError


@pytest.mark.parametrize("value", ["always", None, [], "WHEN_COMPLETE"])
def test_an_unknown_choice_is_refused_and_the_known_ones_are_named(value):
    with pytest.raises(ConfigurationError, match=r"Policy\.fulfill is one of when_complete, per_item"):
        Policy(fulfill=value)


@pytest.mark.parametrize("value", [timedelta(), timedelta(hours=-1), 5, "1h"])
def test_late_after_is_a_duration_above_zero(value):
    with pytest.raises(ConfigurationError, match=r"Policy\.late_after must be a timedelta above zero"):
        Policy(late_after=value)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "1"])
def test_max_file_size_is_a_number_of_bytes(value):
    with pytest.raises(ConfigurationError, match=r"Policy\.max_file_size must be a whole number of bytes"):
        Policy(max_file_size=value)


def test_what_can_be_asked_for():
    assert Policy().late_after is None
    assert Policy(fulfill="per_item", late_after=timedelta(days=2), max_file_size=1).fulfill == "per_item"
