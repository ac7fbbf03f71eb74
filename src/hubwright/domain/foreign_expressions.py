"""GitHub's `${{ … }}`, as far as a shell's variable or a rule of a recipe says the same.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Any

from hubwright.domain.foreign_files import Outline, Words, at_line

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

CONTEXT = {
    "github.sha": "GITHUB_SHA", "github.ref": "GITHUB_REF", "github.ref_name": "GITHUB_REF_NAME",
    "github.repository": "GITHUB_REPOSITORY", "github.event_name": "GITHUB_EVENT_NAME",
    "github.server_url": "GITHUB_SERVER_URL", "github.run_id": "GITHUB_RUN_ID",
    "github.run_number": "GITHUB_RUN_NUMBER",
    "github.head_ref": "GITHUB_HEAD_REF", "github.base_ref": "GITHUB_BASE_REF", "github.workspace": "CI_WORKSPACE",
    "github.event.number": "CI_COMMIT_PULL_REQUEST", "github.event.pull_request.number": "CI_COMMIT_PULL_REQUEST",
    "github.event.pull_request.head.sha": "CI_COMMIT_SHA", "github.actor": "CI_COMMIT_AUTHOR",
    "github.repository_owner": "CI_REPO_OWNER", "github.event.repository.name": "CI_REPO_NAME",
    "github.event.repository.default_branch": "CI_REPO_DEFAULT_BRANCH",
}  # fmt: skip
"""What GitHub's contexts are called among the variables of a build."""

SYSTEMS = {"Linux": "linux-*", "macOS": "darwin-*", "Windows": "windows-*"}
"""`runner.os`, as platforms."""

_STATUS = {"success()": "success", "failure()": "failure", "always()": "always", "!cancelled()": "always"}
_NOT_PULL_REQUEST = ["push", "tag", "release", "schedule", "manual"]
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], dict[str, Any]]], ...] = (
    (re.compile(r"github\.event_name == '(push|pull_request|release|schedule)'"), lambda found: {"event": found[1]}),
    (re.compile(r"github\.event_name == 'workflow_dispatch'"), lambda _: {"event": "manual"}),
    (re.compile(r"github\.event_name != 'pull_request'"), lambda _: {"event": _NOT_PULL_REQUEST}),
    (re.compile(r"github\.ref == 'refs/heads/([^']+)'"), lambda found: {"event": "push", "branch": found[1]}),
    (re.compile(r"github\.ref_name == '([^']+)'"), lambda found: {"event": "push", "branch": found[1]}),
    (
        re.compile(r"startsWith\(github\.ref, 'refs/tags/([^']*)'\)"),
        lambda found: {"event": "tag", "tag": f"{found[1]}**"},
    ),
    (
        re.compile(r"startsWith\(github\.ref, 'refs/heads/([^']+)'\)"),
        lambda found: {"event": "push", "branch": f"{found[1]}**"},
    ),
    (re.compile(r"github\.ref_type == 'tag'"), lambda _: {"event": "tag"}),
    (re.compile(r"runner\.os == '(Linux|macOS|Windows)'"), lambda found: {"platform": SYSTEMS[found[1]]}),
    (re.compile(r"runner\.os != '(Linux|macOS|Windows)'"), lambda found: {"platform": ["**", "!" + SYSTEMS[found[1]]]}),
    (re.compile(r"matrix\.([A-Za-z_]\w*) == '([^']*)'"), lambda found: {"matrix": {found[1]: found[2]}}),
    (
        re.compile(r"contains\(github\.event\.pull_request\.labels\.\*\.name, '([^']+)'\)"),
        lambda found: {"event": "pull_request", "label": found[1]},
    ),
)


class Expressions:
    """Translates the expressions of one job. `secrets` are those that what it has translated needs."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self.secrets: list[str] = []

    def shell(self, text: Words, *, note: bool = True) -> Words:
        """The text with variables of the shell instead of expressions; what has none stays, with a note."""

        def put(found: re.Match[str]) -> str:
            variable = self._variable(found[1])
            if variable is None:
                if note:
                    self._outline.note(
                        text, f"`${{{{ {found[1]} }}}}` has no counterpart: put what is meant in its place"
                    )
                return found[0]
            return "${" + variable + "}"

        return at_line(_EXPRESSION.sub(put, text), text)

    def _variable(self, said: str) -> str | None:
        context, _, name = said.partition(".")
        if said in CONTEXT:
            return CONTEXT[said]
        if not _NAME.fullmatch(name) or said.lower() == "secrets.github_token":
            return None
        if context == "secrets":
            self.secrets.append(name)
        return {"matrix": f"MATRIX_{name.upper()}", "env": name, "secrets": name}.get(context)


def has_expression(text: str) -> bool:
    """Whether anything in it is for GitHub to work out."""
    return _EXPRESSION.search(text) is not None


def read_condition(text: str) -> list[dict[str, Any]] | None:
    """An `if` as rules of which one must hold; an empty rule always holds. None: it says what no rule can."""
    whole = _EXPRESSION.sub(lambda found: found[1], text).strip()
    rules: list[dict[str, Any]] = []
    for side in whole.split("||"):
        rule = _read_side(side.strip().removeprefix("(").removesuffix(")") if "||" in whole else side)
        if rule is None:
            return None
        rules.append(rule)
    return rules


def _read_side(text: str) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for clause in text.split("&&"):
        rule = _read_clause(clause.strip().replace('"', "'"))
        joined = None if rule is None else join_rules(found, rule)
        if joined is None:
            return None
        found = joined
    return found


def _read_clause(clause: str) -> dict[str, Any] | None:
    if clause in _STATUS:
        return {"status": _STATUS[clause]}
    for pattern, make in _RULES:
        if match := pattern.fullmatch(clause):
            return make(match)
    return None


def join_rules(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any] | None:
    """The rule that holds where both do; None where none can say that."""
    joined = dict(one)
    for key, value in other.items():
        if key == "matrix":
            joined[key] = {**joined.get(key, {}), **value}
        elif key not in joined:
            joined[key] = value
        elif joined[key] != value:
            kept = [item for item in _list(joined[key]) if item in _list(value)]
            if not kept or key != "event":
                return None
            joined[key] = kept[0] if len(kept) == 1 else kept
    return joined


def join_all(ones: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules of which one holds where one of each list does; empty where they can't hold together."""
    joined = [join_rules(one, other) for one, other in product(ones, others)]
    return [rule for rule in joined if rule is not None]


def write_rules(rules: list[dict[str, Any]]) -> Any:
    """As `when` has them; None where one always holds."""
    if not all(rules):
        return None
    return rules[0] if len(rules) == 1 else rules


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
