"""The format of `.hubwright.yml`, described once: `recipe_reader` checks files by it, `recipe_schema` publishes it."""

from __future__ import annotations

from hubwright.domain.limits import SIZE
from hubwright.domain.recipe_shapes import Either, Field, Items, Table, Text, texts
from hubwright.domain.recipe_values import STAGE_KINDS

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_NODES = 5_000
MAX_STAGES = 200
MAX_RUNS = 256
MAX_RUN_STAGES = 10_000
MAX_SERVICES = 8

_VARIABLE = Text(expected="a variable's name (letters, digits and _)", pattern=r"[A-Za-z_][A-Za-z0-9_]*", most=200)
_AXIS = Text(
    expected="an axis' name (letters, digits and _; platforms go under `platforms`)",
    pattern=r"(?!platform$)[A-Za-z_][A-Za-z0-9_]*",
    most=64,
)
_STAGE_NAME = Text(
    expected="a stage's name (a letter or digit, then up to 63 letters, digits, blanks, dots, _ or -)",
    pattern=r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}",
)
_DURATION = Text(expected="a duration such as 90s, 20m, 2h or 1d", pattern=r"[1-9][0-9]{0,5}[smhd]")
_PATH = Text(
    expected="a path inside the workspace (relative, no `..`)",
    pattern=r"(?![/\\]|[A-Za-z]:)(?!(?:.*[/\\])?\.\.(?:[/\\]|$))[^\x00-\x1f]+",
    most=500,
)
_FLAG = Text(expected="true or false", choices=("true", "false"))
_NAME = Text(expected="a name on one line", pattern=r"[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*", most=200)
_GLOB = Text(expected="a name or glob on one line", pattern=_NAME.pattern, most=200)
_PLATFORM = Text(expected="a platform's name or glob on one line", pattern=_NAME.pattern, most=100)
_LABEL = Text(
    expected="a builder's label (letters, digits and . _ : / = + -, and $MATRIX_AXIS for an axis of the matrix)",
    pattern=r"(?:[A-Za-z0-9]|\$MATRIX_[A-Z0-9_]+)(?:[A-Za-z0-9._:/=+-]|\$MATRIX_[A-Z0-9_]+)*",
    most=64,
)
_LABELS = texts(_LABEL, most=8)
_SCRIPT = Text(expected="a command", most=MAX_BYTES)
_VALUE = Text(expected="plain text", pattern=r"[\s\S]*", most=32_768)
_EVENT = Text(
    expected="push, pull_request, tag, release, schedule, dependency or manual",
    choices=("push", "pull_request", "tag", "release", "schedule", "dependency", "manual"),
)
_STATUS = Text(expected="success, failure or always", choices=("success", "failure", "always"))
_NOTICE = Text(
    expected="broken, still-failing, fixed, success, cancelled or always",
    choices=("broken", "still-failing", "fixed", "success", "cancelled", "always"),
)

_ENV = Table(expected="a mapping of variables to values", names=_VARIABLE, values=_VALUE)
_POINT = Table(expected="a mapping of axes to values", names=_AXIS, values=_NAME, least=1)
_MATRIX = Table(
    expected="a mapping of axes to lists of values",
    names=_AXIS,
    values=Items(item=_NAME, expected="a list of values"),
    fields={
        "include": Field(shape=Items(item=_POINT, least=0), about="Points to add."),
        "exclude": Field(
            shape=Items(
                item=Table(
                    expected="a mapping of axes (or `platform`) to values",
                    fields={"platform": Field(shape=_GLOB)},
                    names=_AXIS,
                    values=_GLOB,
                    least=1,
                ),
                least=0,
            ),
            about="Runs to leave out: those that match all keys of an item. `platform` may be one of them.",
        ),
    },
)
_RULE_FIELDS = {
    "event": Field(shape=texts(_EVENT), about="What happened."),
    "branch": Field(shape=texts(_GLOB), about="The branch pushed to, or that a pull request goes into."),
    "tag": Field(shape=texts(_GLOB), about="The tag that was pushed."),
    "paths": Field(shape=texts(_GLOB), about="One of the changed files matches; `**` stands for any folders."),
    "platform": Field(shape=texts(_GLOB), about="The platform of the run."),
    "label": Field(shape=texts(_GLOB), about="A label of the pull request."),
    "schedule": Field(
        shape=_NAME,
        about="A cron expression or @daily.",
        later="the rule holds for what any schedule starts; times are said in the job's `triggers.schedule`",
    ),
    "matrix": Field(shape=Table(names=_AXIS, values=texts(_GLOB), least=1), about="The matrix point of the run."),
}
_RULE = Table(expected="a mapping such as {branch: main}", fields=_RULE_FIELDS, least=1)
_STAGE_RULE = Table(
    expected=_RULE.expected,
    fields=_RULE_FIELDS | {"status": Field(shape=_STATUS, about="Run after success (default), failure, or always.")},
    least=1,
)


