"""Secrets that people give to a command: from stdin, or asked for; never an argument, which all processes may read."""

from __future__ import annotations

import sys

import click

from hubwright.errors import HubwrightError


def read_secret(label: str) -> str:
    """The value, without one line break at its end; at a terminal `label` asks for it. Raises HubwrightError."""
    if sys.stdin.isatty():
        value: str = click.prompt(label, hide_input=True, err=True)
        return value
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise HubwrightError("The value is no UTF-8 text: give binary data as base64.") from error
    return text.removesuffix("\n").removesuffix("\r")
