from tests.client import Learner


def test_nothing_recorded_is_the_guides_default(learner: Learner) -> None:
    assert learner.progress()["completionPercentage"] == 0
    assert learner.watch().status == 200
