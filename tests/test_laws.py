"""Every law of laws.py for every optimizer of cases.py."""

import pytest

from tests import laws
from tests.cases import CASES

# The law outermost, so that pytest -x and the timing report go law by law.
PAIRS = [(law, case) for law in laws.LAWS for case in CASES if law in laws.laws_of(case)]


@pytest.mark.parametrize(
    ("law", "case"), PAIRS, ids=[f"{laws.name_of(law)}-{case}" for law, case in PAIRS]
)
def test_law(law, case):
    law(case)


def test_names_of_cases_are_unique():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_an_exemption_names_a_law_and_a_reason():
    known = set(map(laws.name_of, laws.LAWS))
    for case in CASES:
        assert set(case.exempt) <= known, case.name
        assert all(case.exempt.values()), case.name
