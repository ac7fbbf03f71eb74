"""A coding agent: the official client of the Model Context Protocol, which starts `hubwright mcp` and talks to it.

with Agent(environment_for(hub)) as agent:
    agent.ask("problems", build="12")
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio.from_thread
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent, Tool


class Agent:
    """Asked from a test that is not asynchronous; `arguments` come after `hubwright mcp`."""

    def __init__(self, environment: Mapping[str, str], *arguments: str, cwd: Path | str = "/") -> None:
        self._client = Client(
            StdioServerParameters(
                command=sys.executable, args=["-m", "hubwright", "mcp", *arguments], env=dict(environment), cwd=cwd
            )
        )
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        self._portal = self._opened.enter_context(anyio.from_thread.start_blocking_portal())
        self._opened.enter_context(self._portal.wrap_async_context_manager(self._client))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    @property
    def instructions(self) -> str:
        """What the server says of itself."""
        return self._client.instructions or ""

    def tools(self) -> dict[str, Tool]:
        """What the server offers, by name."""
        return {tool.name: tool for tool in self._portal.call(self._client.list_tools).tools}

    def call(self, name: str, **arguments: Any) -> CallToolResult:
        """The whole answer of a tool."""
        found: CallToolResult = self._portal.call(self._client.call_tool, name, arguments)
        return found

    def ask(self, name: str, **arguments: Any) -> Any:
        """What a tool answers, when it does not refuse."""
        found = self.call(name, **arguments)
        assert not found.is_error, found.content
        told = found.structured_content
        assert told is not None
        return told["result"] if set(told) == {"result"} else told

    def refusal(self, name: str, **arguments: Any) -> str:
        """The words with which a tool refuses."""
        found = self.call(name, **arguments)
        assert found.is_error
        (text,) = found.content
        assert isinstance(text, TextContent)
        return text.text
