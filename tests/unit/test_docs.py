"""Documentation in step with the code: settings, commands, layers, errors, decisions and links."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import hubwright.errors
from command_words import commands_in, find_mistake
from documented_commands import LANGUAGES, OTHERS, all_blocks, languages_of, name_of
from documented_commands import PAGES as COMMAND_PAGES
from hubwright.cli import COMMANDS, load_command, program
from hubwright.config.sources import KINDS
from hubwright.web.pages.manual import MANUAL

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "hubwright"
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
MOST_ONLY_CHECKED = 13
DERIVED = {
    "data_dir", "public_url", "database_url", "storage_url", "anonymous_read", "slots", "git.allow_protocols",
    "builds.default_platform", "github.owners",
}  # fmt: skip


def rows(text: str) -> dict[str, tuple[str, ...]]:
    """The rows of every table, by their first cell without backticks."""
    found = re.findall(r"^\| (?!-)(.+) \|$", text, re.MULTILINE)
    cells = [tuple(cell.strip() for cell in row.split(" | ")) for row in found]
    return {first.strip("`"): tuple(rest) for first, *rest in cells}


def written(default: object) -> str:
    if default is None:
        return "not set"
    if isinstance(default, tuple):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


@pytest.mark.parametrize("name", KINDS)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    """A setting that nobody can find does not exist; a wrong default is worse."""
    row = rows(SETTINGS).get(KINDS[name].variable.removeprefix("HUBWRIGHT_"))

    assert row is not None
    assert row[1].endswith(".")
    if name not in DERIVED:
        assert row[0] == written(KINDS[name].default)


def test_no_setting_is_documented_that_is_none() -> None:
    """A page that promises a setting which was removed misleads."""
    known = {kind.variable.removeprefix("HUBWRIGHT_") for kind in KINDS.values()}
    documented = {name for name in rows(SETTINGS) if re.fullmatch("[A-Z_]+", name) and not name.startswith("HUBWRIGHT")}

    assert documented == known


def read_settings() -> set[str]:
    """The settings that living objects are made from, as `section.name`; `kept = settings.retention` is followed."""
    found: set[str] = set()
    for path in (*(SOURCE / "wiring").rglob("*.py"), *(SOURCE / "config").rglob("*.py")):
        text = path.read_text()
        for alias, section in re.findall(r"(\w+) = (?:\w+\.)*_?settings\.(\w+)$", text, re.MULTILINE):
            text = re.sub(rf"\b{alias}\.", f"{section}.", text)
        found |= {
            name for name in KINDS if re.search(rf"\b{re.escape(name if '.' in name else f'settings.{name}')}\b", text)
        }
    return found


def test_settings_that_nothing_acts_on_are_named_as_such() -> None:
    """Only what the wiring reads may be promised to do something."""
    later = rows(SETTINGS.partition("## For later")[2].partition("\n## ")[0])

    assert {KINDS[name].variable.removeprefix("HUBWRIGHT_") for name in set(KINDS) - read_settings()} == set(later) - {
        "setting"
    }


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command of the program with its whole name, groups left out."""
    for name, entry in COMMANDS.items():
        found = load_command(name, entry)
        if isinstance(found, click.Group):
            context = click.Context(found)
            for inner in found.list_commands(context):
                command = found.get_command(context, inner)
                assert command is not None
                yield f"{name} {inner}", command
        else:
            yield name, found


def sections() -> dict[str, str]:
    """The parts of docs/cli.md by their heading, `hubwright NAME …` or `NAME`."""
    parts = re.split(r"^### `hubwright (.+?)`$", (ROOT / "docs" / "cli.md").read_text(), flags=re.MULTILINE)
    heads = [re.split(r" (?=[A-Z\[-])", head)[0] for head in parts[1::2]]
    return dict(zip(heads, parts[2::2], strict=True))


def test_every_command_is_documented_and_no_other() -> None:
    """docs/cli.md is what people search before they type --help."""
    assert set(sections()) == {name for name, _ in commands()}


def test_the_readme_names_every_command() -> None:
    """Its table is what people see of the program before they have it."""
    table = (ROOT / "README.md").read_text().partition("## Commands")[2].partition("\n## ")[0]
    told = [
        name for names in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for name in re.findall(r"`(.+?)`", names)
    ]

    assert sorted(name.removeprefix("hubwright ") for name in told) == sorted(COMMANDS)


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_option_is_documented(name: str) -> None:
    """Also the reverse: an option that is told of exists."""
    command = dict(commands())[name]
    options = {
        flag
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for flag in (*parameter.opts, *parameter.secondary_opts)
        if flag.startswith("--")
    }
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", sections()[name]))

    assert told == options


def test_the_list_of_commands_says_what_each_commands_help_says() -> None:
    """The table of commands exists so that --help loads none of them."""
    shown = CliRunner().invoke(program, ["--help"]).output

    for name, entry in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(entry.help)}$", shown, re.MULTILINE)
        assert load_command(name, entry).name == name


