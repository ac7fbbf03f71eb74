"""The shapes of states, in one place for pages and favicons: a state is shape, word and colour, never colour alone."""

from __future__ import annotations

from collections.abc import Iterator

_RING = '<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5"{0}/>'
_STROKE = 'fill="none" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'

SHAPES = {
    "success": '<circle cx="8" cy="8" r="7" fill="currentColor"/>'
    f'<path d="M5 8.3l2.1 2.1L11 6.2" stroke="var(--on,#fff)" {_STROKE}/>',
    "failure": '<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" fill="currentColor"/>'
    f'<path d="M5.6 5.6l4.8 4.8m0-4.8l-4.8 4.8" stroke="var(--on,#fff)" {_STROKE}/>',
    "error": '<path d="M8 1.2L15.4 14.4H.6z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/>'
    f'<path d="M8 6v3.6m0 2.3v.1" stroke="var(--on,#fff)" {_STROKE}/>',
    "timeout": _RING.format("") + f'<path d="M8 4.4V8l2.4 1.6" stroke="currentColor" {_STROKE}/>',
    "cancellation": '<rect x="2" y="2" width="12" height="12" rx="2" fill="currentColor"/>',
    "skip": _RING.format("") + f'<path d="M3.8 12.2l8.4-8.4" stroke="currentColor" {_STROKE}/>',
    "running": _RING.format(' opacity=".3"') + f'<path class="turn" d="M8 1.75A6.25 6.25 0 0 1 14.25 8" '
    f'stroke="currentColor" {_STROKE}/><circle cx="8" cy="8" r="2.5" fill="currentColor"/>',
    "queued": _RING.format(' stroke-dasharray="2 1.93"'),
    "held": _RING.format("") + f'<path d="M6 5.4v5.2m4-5.2v5.2" stroke="currentColor" {_STROKE}/>',
}
"""Inner SVG of a 16 by 16 view box, by the `kind` of `domain.wording.Look`."""

_FAVICON_COLOURS = {
    "success": "#1f8a4c",
    "failure": "#d1303a",
    "error": "#8e44c9",
    "timeout": "#b86a00",
    "cancellation": "#6b7280",
    "skip": "#6b7280",
    "running": "#1a73d1",
    "queued": "#6b7280",
    "held": "#b86a00",
}

_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<path d="M8 .8l6.3 3.6v7.2L8 15.2l-6.3-3.6V4.4z" fill="#3d5bd9"/>'
    '<path d="M5.4 5v6m5.2-6v6M5.4 8h5.2" stroke="#fff" stroke-width="1.7" stroke-linecap="round"/></svg>'
)


def favicons() -> Iterator[tuple[str, str]]:
    """File names and SVG texts: one icon for each state, and the plain one."""
    yield "favicon.svg", _MARK
    for kind, colour in _FAVICON_COLOURS.items():
        yield (
            f"favicon-{kind}.svg",
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" color="{colour}">{SHAPES[kind]}</svg>',
        )
