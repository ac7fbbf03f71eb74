"""Hubwright: a self-hosted build server for GitHub."""

__version__ = "0.1.0"