def test_the_table_of_layers_is_the_one_that_is_checked() -> None:
    """ARCHITECTURE.md must not tell another order than import-linter holds."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    table = (ROOT / "ARCHITECTURE.md").read_text().partition("## Packages")[2].partition("\n## ")[0]
    told = [re.findall(r"`(\w+)`", first) for first in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)]

    assert told == [layer.split(" | ") for layer in layers]


def test_every_package_is_in_the_table_of_layers() -> None:
    """A new package needs a place and a sentence."""
    table = (ROOT / "ARCHITECTURE.md").read_text()

    for path in SOURCE.iterdir():
        if path.suffix == ".py" or (path / "__init__.py").exists():
            assert path.stem == "__init__" or f"`{path.stem}`" in table, path


def test_every_module_that_the_architecture_names_is_there() -> None:
    """The walks are told module by module: who looks one up must find it where the page says."""
    for name in re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", (ROOT / "ARCHITECTURE.md").read_text()):
        *packages, last = name.split(".")
        if (SOURCE / packages[0]).is_dir():
            inside = SOURCE.joinpath(*packages)
            module = inside / f"{last}.py"
            named = inside.with_suffix(".py")
            assert (
                module.exists()
                or (inside / last).is_dir()
                or (named.exists() and re.search(rf"^(class|def) {last}\b", named.read_text(), re.MULTILINE))
            ), name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    """A promise that points to its proof is worth no more than the pointer."""
    for file, name in re.findall(r"\b((?:tests|bench)/[\w/]+\.py)(?:::(test_\w+))?", page.read_text()):
        assert (ROOT / file).exists(), file
        assert not name or re.search(rf"^ *(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), name


def test_the_tree_of_errors_is_drawn_whole() -> None:
    """errors.py draws its classes at the top; the drawing must not grow old."""
    drawn = re.findall(r"\w+Error\b", hubwright.errors.__doc__ or "")
    defined = re.findall(r"^class (\w+Error)\b", (SOURCE / "errors.py").read_text(), re.MULTILINE)

    assert sorted(drawn) == sorted(defined)


def test_every_reporter_says_what_it_promises() -> None:
    """Order, at least once, and why a repeat harms nobody: a reporter without these is not finished."""
    named = [
        re.findall(r'^    name = "(\w+)"$', path.read_text(), re.MULTILINE) for path in SOURCE.rglob("reports/*.py")
    ]
    table = (ROOT / "docs" / "reporters.md").read_text().partition("## Every reporter")[2].partition("\n## ")[0]

    assert sorted(name for names in named for name in names) == sorted(
        name for name in rows(table) if name != "reporter"
    )


def test_decisions_are_numbered_without_a_gap() -> None:
    """They are cited by number."""
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Links inside the repository are files that exist, with the headings they name."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        found = (page.parent / path) if path else page
        assert found.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}
            assert heading in slugs, target


def test_every_page_has_its_place_in_the_site() -> None:
    """docs/index.md lists what is there, each once: what nobody finds was written in vain."""
    trees = re.findall(
        r"^```\{toctree\}\n(.*?)^```", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE | re.DOTALL
    )
    listed = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    pages = {path.stem for path in ROOT.glob("docs/*.md")} - {"index"}

    assert sorted(name for name in listed if not name.startswith("../")) == sorted(pages)


def test_the_help_page_leads_to_pages_by_their_titles() -> None:
    """A link of the hub that leads nowhere is found by no check of the documentation itself."""
    for _, pages in MANUAL:
        for name, title in pages:
            assert (ROOT / "docs" / f"{name}.md").read_text().startswith(f"# {title}\n"), name


def test_the_readme_gets_to_a_green_build_in_ten_lines() -> None:
    """One sentence, one picture, ten lines: what the README promises to newcomers."""
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"```sh\n(.*?)```", readme, re.DOTALL)

    assert block is not None
    assert len(block[1].strip().splitlines()) <= 10
    assert "make up" in block[1]
    assert readme.index("![") < readme.index("```sh")


def test_every_command_of_the_documentation_is_proven() -> None:
    """Run by the walk over its page, or by the test it names; few are only looked at, each with its reason."""
    only_checked = []
    for block in all_blocks():
        where = f"{block.page}:{block.line}"
        if "run by" in block.notes:
            file, _, name = block.notes["run by"].partition("::")
            assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), where
        if "only checked" in block.notes:
            assert len(block.notes["only checked"].split()) > 2, f"{where}: why?"
            only_checked.append(where)

    assert len(only_checked) <= MOST_ONLY_CHECKED, only_checked


def test_what_is_not_run_is_looked_at() -> None:
    """The shell can read it; the program has its commands and options, the Makefile and the package what they name."""
    makefile = (ROOT / "Makefile").read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for block in all_blocks():
        where = f"{block.page}:{block.line}"
        for command in block.commands():
            read = subprocess.run(["bash", "-n"], input=command.text, capture_output=True, text=True, check=False)
            assert not read.stderr, (where, read.stderr)
        for line in commands_in(block.text):
            assert find_mistake(line) is None, (where, find_mistake(line))
        for target in re.findall(r"^(?:.*&& )?make (\w+)", block.text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), (where, target)
        for names in re.findall(r"hubwright\[([\w,]+)\]", block.text):
            assert set(names.split(",")) <= set(extras), (where, names)


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=name_of)
def test_every_command_in_a_sentence_exists(page: Path) -> None:
    """`hubwright …` between backticks is typed as well; blocks have a language, so that none is overlooked."""
    text = page.read_text()
    for shown in re.findall(r"`(hubwright [^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if shown.split()[1] not in {"/", "…"} and shown.split()[1].islower():
            assert find_mistake(shown) is None, find_mistake(shown)
    assert set(languages_of(text)) <= LANGUAGES | OTHERS
