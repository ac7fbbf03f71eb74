"""The format of a job's definition, described once; the reader checks by it, a JSON Schema can be made of it."""

from __future__ import annotations

from enum import StrEnum

from hubwright.domain.concurrency import Policy
from hubwright.domain.job_parameters import MAX_PARAMETERS, MAX_VALUE, Type
from hubwright.domain.jobs import Approval, Commits, RecipeSide
from hubwright.domain.recipe_format import FORMAT as RECIPE
from hubwright.domain.recipe_format import MAX_BYTES
from hubwright.domain.recipe_shapes import Either, Field, Items, Table, Text

MAX_SECONDS = 7 * 86_400
"""The longest time that a build may be given."""

_LINE = r"[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*"
_TITLE = Text(expected="a title on one line", pattern=_LINE, most=200)
_ANY = Text(expected="text", pattern=r"[\s\S]*", most=5000)
_FLAG = Text(expected="true or false", choices=("true", "false"))
_COUNT = Text(expected="a whole number from 1 to 9999", pattern=r"[1-9][0-9]{0,3}")
_NUMBER = Text(expected="a whole number from -100 to 100", pattern=r"0|-?[1-9][0-9]?|-?100")
_DURATION = Text(expected="seconds, or a duration such as 90s, 20m, 2h or 1d", pattern=r"[1-9][0-9]{0,6}[smhd]?")
_DAYS = Text(expected="days, such as 30 or 30d", pattern=r"[1-9][0-9]{0,4}d?")
_VARIABLE = Text(expected="a variable's name (letters, digits and _)", pattern=r"[A-Za-z_][A-Za-z0-9_]{0,99}", most=100)
_VALUE = Text(expected="text", pattern=r"[\s\S]*", most=MAX_VALUE)
_GLOB = Text(expected="a name or glob on one line", pattern=_LINE, most=200)
_PATH = Text(
    expected="a job's path such as team/app",
    pattern=r"(?!.*/builds$)[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){0,9}",
    most=300,
)
_BRANCH = Text(expected="a branch's name", pattern=r"[^\x00-\x20\x7f~^:?*\[\\]+", most=255)
_FILE = Text(
    expected="a path inside the repository (relative, no `..`)",
    pattern=r"(?![/\\]|[A-Za-z]:)(?!(?:.*[/\\])?\.\.(?:[/\\]|$))[^\x00-\x1f]+",
    most=500,
)
_SCRIPT = Text(expected="a command", most=MAX_BYTES)


def _words(kinds: type[StrEnum], *also: str) -> Text:
    values = [one.value for one in kinds]
    return Text(expected=f"{', '.join(values[:-1])} or {values[-1]}", choices=(*values, *also))


def _many(item: Text, most: int = 64) -> Either:
    """One text or a list of them, which may be empty: so nothing is inherited."""
    return Either(expected=f"{item.expected}, or a list", text=item, items=Items(item=item, least=0, most=most))


_COMMANDS = _many(_SCRIPT, most=50)
_ON = Text(expected="success, failure or always", choices=("success", "failure", "always"))

