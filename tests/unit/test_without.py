"""The list of defences that tests.without takes away stays true to the code."""

import pytest

from tests.conftest import ROOT
from tests.without.defences import DEFENCES, Defence


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: f"{defence.case} {defence.what}")
def test_each_defence_stands_where_the_list_says_and_its_tests_are_there(defence: Defence) -> None:
    assert (ROOT / defence.file).read_text().count(defence.stands) == 1
    assert all((ROOT / word).exists() for word in defence.test.split() if word.startswith("tests/"))
