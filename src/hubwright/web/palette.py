"""The 256 colours of terminals as CSS classes that can be read on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Iterator

from hubwright.domain.ansi import rgb_of

Rgb = tuple[int, int, int]

LIGHT_PAGE: Rgb = (252, 252, 253)
DARK_PAGE: Rgb = (15, 17, 21)
"""What logs are written on; `hubwright.css` has the same two."""

CONTRAST = 4.6
"""A little more than WCAG's 4.5 for text. https://www.w3.org/TR/WCAG22/#contrast-minimum"""

_LIGHT = (
    *("3a3f4b", "c4262e", "1a7f42", "8f6400", "2856c7", "8e3bb0", "0f7a86", "5d6470"),
    *("6b7280", "d1303a", "1f8a4c", "9c6d00", "3a6ae0", "a24cc8", "128593", "1a1d23"),
)
_DARK = (
    *("8b93a1", "ff7b78", "56c984", "e0b050", "7fa8ff", "d59bf6", "54c7d3", "c9ced6"),
    *("9aa2b0", "ff9794", "7ddda2", "f0c878", "a3c2ff", "e4b9ff", "84dde6", "f2f4f7"),
)


def palette_css() -> str:
    """`.f0`-`.f255` for text and `.g0`-`.g255` for what is behind it."""
    return "\n".join(_rules())


def _rules() -> Iterator[str]:
    for colour in range(256):
        light, dark = _on_page(colour, LIGHT_PAGE, _LIGHT), _on_page(colour, DARK_PAGE, _DARK)
        yield f".f{colour}{{color:light-dark(#{_hex(light)},#{_hex(dark)})}}"
        yield f".g{colour}{{background:light-dark(#{_hex(light)}26,#{_hex(dark)}33)}}"


def _on_page(colour: int, page: Rgb, first: tuple[str, ...]) -> Rgb:
    towards = 0 if page == LIGHT_PAGE else 255
    shade: Rgb = tuple(bytes.fromhex(first[colour])) if colour < 16 else rgb_of(colour)  # type: ignore[assignment]
    while contrast(shade, page) < CONTRAST:
        shade = tuple(round(value + (towards - value) * 0.1) for value in shade)  # type: ignore[assignment]
    return shade


def contrast(one: Rgb, other: Rgb) -> float:
    """WCAG's ratio of contrast, 1 to 21. https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Rgb) -> float:
    parts = [value / 255 for value in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex(colour: Rgb) -> str:
    return bytes(colour).hex()
