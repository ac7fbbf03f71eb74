"""The jobs and steps of a GitHub workflow as stages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hubwright.domain.foreign_expressions import Expressions, has_expression, join_all, read_condition, write_rules
from hubwright.domain.foreign_files import (
    Keys,
    Outline,
    Words,
    at_line,
    listed,
    mapping_of,
    texts_of,
    write_export,
)

_JOB_KEYS = {
    "name", "runs-on", "needs", "if", "env", "defaults", "steps", "strategy", "container", "services",
    "timeout-minutes", "permissions", "continue-on-error",
}  # fmt: skip
_BASH = re.compile(r"\[\[|<\(|<<<|&>|=\(|\bsource |\bpipefail\b|\bfunction |\$\{\w+(\[|:\d|//|\^|,)|\|&")
_SHELLS = {"bash": "bash", "sh": "sh", "pwsh": "pwsh", "powershell": "pwsh", "cmd": "cmd", "python": "python"}
_HASHED = re.compile(r"hashFiles\(([^)]*)\)")
_HEALTH = re.compile(r"--health-cmd[= ]+(\"[^\"]*\"|'[^']*'|\S+)")
_SETUP = re.compile(
    r"(?:actions|ruby|dtolnay|docker|astral-sh|pnpm|erlef|julia-actions|shivammathur)/(?:setup-)?([\w-]+)@.*"
)


class JobReader:
    """Reads one job into stages of the outline; `title` stands before their names where there are several jobs."""

    def __init__(self, outline: Outline, workflow: Keys, job: Keys, title: str) -> None:
        self._outline = outline
        self._job = job
        self._title = title
        self._expressions = Expressions(outline)
        self._env = {**mapping_of(workflow.get("env")), **mapping_of(job.get("env"))}
        self._defaults = {
            **mapping_of(mapping_of(workflow.get("defaults")).get("run")),
            **mapping_of(mapping_of(job.get("defaults")).get("run")),
        }
        self._last: dict[str, Any] | None = None
        self._image = ""

    def read(self, rule: dict[str, Any], *, once: bool) -> None:
        """Add the stages; those under `rule` only."""
        for key in self._job.keys() - _JOB_KEYS:
            self._outline.note(self._job[key], f"`{key}` of a job is left out")
        rules = self._condition(self._job.get("if"), [rule], "the job")
        if rules is None or "uses" in self._job:
            return
        container = self._job.get("container")
        said = container if isinstance(container, Words) else mapping_of(container).get("image")
        self._image = str(said) if said and not has_expression(str(said)) else ""
        if said and not self._image:
            self._outline.note(said, f"the image `{said}` is worked out while it runs: write one")
        self._read_services()
        for step in listed(self._job.get("steps")):
            if isinstance(step, Keys):
                self._read_step(step, rules, once=once)

    def _condition(self, said: Any, rules: list[dict[str, Any]], what: str) -> list[dict[str, Any]] | None:
        """The rules under which it runs; None, with a note, where no rule says it."""
        if not said:
            return rules
        found = read_condition(str(said))
        joined = join_all(rules, found) if found is not None else []
        if not joined:
            self._outline.note(said, f"`if: {said}` has no counterpart: {what} is left out")
            return None
        return joined

    def _read_step(self, step: Keys, rules: list[dict[str, Any]], *, once: bool) -> None:
        uses = step.get("uses")
        if isinstance(uses, Words):
            self._read_action(step, uses)
            return
        run = step.get("run")
        if not isinstance(run, Words):
            return
        own = self._condition(step.get("if"), rules, f"the step `{step.get('name', run.split(chr(10))[0][:60])}`")
        if own is None:
            return
        env, exports, secrets = self._variables({**self._env, **mapping_of(step.get("env"))})
        self._expressions.secrets = []
        script = self._expressions.shell(run)
        secrets = list(dict.fromkeys([*secrets, *self._expressions.secrets]))
        self._last = self._outline.add_stage(
            self._name(step, run),
            "\n".join([*exports, script.rstrip("\n")]),
            shell=self._shell(step, script),
            dir=self._folder(step),
            env=env,
            when=write_rules(own),
            timeout=self._minutes(step),
            allow_failure="true"
            if "true" in (step.get("continue-on-error"), self._job.get("continue-on-error"))
            else None,
            once="true" if once else None,
            image=self._image,
            secrets=secrets,
        )

    def _name(self, step: Keys, run: str) -> str:
        said = str(step.get("name") or step.get("id") or run.strip().splitlines()[0] if run.strip() else "step")
        return f"{self._title} {said}".strip()

    def _variables(self, given: Mapping[str, Any]) -> tuple[dict[str, str], list[str], list[str]]:
        """Plain variables; lines that set those that are worked out; secrets that are given under their own name."""
        plain, exports = {}, []
        self._expressions.secrets = []
        for name, value in given.items():
            said = value if isinstance(value, Words) else at_line("", value)
            if not has_expression(said):
                plain[str(name)] = str(said)
                continue
            translated = self._expressions.shell(said)
            if translated != "${" + name + "}":
                exports.append(write_export(name, translated))
        return plain, exports, self._expressions.secrets

    def _shell(self, step: Keys, script: str) -> str | None:
        said = str(step.get("shell") or self._defaults.get("shell") or "")
        if said:
            shell = _SHELLS.get(said.split(maxsplit=1)[0])
            if shell is None or " " in said:
                self._outline.note(step.get("shell") or said, f"the shell `{said}` became `{shell or 'sh'}`")
            return shell
        return "bash" if _BASH.search(script) else None

    def _folder(self, step: Keys) -> str | None:
        said = (
            str(step.get("working-directory") or self._defaults.get("working-directory") or "")
            .removeprefix("./")
            .rstrip("/")
        )
        if has_expression(said) or said.startswith("/") or ".." in said.split("/"):
            self._outline.note(step, f"`working-directory: {said}` has no counterpart: `cd` in the command")
            return None
        return said or None

    def _minutes(self, step: Keys) -> str | None:
        said = str(step.get("timeout-minutes", ""))
        return f"{int(said)}m" if said.isascii() and said.isdigit() and 0 < int(said) < 10**6 else None

    def _read_action(self, step: Keys, uses: Words) -> None:
        given = mapping_of(step.get("with"))
        name = uses.partition("@")[0]
        if name == "actions/checkout":
            for key in given:
                if key in ("submodules", "lfs", "repository", "path", "ref"):
                    self._outline.note(given[key], f"checkout with `{key}`: the builder checks out the commit alone")
        elif name in ("actions/cache", "actions/cache/restore"):
            self._add_cache(given)
        elif name == "actions/upload-artifact":
            self._add_artifact(step, given)
        elif match := _SETUP.fullmatch(uses):
            wanted = next((f" {value}" for key, value in given.items() if "version" in key), "")
            self._outline.note(uses, f"{name}: builders need {match[1]}{wanted}, or the stages an `image` that has it")
        else:
            self._outline.note(uses, f"the action {name} is left out: say with a command what it does")

    def _add_cache(self, given: Mapping[str, Any]) -> None:
        paths = [one for one in str(given.get("path", "")).split("\n") if one.strip() and not one.startswith("!")]
        hashed = [
            name.strip(" '\"") for found in _HASHED.findall(str(given.get("key", ""))) for name in found.split(",")
        ]
        if paths:
            cache = {"paths": [one.strip() for one in paths], **({"files": hashed} if hashed else {})}
            self._outline.keys.setdefault("cache", []).append(cache)

    def _add_artifact(self, step: Keys, given: Mapping[str, Any]) -> None:
        """What is uploaded is kept by the stage before."""
        paths = [one.strip().removeprefix("./").rstrip("/") for one in str(given.get("path", "")).split("\n")]
        kept = [one for one in paths if one and not one.startswith(("!", "/", "~")) and not has_expression(one)]
        if self._last is None or len(kept) != len([one for one in paths if one]) or not kept:
            self._outline.note(
                step, f"the artifact `{given.get('name', 'artifact')}` is left out: say `artifacts` at a stage"
            )
            return
        kept = [f"{one}/**" if "*" not in one and "." not in one.rpartition("/")[2] else one for one in kept]
        files = self._last.setdefault("artifacts", {"paths": []})
        files["paths"] += kept
        days = str(given.get("retention-days", ""))
        files |= {"keep": f"{int(days)}d"} if days.isascii() and days.isdigit() and 0 < int(days) < 10**5 else {}
        if {"status": "always"} in (read_condition(str(step.get("if", ""))) or []):
            files["status"] = "always"

    def _read_services(self) -> None:
        services = mapping_of(self._job.get("services"))
        if services and not self._image:
            self._outline.note(services, "services need an `image` for the stages: left out")
            return
        for name, said in services.items():
            given = said if isinstance(said, Keys) else Keys(image=said)
            service: dict[str, Any] = {"image": str(given.get("image", "")).removeprefix("docker://")}
            plain = {
                str(key): str(value)
                for key, value in mapping_of(given.get("env")).items()
                if not has_expression(str(value))
            }
            service |= {"env": plain} if plain else {}
            if len(plain) < len(mapping_of(given.get("env"))):
                self._outline.note(given, f"service `{name}`: variables that are worked out are left out")
            if health := _HEALTH.search(str(given.get("options", ""))):
                service["ready"] = health[1].strip("'\"")
            if texts_of(given.get("ports")):
                self._outline.note(given, f"service `{name}` is reached by that name, not at localhost")
            self._outline.keys.setdefault("services", {})[str(name).lower()] = service
