"""Every law of laws.py for every optimizer of cases.py."""

import pytest

from tests import laws
from tests.cases import CASES


# The law outermost, so that pytest -x and the timing report go law by law.
@pytest.mark.parametrize("case", CASES, ids=repr)
@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__.removeprefix("law_"))
def test_law(law, case):
    law(case)


def test_names_of_cases_are_unique():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
