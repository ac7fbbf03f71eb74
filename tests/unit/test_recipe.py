"""Build files: what they mean, how they are refused, and that nothing hostile gets through."""

from __future__ import annotations

from textwrap import dedent

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cpu_time import costs_less_than
from hubwright.domain.recipe import inspect_recipe, read_recipe
from hubwright.domain.recipe_format import MAX_BYTES
from hubwright.domain.recipe_values import Files, Matrix, Recipe, Rule, Service, Stage
from hubwright.errors import RecipeError
from recipe_samples import BAD, FULL, SMALLEST


def problems(text: str | bytes) -> list[tuple[int, int, str]]:
    with pytest.raises(RecipeError) as caught:
        read_recipe(text)
    return caught.value.problems


def stages(text: str) -> tuple[Stage, ...]:
    return read_recipe("stages:\n" + dedent(text)).stages


def test_the_smallest_file_is_one_stage() -> None:
    assert read_recipe(SMALLEST) == Recipe(stages=(Stage(name="test", run="make check"),))


def test_the_full_file_means_what_it_says() -> None:
    """ux.md §3.2: each key of the example reaches the values."""
    recipe = read_recipe(FULL, "ci.yml")

    assert recipe.when[1] == Rule(event=("push",), branch=("main", "release/*"))
    assert recipe.platforms == ("debian-13", "freebsd-15", "macos-15", "windows-2025")
    exclude = ({"platform": "windows-2025", "python": "3.11"},)
    assert recipe.matrix == Matrix(axes={"python": ("3.11", "3.14")}, exclude=exclude)
    assert (recipe.env, recipe.timeout, recipe.origin) == ({"PYTHONUNBUFFERED": "1"}, 2700, "ci.yml")
    lint, test, package, publish, diagnose = recipe.stages
    assert lint == Stage(name="lint", run="uv run ruff check", image="python:3.14")
    db = Service(name="db", image="postgres:17", env={"POSTGRES_PASSWORD": "ci"}, ready="pg_isready")
    assert (recipe.services, recipe.labels) == ((db,), ("container",))
    assert (test.reports, test.timeout, test.retry) == (("out/*.xml",), 1200, 1)
    assert package.artifacts == Files(paths=("dist/*",), keep=30 * 86_400)
    assert publish.when == (Rule(event=("tag",), platform=("debian-13",), matrix={"python": ("3.14",)}),)
    assert publish.secrets == ("PYPI_TOKEN",)
    assert diagnose.when == (Rule(status="failure"),)
    assert diagnose.artifacts == Files(paths=("cores/**",), keep=7 * 86_400, status="always")


def test_keys_of_later_versions_are_told_and_not_passed_over() -> None:
    """A key that silently does nothing is the worst of both worlds (ux.md §3.2, rule 4)."""
    recipe, notices = inspect_recipe(FULL)

    assert [line for line, _, _ in notices] == [20]
    assert (
        recipe.warnings[0]
        == ".hubwright.yml:20: `notify` is not carried out yet: nobody is told beside the commit status"
    )


@pytest.mark.parametrize("key", ["requires: {cpu: 2}", "cancel: never", "when: {schedule: '@daily'}"])
def test_each_such_key_has_its_warning(key: str) -> None:
    assert len(read_recipe(f"{key}\n{SMALLEST}").warnings) == 1


def test_a_rule_with_a_schedule_never_holds_for_a_push() -> None:
    """Without its one key the rule would hold for everything."""
    recipe = read_recipe("when: {schedule: '@daily'}\n" + SMALLEST)

    assert recipe.when == (Rule(event=("schedule",)),)
    assert recipe.warnings


def test_scalars_stay_the_text_that_was_written() -> None:
    recipe = read_recipe("env: {A: 3.10, B: no, C: 0x1F, D: 1_000, E: 2026-01-01, F: ~, G: , H: ' x '}\n" + SMALLEST)

    assert recipe.env == {
        "A": "3.10",
        "B": "no",
        "C": "0x1F",
        "D": "1_000",
        "E": "2026-01-01",
        "F": "~",
        "G": "",
        "H": " x ",
    }


def test_a_command_may_look_like_a_flag_or_number() -> None:
    assert [stage.run for stage in stages("- a: true\n- b: 42\n- c: {run: [true, false]}")] == [
        "true",
        "42",
        "true\nfalse",
    ]


