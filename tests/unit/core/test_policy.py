"""Policy: what cannot be asked for."""

from datetime import timedelta

import pytest

from remote_artwork.core.policy import Policy
from remote_artwork.errors import ConfigurationError


@pytest.mark.parametrize("value", ["always", None, [], "WHEN_COMPLETE"])
def test_an_unknown_choice_is_refused_and_the_known_ones_are_named(value):
    with pytest.raises(ConfigurationError, match=r"Policy\.fulfill must be one of when_complete, per_item"):
        Policy(fulfill=value)
    with pytest.raises(ConfigurationError, match=r"Policy\.preflight must be one of signature, deep"):
        Policy(preflight=value)


@pytest.mark.parametrize("value", [timedelta(), timedelta(hours=-1), 5, "1h"])
@pytest.mark.parametrize("name", ["late_after", "misnamed_after", "settle_for"])
def test_a_duration_is_above_zero(name, value):
    with pytest.raises(ConfigurationError, match=rf"Policy\.{name} must be a timedelta above zero"):
        Policy(**{name: value})


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1"])
@pytest.mark.parametrize(
    ("name", "unit"), [("max_file_size", "bytes"), ("max_pixels", "pixels"), ("max_pages", "pages")]
)
def test_a_limit_is_a_whole_number(name, unit, value):
    with pytest.raises(ConfigurationError, match=rf"Policy\.{name} must be a whole number of {unit}"):
        Policy(**{name: value})


@pytest.mark.parametrize("name", ["max_file_size", "max_pixels"])
def test_some_limits_cannot_be_lifted(name):
    with pytest.raises(ConfigurationError, match=name):
        Policy(**{name: None})


@pytest.mark.parametrize("value", [-0.1, True, "3", None, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["min_dpi", "bleed_mm"])
def test_a_figure_is_a_number_from_zero(name, value):
    with pytest.raises(ConfigurationError, match=rf"Policy\.{name} must be a number from 0"):
        Policy(**{name: value})


@pytest.mark.parametrize("value", ["first", "prefer:", "prefer:gif", "prefer:pdf,pdf", "prefer:pdf,", None, 1])
def test_an_unknown_preference_is_refused_with_an_example(value):
    with pytest.raises(ConfigurationError, match=r"Policy\.several_files must be conflict, newest or prefer:pdf"):
        Policy(several_files=value)


@pytest.mark.parametrize(("name", "known"), [("color_modes", "gray, rgb, cmyk"), ("reject_for", "bleed, box_ignored")])
def test_an_unknown_name_in_a_list_is_refused_and_the_known_ones_are_named(name, known):
    with pytest.raises(ConfigurationError, match=rf"Policy\.{name} may contain {known}.*, not 'typo'"):
        Policy(**{name: ["typo"]})
    with pytest.raises(ConfigurationError, match=rf"Policy\.{name} must be a list of names, not 'rgb'"):
        Policy(**{name: "rgb"})


def test_a_list_of_names_has_one_form_so_that_equal_policies_look_alike():
    assert repr(Policy(reject_for=["page_size", "bleed", "bleed"])) == repr(Policy(reject_for={"bleed", "page_size"}))


def test_what_can_be_asked_for():
    assert Policy().late_after is None
    assert Policy(fulfill="per_item", late_after=timedelta(days=2), max_file_size=1).fulfill == "per_item"
    assert Policy(several_files="prefer:pdf, PNG", settle_for=timedelta(seconds=1), max_pages=None, bleed_mm=0)
