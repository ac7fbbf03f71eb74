"""What bodies and answers of jobs, folders, versions and links look like, for the API's description."""

from __future__ import annotations

from typing import Any

from hubwright.web.api.definition_schemas import refer_to

_REPOSITORY = {"repository": "ann/compiler", "default_branch": "devel"}
_TRIGGERS = {"push": ["devel", "release/*"], "schedule": [{"cron": "30 4 * * 1-5", "zone": "Europe/Zurich"}]}
_JOB = {
    **_REPOSITORY,
    "title": "The compiler",
    "recipe": {"path": "ci/build.yml"},
    "parameters": [{"name": "FLAVOUR", "required": True, "default": "plain", "allowed": ["plain", "spicy"]}],
    "environment": {"CC": "clang"},
    "secrets": ["DEPLOY_KEY"],
    "triggers": _TRIGGERS,
    "timeout": "20m",
}
_JOB_YAML = """\
title: The compiler
repository: ann/compiler
recipe: {path: ci/build.yml}
environment: {PYTHON: 3.10}
triggers:
  push: [devel, release/*]
timeout: 20m
"""
_FOLDER = {"environment": {"CC": "clang"}, "retention": {"logs": 30}, "concurrency": {"group": "compilers", "limit": 2}}
_ORIGIN = {"source": "folder", "path": "team", "text": "folder team"}
_KEPT_JOB = {
    "path": "team/compiler",
    "repo": "ann/compiler",
    "clone_url": None,
    "enabled": True,
    "settings": {"timeout": 1200},
    "version": 3,
    "copy_of": None,
    "builds": 41,
    "created_at": "2026-11-20T08:00:00.000000Z",
    "newest": None,
    "definition": {"repository": "ann/compiler", "timeout": 1200},
    "effective": {"repository": "ann/compiler", "timeout": 1200, "environment": {"CC": "clang"}},
    "origins": {
        "/timeout": {"source": "job", "path": "team/compiler", "text": "job team/compiler"},
        "/environment/CC": _ORIGIN,
    },
}
_KEPT_FOLDER = {
    "path": "team",
    "parent": "",
    "definition": _FOLDER,
    "version": 1,
    "created_at": "2026-11-20T08:00:00.000000Z",
    "effective": _FOLDER,
    "origins": {"/environment/CC": _ORIGIN},
}
_VERSION = {
    "number": 3,
    "path": "team/compiler",
    "author": "ann",
    "reason": "The tests are slow.",
    "at": "2026-11-22T10:00:00.000000Z",
    "changes": [{"pointer": "/timeout", "kind": "changed"}],
}
_DIFFERENCE = {"pointer": "/timeout", "kind": "changed", "before": 600, "after": 1200}
_LINK = {"repository": "ann/compiler", "kind": "pull_request", "job": "team/compiler", "globs": ["**"]}
_PROBLEM = {
    "type": "about:blank",
    "title": "Wrong definition",
    "status": 422,
    "detail": "Unknown key 'timeot' in the definition, did you mean 'timeout'?",
    "errors": [{"pointer": "#/timeot", "detail": "unknown key 'timeot' in the definition, did you mean 'timeout'?"}],
}


def _says(description: str, example: Any, kind: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {kind: {"example": example}}}


def _describe(told: Any, *, new: bool = False) -> dict[str, Any]:
    """What a route answers."""
    return {"responses": {"200": _says("As it is now.", told), **({"201": _says("It is new.", told)} if new else {})}}


def _describe_change(told: Any, shape: Any, json: Any, yaml: str | None = None, *, new: bool = False) -> dict[str, Any]:
    """What a route is sent and answers."""
    refused = {
        "412": {"description": "It is at another version than If-Match names."},
        "422": _says("What is wrong, and where.", _PROBLEM, "application/problem+json"),
    }
    content: dict[str, Any] = {"application/json": {"schema": shape, "example": json}}
    if yaml is not None:
        content["application/yaml"] = {"schema": shape, "example": yaml}
    answers = _describe(told, new=new)["responses"] | refused
    return {"requestBody": {"required": True, "content": content}, "responses": answers}


def _page(item: Any) -> dict[str, Any]:
    return _describe({"items": [item], "next": None})


JOB = _describe(_KEPT_JOB)
JOBS = _page({key: value for key, value in _KEPT_JOB.items() if key not in {"definition", "effective", "origins"}})
PUT_JOB = _describe_change(_KEPT_JOB, refer_to("Job"), _JOB, _JOB_YAML, new=True)
_CHANGE = {"timeout": 1200, "environment": {"CC": None}}
PATCH_JOB = _describe_change(_KEPT_JOB, refer_to("JobChange"), _CHANGE, "timeout: 20m\n")
FOLDER = _describe(_KEPT_FOLDER)
FOLDERS = _page({key: value for key, value in _KEPT_FOLDER.items() if key not in {"effective", "origins"}})
_FOLDER_YAML = "environment: {CC: clang}\nretention: {logs: 30}\n"
PUT_FOLDER = _describe_change(_KEPT_FOLDER, refer_to("Folder"), _FOLDER, _FOLDER_YAML, new=True)
_FOLDER_CHANGE = {"retention": {"logs": None}}
PATCH_FOLDER = _describe_change(_KEPT_FOLDER, refer_to("FolderChange"), _FOLDER_CHANGE, "retention: {logs: 60}\n")
VERSIONS = _page(_VERSION)
VERSION = _describe({**_VERSION, "document": {"timeout": 1200}, "differences": [_DIFFERENCE]})
DIFFERENCES = _describe({"from": 2, "to": 3, "items": [_DIFFERENCE]})
LINK = _describe(_LINK)
LINKS = _page(_LINK)
_LINK_SHAPE = {
    "type": "object",
    "required": ["job"],
    "properties": {"job": {"type": "string"}, "globs": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
    "additionalProperties": False,
}
PUT_LINK = _describe_change(_LINK, _LINK_SHAPE, {"job": "team/compiler", "globs": ["**", "!experiments/*"]}, new=True)
