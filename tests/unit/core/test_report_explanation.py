"""An explanation, as it is printed."""

import json
import pickle

from german_catalog import GERMAN
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import Explanation


def test_steps_are_numbered_and_the_verdict_comes_last():
    steps = (reason("file_found_not_expected"), reason("nothing_to_do"))
    explanation = Explanation(subject="1001-1.pdf", steps=steps, because=reason("no_order_yet"))
    assert str(explanation).splitlines() == [
        "1001-1.pdf",
        "1. the file exists, and no pending item expects this name",
        "2. there is nothing to do",
        "→ no pending order expects it yet; it is used when the order arrives",
    ]
    assert explanation.render(GERMAN).splitlines()[-1] == "→ " + reason("no_order_yet").render(GERMAN)


def test_an_explanation_is_plain_data():
    explanation = Explanation(subject="1", steps=(reason("order_complete"),), because=reason("nothing_to_do"))
    assert pickle.loads(pickle.dumps(explanation)) == explanation
    assert json.loads(json.dumps(explanation.to_dict())) == {
        "subject": "1",
        "steps": [
            {"code": "order_complete", "details": {}, "text": "all its files exist; the next scan fulfills it"},
        ],
        "code": "nothing_to_do",
        "details": {},
        "notes": [],
        "verdict": "there is nothing to do",
        "exit_code": 0,
    }
