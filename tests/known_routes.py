"""What FastAPI finds out about a route serves all applications of a test process.

Hundreds of tests make an application of their own, of the same two hundred routes; to analyse these anew was a third
of what such a test took. What is analysed are the functions behind the doors, which are the same in all. A hub that is
a process of its own has nothing of this.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from types import MethodType
from typing import Any

import fastapi.routing
import starlette.routing
from fastapi.dependencies import utils


def share_analyses() -> None:
    """From now on, in this process."""
    known = cache(starlette.routing.compile_path)
    utils._get_signature = _remember_signatures(utils._get_signature)
    utils.analyze_param = _remember_parameters(utils.analyze_param)
    fastapi.routing.compile_path = starlette.routing.compile_path = known  # type: ignore[attr-defined]


def _remember_signatures(read: Callable[..., inspect.Signature]) -> Callable[..., inspect.Signature]:
    known: dict[object, inspect.Signature] = {}

    def read_once(call: Callable[..., Any]) -> inspect.Signature:
        if not isinstance(call, MethodType):
            return read(call)
        if call.__func__ not in known:
            known[call.__func__] = read(call)
        return known[call.__func__]

    return read_once


def _remember_parameters(analyse: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[object, tuple[Any, object, object]] = {}

    def analyse_once(*, param_name: str, annotation: Any, value: Any, path_param_names: set[str]) -> Any:
        key = (param_name, id(annotation), id(value), param_name in path_param_names)
        if key not in known:
            found = analyse(
                param_name=param_name, annotation=annotation, value=value, path_param_names=path_param_names
            )
            known[key] = found, annotation, value  # as long as they are kept, no others have their ids
        return known[key][0]

    return analyse_once