def test_flags_and_counts_become_values() -> None:
    (stage,) = stages("- a: {run: x, once: true, allow_failure: 'true', retry: 3, kind: docs, shell: bash, dir: a/b}")

    assert (stage.once, stage.allow_failure, stage.retry) == (True, True, 3)
    assert (stage.kind, stage.shell, stage.dir) == ("docs", "bash", "a/b")


@pytest.mark.parametrize(("written", "seconds"), [("90s", 90), ("20m", 1200), ("2h", 7200), ("1d", 86_400)])
def test_durations_are_seconds(written: str, seconds: int) -> None:
    assert read_recipe(f"timeout: {written}\n{SMALLEST}").timeout == seconds


def test_one_value_stands_for_a_list_of_one() -> None:
    recipe = read_recipe("platforms: debian-13\nsecrets: TOKEN\n" + SMALLEST)

    assert (recipe.platforms, recipe.secrets) == (("debian-13",), ("TOKEN",))


def test_json_is_accepted() -> None:
    assert read_recipe('{"stages": [{"test": "make check"}]}') == read_recipe(SMALLEST)


def test_bytes_windows_line_ends_and_a_byte_order_mark_are_accepted() -> None:
    assert read_recipe(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode()) == read_recipe(SMALLEST)


def test_anchors_may_be_used_within_bounds() -> None:
    recipe = read_recipe("env: &e {A: 1}\nstages:\n- a: {run: x, env: *e}\n- b: {run: x, env: *e}")

    assert [stage.env for stage in recipe.stages] == [{"A": "1"}, {"A": "1"}]


def test_all_problems_are_told_in_the_order_of_the_file() -> None:
    text = dedent("""\
        platform: debian-13
        stages:
          - test:
              command: make
              timeout: 20
              allow_failure: yes
          - a: x
            b: y
          - Test: y
          - z: {run: x, dir: ../x, kind: tst}
        env: {A B: 1}
        env: {}
        """)

    assert problems(text) == [
        (1, 1, "unknown key 'platform' in the file, did you mean 'platforms'?"),
        (4, 7, "unknown key 'command' in `test`, did you mean 'run'?"),
        (4, 7, "`test` must have the key `run`"),
        (5, 16, "`timeout` must be a duration such as 90s, 20m, 2h or 1d, not '20'"),
        (6, 22, "`allow_failure` must be true or false, not 'yes'"),
        (7, 5, "a stage is one name: split this item"),
        (9, 5, "the name 'Test' is taken: it is on line 3 too"),
        (10, 22, "`dir` must be a path inside the workspace (relative, no `..`), not '../x'"),
        (10, 34, "`kind` must be build, test, csources, docs, installer, package, not 'tst', did you mean 'test'?"),
        (11, 7, "'A B' in `env` is not a variable's name (letters, digits and _)"),
        (12, 1, "the key 'env' is given twice"),
    ]


def test_the_error_reads_as_file_line_column_message() -> None:
    with pytest.raises(RecipeError, match=r"^ci\.yml:1:1: unknown key 'stage' in the file, did you mean 'stages'\?"):
        read_recipe("stage: []", "ci.yml")


@pytest.mark.parametrize(("text", "place", "words"), BAD)
def test_bad_files_are_refused_at_their_place(text: str, place: tuple[int, int], words: str) -> None:
    line, column, message = problems(text)[0]

    assert (line, column) == place
    assert words in message


_LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(10)
)
_AXIS = "[" + ",".join(str(i) for i in range(64)) + "]"
BOMBS = {
    "deep lists": ("[" * 130_000, "too deep"),
    "deep maps": ("{a: " * 60_000, "too deep"),
    "deep JSON": ('{"stages":' + "[" * 10_000 + "]" * 10_000 + "}", "too deep"),
    "deep blocks": ("".join(" " * i + "a:\n" for i in range(700)), "too deep"),
    "dashes": ("- " * 130_000, "too deep"),
    "question marks": ("? " * 130_000, "too deep"),
    "billion laughs": (_LAUGHS, "too many values"),
    "anchor of itself": ("&a [*a]", "no complete anchor"),
    "many values": ("[" + "x," * 100_000 + "]", "too many values"),
    "python object": ("stages: !!python/object/apply:os.system [id]", "tags"),
    "own tag": ("stages: !x []", "tags"),
    "str tag": ("stages: [a: !!str x]", "tags"),
    "two documents": (f"{SMALLEST}---\n{SMALLEST}", "one document"),
    "empty": ("", "empty"),
    "comment only": ("# nothing", "empty"),
    "list": ("- test: x", "mapping with `stages`"),
    "text": ("make check", "mapping with `stages`"),
    "tab": ("stages:\n\t- test: x", "a tab"),
    "NUL": ("stages: [a: x\0]", "U+0000"),
    "escaped NUL": ('stages: [a: "x\\0"]', "no variable or command"),
    "terminal escape": ("stages: [a: \x1b[31m]", "U+001B"),
    "lone surrogate": ("stages: [a: \ud800]", "U+D800"),
    "not UTF-8": (b"stages:\n- a: \xff", "not UTF-8"),
    "UTF-16": (SMALLEST.encode("utf-16"), "not UTF-8"),
    "too large": ("#" * (MAX_BYTES + 1), "too large"),
    "too large in UTF-8": ("#" + "é" * (MAX_BYTES // 2), "too large"),
    "too many stages": ("stages:\n" + "".join(f"- s{i}: x\n" for i in range(201)), "1 to 200 items"),
    "matrix": (f"matrix: {{a: {_AXIS}, b: {_AXIS}, c: {_AXIS}}}\n{SMALLEST}", "262144 runs"),
    "matrix and platforms": (f"platforms: [a, b, c, d, e]\nmatrix: {{a: {_AXIS}}}\n{SMALLEST}", "320 runs"),
    "stages of all runs": (
        f"matrix: {{a: {_AXIS}}}\nstages:\n" + "".join(f"- s{i}: x\n" for i in range(200)),
        "64 runs of 200 stages",
    ),
    "huge version": (f"%YAML {'9' * 5000}.1\n---\n{SMALLEST}", "not valid YAML"),
    "impossible character": ('stages: [a: "\\UFFFFFFFF"]', "not valid YAML"),
    "complex key": (f"? [a]\n: b\n{SMALLEST}", "plain text"),
    "unterminated": ('stages: ["', "not valid YAML"),
}


@pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "pure"])
@pytest.mark.parametrize("name", BOMBS)
def test_recipe_bombs_are_refused_at_once(name: str, pure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """S16: every one is a clear problem with a place, in well under a second, with libyaml and without it."""
    text, words = BOMBS[name]
    if pure:
        monkeypatch.setattr("hubwright.domain.recipe_nodes._LOADER", yaml.SafeLoader)
    with costs_less_than(5):
        line, column, message = problems(text)[0 if name != "complex key" else -1]

    assert words in message
    assert line >= 1
    assert column >= 1


_YAMLISH = st.text(st.sampled_from("stages: -\n\t{}[]&*!|>'\"%#?,@`~xy12\0é\ud800"), max_size=200)


@settings(max_examples=300, deadline=None)  # what hostile recipes cost of the processor is asserted above
@given(st.one_of(_YAMLISH, st.text(max_size=200), st.binary(max_size=200), _YAMLISH.map(lambda tail: SMALLEST + tail)))
def test_any_text_is_a_recipe_or_a_recipe_error(text: str | bytes) -> None:
    """Whatever a repository holds, nothing but RecipeError comes out, and every problem has a place and a sentence."""
    found: list[tuple[int, int, str]] = []
    try:
        assert read_recipe(text).stages
    except RecipeError as error:
        found = error.problems or [(0, 0, "")]

    assert all(line >= 1 and column >= 1 and message for line, column, message in found)
    assert found == sorted(found, key=lambda problem: problem[:2])


def test_services_are_a_mapping_or_a_list_and_need_an_image() -> None:
    """Only containers reach containers; a name is an address and so there once."""
    services = "services: [{name: db, image: redis, command: redis-server, ready: redis-cli ping, ready_timeout: 2m}]\n"
    recipe = read_recipe(services + "stages: [a: {run: x, image: debian}, b: y]")
    assert recipe.services == (
        Service(name="db", image="redis", command="redis-server", ready="redis-cli ping", ready_timeout=120),
    )
    assert [stage.image for stage in recipe.stages] == ["debian", None]
    assert recipe.labels == ("container",)
    with pytest.raises(RecipeError, match="1:11: `services` are reached only by stages that run in containers"):
        read_recipe(services + SMALLEST)
    with pytest.raises(RecipeError, match="two services have the same name"):
        read_recipe("services: [{name: a, image: b}, {name: a, image: b}]\nimage: a\n" + SMALLEST)
