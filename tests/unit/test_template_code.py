"""What templates compile to is kept, and believed only when it is whole and of just that source."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from hubwright.web.pages.frame import compile_templates, make_templates
from hubwright.web.template_code import KeptCode, find_folder


def _show(folder: Path, source: str) -> tuple[str, int]:
    """What the template says, and how many were compiled for it."""
    compiled = 0

    class Counting(Environment):
        def _compile(self, source: str, filename: str) -> object:  # type: ignore[override]
            nonlocal compiled
            compiled += 1
            return super()._compile(source, filename)

    templates = Counting(loader=DictLoader({"page": source}), bytecode_cache=KeptCode(folder))
    return templates.get_template("page").render(name="Ada"), compiled


@pytest.fixture(autouse=True)
def _writing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def test_a_template_is_compiled_once_for_all_processes(tmp_path: Path) -> None:
    """A new environment, as the next process has one, reads what the first has kept; another source is another's."""
    assert _show(tmp_path / "made", "Hello {{ name }}") == ("Hello Ada", 1)
    assert _show(tmp_path / "made", "Hello {{ name }}") == ("Hello Ada", 0)
    assert _show(tmp_path / "made", "Goodbye {{ name }}") == ("Goodbye Ada", 1)


@pytest.mark.parametrize(
    "damage", [lambda kept: kept[:-1], lambda kept: kept[:7], lambda _: b"", lambda kept: kept[:40] + b"x" + kept[41:]]
)
def test_what_is_damaged_is_compiled_anew(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """A machine that lost its power leaves anything behind; no page may fail of it, and the file is whole again."""
    _show(tmp_path, "Hello {{ name }}")
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))

    assert _show(tmp_path, "Hello {{ name }}") == ("Hello Ada", 1)
    assert _show(tmp_path, "Hello {{ name }}") == ("Hello Ada", 0)


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    """Programs lie where their users may not write; a file in the folder's place refuses root too."""
    (tmp_path / "file").write_text("")

    assert _show(tmp_path / "file", "Hello {{ name }}") == ("Hello Ada", 1)
    assert _show(tmp_path / "file", "Hello {{ name }}") == ("Hello Ada", 1)


def test_nothing_is_written_where_python_may_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHONDONTWRITEBYTECODE holds for templates too."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    _show(tmp_path, "Hello {{ name }}")

    assert list(tmp_path.iterdir()) == []


def test_all_are_compiled_beforehand_where_python_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As images do it, whose hubs may not write beside their modules."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    compile_templates()

    assert find_folder().is_relative_to(tmp_path)
    assert len(list(find_folder().iterdir())) == len(make_templates(tmp_path / "other").list_templates())


def test_no_filter_of_ours_runs_while_a_template_is_compiled(tmp_path: Path) -> None:
    """Jinja does so with constants. What is kept would say what the filter said before it was changed."""
    templates = make_templates(tmp_path)
    ours = [name for name, kept in templates.filters.items() if kept.__module__.startswith("hubwright.")]
    ran: list[str] = []
    for name in ours:
        templates.filters[name] = lambda *_, name=name: ran.append(name)
    for name in templates.list_templates():
        templates.get_template(name)

    assert len(ours) > 10
    assert ran == []