_GLOBS = Either(
    expected="true, false, or branches or tags by name or glob",
    text=_GLOB,
    items=Items(item=_GLOB, expected="a list of names or globs", least=0),
)
_SCHEDULE = Table(
    expected="a mapping with `cron`",
    fields={
        "cron": Field(shape=Text(expected="a cron expression", pattern=_LINE, most=100), about="`30 4 * * 1-5`."),
        "zone": Field(shape=Text(expected="a time zone", pattern=_LINE, most=60), about="UTC without it."),
        "branch": Field(shape=_BRANCH, about="What to build; the default branch without it."),
        "parameters": Field(shape=Table(expected="a mapping of parameters to values", names=_VARIABLE, values=_VALUE)),
    },
    required=("cron",),
)
_AFTER = Table(
    expected="a mapping with `job`",
    fields={"job": Field(shape=_PATH), "result": Field(shape=_ON, about="How it must have ended; success without it.")},
    required=("job",),
)
_TRIGGERS = Table(
    fields={
        "push": Field(shape=_GLOBS, about="Branches whose pushes are built; all of them without this."),
        "tag": Field(shape=_GLOBS, about="Tags whose pushes are built; all of them without this."),
        "pull_request": Field(shape=_GLOBS, about="Pull requests into these branches; into all without this."),
        "release": Field(shape=_GLOBS, about="Tags that are built when they are published as releases; none."),
        "schedule": Field(
            shape=Either(
                expected="a mapping with `cron`, a cron expression, or a list of these",
                text=Text(expected="a cron expression", pattern=_LINE, most=100),
                table=_SCHEDULE,
                items=Items(
                    item=Either(expected="a mapping with `cron`", text=_GLOB, table=_SCHEDULE), least=0, most=20
                ),
            )
        ),
        "after": Field(
            shape=Either(
                expected="a job's path, a mapping with `job`, or a list of these",
                text=_PATH,
                table=_AFTER,
                items=Items(item=Either(expected="a job's path", text=_PATH, table=_AFTER), least=0, most=20),
            ),
            about="Jobs after whose builds this one is built.",
        ),
        "poll": Field(
            shape=Text(expected="true, false, or a duration such as 10m", pattern=r"true|false|[1-9][0-9]{0,6}[smhd]?"),
            about="Whether and how often the repository is asked when no webhook tells of it.",
        ),
    }
)
_PARAMETER_FIELDS = {
    "title": Field(shape=_TITLE, about="What people are asked."),
    "type": Field(shape=_words(Type)),
    "required": Field(shape=_FLAG),
    "default": Field(shape=_VALUE, about="Never a secret: name those under `secrets`."),
    "allowed": Field(shape=_many(_VALUE, most=200), about="The only values that are taken."),
}
_PARAMETERS = Either(
    expected="a list of mappings with `name`",
    items=Items(
        item=Table(expected="a mapping with `name`", fields={"name": Field(shape=_VARIABLE), **_PARAMETER_FIELDS}),
        least=0,
        most=MAX_PARAMETERS,
    ),
    table=Table(names=_VARIABLE, values=Table(fields=_PARAMETER_FIELDS), most=MAX_PARAMETERS),
)
_RECIPE = Either(
    expected="a recipe's text, a path, or a mapping with `text`, `path`, `detect` or `stages`",
    text=_SCRIPT,
    table=Table(
        fields={
            "text": Field(shape=_SCRIPT, about="A whole recipe."),
            "path": Field(shape=_FILE, about="Where it is in the repository."),
            "detect": Field(shape=Text(expected="true", choices=("true",)), about="Guess it by the files."),
            **RECIPE.fields,
        }
    ),
)
_STEP = Table(
    expected="a mapping with `command`",
    fields={
        "title": Field(shape=_TITLE),
        "command": Field(shape=_SCRIPT),
        "ignoreExitCode": Field(shape=_FLAG),
    },
    required=("command",),
)
_HOOKS = {
    "on_start": Field(shape=_COMMANDS, about="Run before all else; whether they fail makes no difference."),
    "on_success": Field(shape=_COMMANDS, about="Run last, when nothing failed."),
    "on_failure": Field(shape=_COMMANDS, about="Run last, when something failed."),
}
_STAGES = Items(
    item=Table(
        expected="a mapping with `title` and `steps`",
        fields={"title": Field(shape=_TITLE), "steps": Field(shape=Items(item=_STEP)), **_HOOKS},
        required=("title", "steps"),
    ),
    expected="a list of stages with `title` and `steps`; those of a recipe go under `recipe`",
)
_RETENTION = Table(
    fields={
        "builds": Field(shape=_DAYS, about="How long builds are kept."),
        "logs": Field(shape=_DAYS, about="How long logs are kept."),
        "artifacts": Field(shape=_DAYS, about="How long artifacts are kept."),
        "keep": Field(shape=_COUNT, about="So many of the newest builds are kept, however old."),
        "archive": Field(shape=_DAYS, about="After which a copy goes whose branch or pull request is gone."),
    }
)
_CONCURRENCY = Either(
    expected="a limit, or a mapping with `group`, `limit`, `policy`",
    text=_COUNT,
    table=Table(
        fields={
            "group": Field(shape=_TITLE, about="Shared by all jobs that name it; without it, of the job alone."),
            "limit": Field(shape=_COUNT, about="So many go on at a time."),
            "policy": Field(
                shape=_words(Policy, "cancel superseded", "cancel_superseded"),
                about="What a newer build of a branch or pull request does to older ones.",
            ),
        }
    ),
)

