"""Numbers that Romans have written."""

import pytest
from roman import write_roman


@pytest.mark.parametrize(("number", "written"), [(1, "I"), (4, "IV"), (1987, "MCMLXXXVII"), (3999, "MMMCMXCIX")])
def test_numbers_are_written(number: int, written: str) -> None:
    assert write_roman(number) == written


@pytest.mark.parametrize("number", [0, 4000, -1])
def test_others_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no Roman numeral"):
        write_roman(number)
