"""Every command, one file a noun. A command's module is loaded when it is called, so that each starts quickly."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Sequence
from typing import NamedTuple

import click

from hubwright import __version__
from hubwright.cli.exits import Exit, exit_of_error
from hubwright.errors import HubwrightError


class Entry(NamedTuple):
    """Where a command is, its line in the list of commands, and the extra that has all it needs."""

    target: str
    help: str
    extra: str = "hub"


COMMANDS = {
    "up": Entry("hubwright.cli.hub:up", "Hub and one builder in one go, with a demo on first start."),
    "hub": Entry("hubwright.cli.hub:hub", "The hub alone."),
    "worker": Entry("hubwright.cli.worker:worker", "Do waiting work for the hubs (Celery)."),
    "beat": Entry("hubwright.cli.beat:beat", "Look for forgotten work from time to time (Celery)."),
    "irc": Entry("hubwright.cli.irc:irc", "The bot on IRC as a process of its own."),
    "builder": Entry("hubwright.cli.builder:builder", "An agent that takes builds from a hub."),
    "run": Entry("hubwright.cli.run:run", "Run the recipe of a working copy here."),
    "import": Entry("hubwright.cli.importing:import_file", "The build file of another system as a recipe."),
    "lint": Entry("hubwright.cli.lint:lint", "Check a recipe."),
    "register": Entry("hubwright.cli.jobs:register", "Build a repository."),
    "job": Entry("hubwright.cli.jobs:job", "List, show, change and build jobs."),
    "status": Entry("hubwright.cli.builds:status", "The newest builds, or one of them."),
    "queue": Entry("hubwright.cli.queue:queue", "What waits, why, and for how long."),
    "pause": Entry("hubwright.cli.pauses:pause", "Let nothing new start: of a job, on a platform, anywhere."),
    "resume": Entry("hubwright.cli.pauses:resume", "Let it start again."),
    "watch": Entry("hubwright.cli.watch:watch", "Follow a build to its end."),
    "problems": Entry("hubwright.cli.problems:problems", "What went wrong in a build, in one go."),
    "failures": Entry("hubwright.cli.known_failures:failures", "What failed before, and the issues about it."),
    "logs": Entry("hubwright.cli.logs:logs", "The log of a build."),
    "rerun": Entry("hubwright.cli.builds:rerun", "Build it again."),
    "approve": Entry("hubwright.cli.approve:approve", "Let what a fork brought be built."),
    "cancel": Entry("hubwright.cli.builds:cancel", "Stop a build."),
    "notify": Entry("hubwright.cli.notify:notify", "Say what somebody is told of when builds end."),
    "bisect": Entry("hubwright.cli.bisect:bisect", "Find the commit that broke it."),
    "artifacts": Entry("hubwright.cli.artifacts:artifacts", "List and get the files that a build kept."),
    "github": Entry("hubwright.cli.github:github", "Who the hub is to GitHub; its token."),
    "hook": Entry("hubwright.cli.hooks:hook", "Install, compare and remove webhooks at GitHub."),
    "replica": Entry("hubwright.cli.replica:replica", "Load GitHub's data, and see how it stands."),
    "sql": Entry("hubwright.cli.sql:sql", "Ask the database one SELECT."),
    "builders": Entry("hubwright.cli.builders:builders", "List, pause, drain and remove builders."),
    "token": Entry("hubwright.cli.tokens:token", "Make, list and revoke tokens."),
    "audit": Entry("hubwright.cli.audit:audit", "Show who changed what."),
    "secret": Entry("hubwright.cli.secret:secret", "Set, list, remove and rotate secrets of builds."),
    "db": Entry("hubwright.cli.db:db", "Look after the database."),
    "backup": Entry("hubwright.cli.backup:backup", "Copy all of this hub into a folder, while it runs."),
    "restore": Entry("hubwright.cli.backup:restore", "Make a hub of a backup."),
    "redis": Entry("hubwright.cli.redis_view:redis", "Look after what is kept in Redis."),
    "config": Entry("hubwright.cli.settings:config", "Show the settings and where they come from."),
    "mcp": Entry("hubwright.cli.mcp:mcp", "Serve coding agents over stdio (MCP).", "mcp"),
    "doctor": Entry("hubwright.cli.doctor:doctor", "Check this machine and say how to mend it."),
    "version": Entry("hubwright.cli.version:version", "The version of this program."),
}
"""Every command, in the order of the help."""


class Program(click.Group):
    """The group of all commands; knows them by name and loads one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the same
        """The command, loaded now; None when there is none of that name."""
        entry = COMMANDS.get(cmd_name)
        return load_command(cmd_name, entry) if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """What the arguments call; UsageError with a guess for an unknown name."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        """The list of commands, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def load_command(name: str, entry: Entry) -> click.Command:
    """Import a command. ClickException when a part of the program is not installed."""
    module, _, attribute = entry.target.partition(":")
    gc.disable()  # what is imported stays: looking through it for garbage is a tenth of the start
    try:
        loaded = importlib.import_module(module)  # noqa: TID251 - the one table of lazily loaded commands
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("hubwright"):
            raise
        raise click.ClickException(
            f"`hubwright {name}` needs {error.name}, which is not installed: pip install 'hubwright[{entry.extra}]'."
        ) from error
    finally:
        gc.freeze()
        gc.enable()
    command: click.Command = getattr(loaded, attribute)
    return command


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="hubwright %(version)s")
def program() -> None:
    """Hubwright: a self-hosted build server for GitHub.

    `hubwright up` starts everything; `hubwright doctor` checks this machine. Exit codes: 0 fine or passed, 1 error,
    2 usage, 3 cancelled, 4 not authenticated, 5 build failed, 6 infrastructure error or timeout, 8 still pending.
    """


def run_program(arguments: Sequence[str]) -> int:
    """Run one command. The exit code; an error has been told in one line on stderr."""
    try:
        outcome = program.main(list(arguments), prog_name="hubwright", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except HubwrightError as error:
        click.echo(f"Error: {error}", err=True)
        return exit_of_error(error)
    except OSError as error:
        click.echo(f"Error: {error}.", err=True)
        return Exit.ERROR
    return int(outcome) if isinstance(outcome, int) else Exit.OK
