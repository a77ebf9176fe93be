"""The checks that a policy asks for."""

import pytest

from remote_artwork.core.policy import Policy
from remote_artwork.errors import MissingExtra
from remote_artwork.preflight import standard
from remote_artwork.preflight.pdf import PdfCheck
from remote_artwork.preflight.pictures import PictureCheck
from remote_artwork.preflight.signature import SignatureCheck
from remote_artwork.preflight.standard import preflight_checks


def test_a_policy_asks_for_both_ends_of_a_file_unless_it_says_more():
    assert preflight_checks(Policy(max_file_size=7)) == (SignatureCheck(max_file_size=7),)


def test_a_policy_that_goes_deep_hands_its_figures_on():
    policy = Policy(
        preflight="deep",
        min_dpi=200,
        max_pixels=10,
        max_pages=2,
        bleed_mm=3,
        color_modes=["rgb"],
        reject_for={"bleed"},
    )
    assert preflight_checks(policy) == (
        SignatureCheck(),
        PictureCheck(min_dpi=200, max_pixels=10, color_modes=("rgb",), reject_for=("bleed",)),
        PdfCheck(bleed_mm=3, max_pages=2, reject_for=("bleed",)),
    )


def test_the_defaults_are_said_alike_in_both_places():
    _, pictures, documents = preflight_checks(Policy(preflight="deep"))
    assert set(pictures.color_modes) == set(PictureCheck().color_modes)
    assert (pictures.min_dpi, pictures.max_pixels) == (PictureCheck().min_dpi, PictureCheck().max_pixels)
    assert documents == PdfCheck()


def test_a_package_that_lacks_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr(standard, "find_spec", lambda name: None if name == "pikepdf" else "there")
    with pytest.raises(MissingExtra, match=r"needs pikepdf: pip install 'remote_artwork\[preflight\]'"):
        preflight_checks(Policy(preflight="deep"))
    assert preflight_checks(Policy())