OWN_FIELDS = {
    "title": Field(shape=_TITLE, about="What people call it."),
    "description": Field(shape=_ANY),
    "repository": Field(
        shape=Text(expected="owner/name", pattern=r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}", most=201)
    ),
    "clone_url": Field(shape=Text(expected="an address", pattern=r"(?:ext::[^\x00-\x1f\x7f]+|[^\x00-\x20\x7f]+)")),
    "enabled": Field(shape=_FLAG, about="false: nothing but people starts builds."),
}
"""What a job is; folders have none of it."""

SHARED_FIELDS = {
    "default_branch": Field(shape=_BRANCH),
    "recipe": Field(shape=_RECIPE, about="Without it .hubwright.yml of the repository, else what is detected."),
    "stages": Field(shape=_STAGES, about="A recipe in the manner of Stampede's job files."),
    "checkout": Field(shape=_FLAG, about="false: stages run in an empty folder."),
    "parameters": Field(shape=_PARAMETERS, about="Asked when somebody starts a build, given to it as variables."),
    "environment": Field(
        shape=Table(names=_VARIABLE, values=Text(pattern=r"[\s\S]*", most=32_768), most=200), about="Variables."
    ),
    "secrets": Field(shape=_many(_VARIABLE), about="Names of the hub's secrets that every stage may have."),
    "platforms": Field(shape=_many(_GLOB), about="What recipes without platforms are run on."),
    "triggers": Field(shape=_TRIGGERS, about="What starts builds."),
    "commits": Field(shape=_words(Commits), about="Of a push."),
    "max_commits_per_push": Field(shape=_COUNT),
    "timeout": Field(shape=_DURATION, about="Longest time of a run."),
    "backfill": Field(shape=_FLAG, about="A platform that comes later builds the newest commit."),
    "approval": Field(shape=_words(Approval)),
    "untrusted_recipe": Field(shape=_words(RecipeSide)),
    "comment": Field(shape=_FLAG, about="Whether pull requests are commented."),
    "issue": Field(shape=_FLAG, about="Whether issues are opened."),
    "retention": Field(shape=_RETENTION),
    "notifications": Field(shape=RECIPE.fields["notify"].shape, about="Whom to tell what."),
    "priority": Field(shape=_NUMBER, about="Added to that of its builds; the higher goes first."),
    "concurrency": Field(shape=_CONCURRENCY, about="How many builds go on at a time."),
    "max_builds": Field(shape=_COUNT, about="So many builds of the job go on at a time, whatever its group."),
    "platform_limits": Field(
        shape=Table(names=_GLOB, values=_COUNT), about="So many runs of the job go on at a time on a platform."
    ),
    **_HOOKS,
}
"""What jobs have and folders may say for all below them."""

JOB = Table(expected="a mapping", fields={**OWN_FIELDS, **SHARED_FIELDS})
FOLDER = Table(expected="a mapping", fields=SHARED_FIELDS)

ALIASES = {
    "repo": "repository",
    "env": "environment",
    "onStart": "on_start",
    "onSuccess": "on_success",
    "onFailure": "on_failure",
    "notify": "notifications",
    "on": "triggers",
}
"""Other names of keys: shorter ones, and those of system 2's job files."""
