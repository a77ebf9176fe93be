"""An explanation, as it is printed."""

from remote_artwork.core.report import Explanation


def test_steps_are_numbered_and_the_verdict_comes_last():
    text = str(Explanation(subject="1001-1.pdf", steps=("it is there", "nobody awaits it"), verdict="rename it"))
    assert text.splitlines() == ["1001-1.pdf", "1. it is there", "2. nobody awaits it", "→ rename it"]
