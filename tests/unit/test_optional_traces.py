"""OpenTelemetry is an extra: without it a hub is whole, and who wants traces is told what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hubwright.errors import SettingsError
from hubwright.wiring.traces import read_headers

MISSING = """
import sys
sys.modules["{module}"] = None
from hubwright.errors import SettingsError
from hubwright.wiring.extras import load_traces
try:
    load_traces()
except SettingsError as error:
    print(error)
"""

UNASKED = """
import sys
import hubwright.wiring.hub
extra = ("opentelemetry.proto", "opentelemetry.sdk", "google.protobuf", "hubwright.outlets.otlp")
print([name for name in sys.modules if name.startswith(extra)])
"""


def said(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("module", ["opentelemetry.proto", "google.protobuf"])
def test_without_the_extra_a_setting_says_what_to_install(module: str) -> None:
    assert said(MISSING.format(module=module)) == "OTEL__ENDPOINT needs OTLP: pip install 'hubwright[hub,otel]'."


def test_a_hub_loads_nothing_of_it_unasked() -> None:
    """It costs each start time and memory, and must not be there. (FastAPI brings the API of OpenTelemetry.)"""
    assert said(UNASKED) == "[]"


def test_headers_are_names_and_values() -> None:
    """A value may hold what parts names from values: keys often end so."""
    assert read_headers(["x-key = a=b=", "Authorization=Basic YQ=="]) == [
        ("x-key", "a=b="),
        ("Authorization", "Basic YQ=="),
    ]


@pytest.mark.parametrize("text", ["hush", "=hush", "x-key=hu\nsh", "x-key=hüsh", "x key=hush", "x:key=hush"])
def test_a_header_that_is_none_is_told_without_its_value(text: str) -> None:
    """S20: a log is read by more people than a configuration."""
    with pytest.raises(SettingsError, match="OTEL__HEADERS") as raised:
        read_headers([text])
    assert "sh" not in str(raised.value)
