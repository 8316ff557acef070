"""Events of a learner, over every way that the statements may travel."""

import pytest

from tests.client import Learner
from tests.conftest import MakeLearner
from tests.rules.conftest import (  # noqa: F401 - fixtures
    MakeService,
    make_service,
    service,
    way,
)


@pytest.fixture
def limited(make_learner: MakeLearner, make_service: MakeService) -> Learner:  # noqa: F811
    """A learner who may record two chapters and two quizzes of a tutorial."""
    return make_learner(make_service(progress_max_chapters=2, progress_max_quizzes=2))