def _when(rule: Table) -> Either:
    return Either(expected="a rule or a list of rules", table=rule, items=Items(item=rule, most=32))


_FILES = Either(
    expected="a path, a list of paths, or a mapping with `paths`",
    text=_PATH,
    items=Items(item=_PATH),
    table=Table(
        fields={
            "paths": Field(shape=texts(_PATH), about="Globs relative to the workspace."),
            "keep": Field(shape=_DURATION, about="How long to keep them."),
            "status": Field(shape=_STATUS, about="Keep them after success (default), failure, or always."),
        },
        required=("paths",),
    ),
)
_NETWORK = Field(shape=_FLAG, about="`false`: no network. `true` asks for no more than the builder allows.")
_LIMITS = Table(
    expected="a mapping such as {memory: 2GiB, pids: 500, cpu: 2}",
    fields={
        "memory": Field(shape=Text(expected="a size such as 512MiB or 2GiB", pattern=SIZE), about="Of all processes."),
        "pids": Field(
            shape=Text(expected="a number of processes from 1 to 999999", pattern=r"[1-9][0-9]{0,5}"),
            about="Processes and threads at a time.",
        ),
        "cpu": Field(
            shape=Text(
                expected="a number of processors such as 2 or 0.5", pattern=r"(?=.*[1-9])[0-9]{1,4}(\.[0-9]{1,2})?"
            ),
            about="Processors.",
        ),
        "disk": Field(shape=Text(expected="a size such as 512MiB or 2GiB", pattern=SIZE), about="Of all its files."),
    },
    least=1,
)
_REFERENCE = Text(
    expected="an image such as debian:12 or ghcr.io/owner/name@sha256:…",
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*(?::[0-9]{1,5}(?=/))?(?:/[A-Za-z0-9._-]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    most=300,
)
_IMAGE = Field(shape=_REFERENCE, about="Container image that stages run in; its /bin/sh starts them.")
_CACHE = Table(
    expected="a mapping with `paths`",
    fields={
        "paths": Field(shape=texts(_PATH), about="Files and folders of the workspace, or below the home as ~/…"),
        "key": Field(shape=_NAME, about="A name that tells this cache from others of the same paths."),
        "files": Field(shape=texts(_PATH), about="Files whose content makes a new cache, such as lock files."),
    },
    required=("paths",),
)
_CACHES = Either(expected="a mapping with `paths`, or a list of such", table=_CACHE, items=Items(item=_CACHE, most=16))
_STAGE = Table(
    expected="a command, or a mapping with `run`",
    fields={
        "run": Field(shape=texts(_SCRIPT, most=500), about="The command; a list is joined with newlines."),
        "kind": Field(shape=Text(expected=", ".join(STAGE_KINDS), choices=STAGE_KINDS), about="What the stage is for."),
        "shell": Field(
            shape=Text(expected="sh, bash, pwsh, cmd or python", choices=("sh", "bash", "pwsh", "cmd", "python"))
        ),
        "dir": Field(shape=_PATH, about="The folder to run in."),
        "image": _IMAGE,
        "env": Field(shape=_ENV),
        "secrets": Field(shape=texts(_VARIABLE), about="Names only. Never given to builds of forks."),
        "when": Field(
            shape=_when(_STAGE_RULE), about="Keys of a rule must all hold, one rule of a list; `!glob` excludes."
        ),
        "timeout": Field(shape=_DURATION, about="Longest time the stage may take."),
        "idle_timeout": Field(shape=_DURATION, about="Longest time without output."),
        "retry": Field(
            shape=Text(expected="0, 1, 2 or 3", choices=("0", "1", "2", "3")), about="Tries after a failure."
        ),
        "allow_failure": Field(shape=_FLAG, about="The run goes on and may still succeed."),
        "once": Field(shape=_FLAG, about="Run in one of the runs only."),
        "artifacts": Field(shape=_FILES, about="Files to keep."),
        "cache": Field(shape=_CACHES, about="Folders to keep for the next builds that have the stage."),
        "network": _NETWORK,
        "reports": Field(shape=texts(_PATH), about="JUnit or TAP files to read test results from."),
    },
    required=("run",),
)
_SERVICE_NAME = Text(
    expected="a service's name (a small letter, then up to 62 small letters, digits or -; not localhost)",
    pattern=r"(?!localhost$)[a-z][a-z0-9-]{0,62}",
)
_SERVICE_FIELDS = {
    "image": Field(shape=_REFERENCE, about="Container image."),
    "env": Field(shape=_ENV),
    "command": Field(shape=_SCRIPT, about="What to run instead of the image's own command, by its /bin/sh."),
    "ready": Field(shape=_SCRIPT, about="Run inside by its /bin/sh until it succeeds; then the stages begin."),
    "ready_timeout": Field(shape=_DURATION, about="How long that may take; 60s without it."),
}
_SERVICE = Table(expected="an image, or a mapping with `image`", fields=_SERVICE_FIELDS, required=("image",))
_NAMED_SERVICE = Table(
    expected="a mapping with `name` and `image`",
    fields={"name": Field(shape=_SERVICE_NAME, about="Stages reach it under this name."), **_SERVICE_FIELDS},
    required=("name", "image"),
)
_STAGES = Items(
    item=Table(
        expected="one stage, such as `test: make check`",
        names=_STAGE_NAME,
        values=Either(expected=_STAGE.expected, text=_SCRIPT, table=_STAGE),
        least=1,
        most=1,
        surplus="a stage is one name: split this item",
    ),
    expected="a list of stages, such as `- test: make check`",
    most=MAX_STAGES,
    distinct=True,
)

FORMAT = Table(
    expected="a mapping with `stages`",
    fields={
        "version": Field(shape=Text(expected="1", choices=("1",)), about="Version of the format; may be left out."),
        "name": Field(shape=_NAME, about="A name for people."),
        "when": Field(
            shape=_when(_RULE), about="When to build; without it every push, tag, pull request and manual start."
        ),
        "platforms": Field(
            shape=texts(_PLATFORM), about="One run on each; names or globs of platforms that the hub knows."
        ),
        "labels": Field(shape=_LABELS, about="Only builders that have all of these labels take the runs."),
        "matrix": Field(shape=_MATRIX, about="One run for each combination; values come as MATRIX_<AXIS>."),
        "image": _IMAGE,
        "requires": Field(
            shape=Table(
                fields={"cpu": Field(shape=_NAME), "memory": Field(shape=_NAME), "labels": Field(shape=texts(_NAME))}
            ),
            about="What a builder must have.",
            later="any builder of the platform may take the run; `labels` of the file are kept to",
        ),
        "env": Field(shape=_ENV, about="Variables of all stages."),
        "secrets": Field(shape=texts(_VARIABLE), about="Names only. Never given to builds of forks."),
        "services": Field(
            shape=Either(
                expected="a mapping of names to images or mappings with `image`, or a list of such mappings",
                table=Table(
                    names=_SERVICE_NAME,
                    values=Either(expected=_SERVICE.expected, text=_REFERENCE, table=_SERVICE),
                    least=1,
                    most=MAX_SERVICES,
                ),
                items=Items(item=_NAMED_SERVICE, most=MAX_SERVICES),
            ),
            about="Containers beside the stages that run in containers.",
        ),
        "cache": Field(shape=_CACHES, about="Folders to keep for the next builds of the repository."),
        "timeout": Field(shape=_DURATION, about="Longest time of a whole run."),
        "network": _NETWORK,
        "limits": Field(
            shape=_LIMITS, about="How much of the builder the run may use; never more than the builder allows."
        ),
        "cancel": Field(
            shape=Text(expected="superseded or never", choices=("superseded", "never")),
            about="Whether a newer commit of a pull request ends the build of an older one.",
            later="builds of older commits run to their end",
        ),
        "notify": Field(
            shape=Table(
                fields={
                    "irc": Field(shape=texts(_NAME)),
                    "email": Field(shape=texts(_NAME)),
                    "webhook": Field(shape=texts(_NAME)),
                    "events": Field(shape=texts(_NOTICE)),
                }
            ),
            about="Whom to tell.",
            later="nobody is told beside the commit status",
        ),
        "stages": Field(shape=_STAGES, about="Run in this order; the first that fails ends the rest."),
    },
    required=("stages",),
)
"""The whole file."""
