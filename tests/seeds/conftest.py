"""What tests of other systems' documents share."""

import pytest

from selector import Selector


@pytest.fixture
def opened(tmp_path):
    """Open documents as they are, and close the selectors at the end."""
    begun = []

    def open_(document):
        begun.append(Selector.open(document, state=tmp_path / "state", seed=1))
        return begun[-1]

    yield open_
    for each in begun:
        each.close()
