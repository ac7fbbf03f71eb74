"""Roman numerals."""

_NUMERALS = {
    1000: "M", 900: "CM", 500: "D", 400: "CD", 100: "C", 90: "XC", 50: "L", 40: "XL", 10: "X", 9: "IX", 5: "V",
    4: "IV", 1: "I",
}  # fmt: skip


def write_roman(number: int) -> str:
    """The number from 1 to 3999 as a Roman numeral. Raises ValueError for others."""
    if not 0 < number < 4000:
        raise ValueError(f"{number} has no Roman numeral")
    written = ""
    for value, numeral in _NUMERALS.items():
        count, number = divmod(number, value)
        written += numeral * count
    return written
