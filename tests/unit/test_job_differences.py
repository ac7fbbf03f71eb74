"""What two versions of a definition say differently."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.domain.job_differences import MAX_LINES, compare_definitions, write_differences
from hubwright.domain.pointers import read_pointer

WORDS = st.sampled_from(["a", "b/c", "~d"])
VALUES = st.one_of(st.booleans(), st.integers(0, 2), st.sampled_from(["", "x", "1"]), st.lists(WORDS, max_size=2))
PARAMETERS = st.lists(
    st.fixed_dictionaries({"name": WORDS}, optional={"title": WORDS}), max_size=3, unique_by=lambda one: one["name"]
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "timeout": VALUES,
        "title": VALUES,
        "recipe": st.sampled_from([{"path": "x"}, {"text": "a\nb"}, {"detect": True}]),
        "environment": st.dictionaries(WORDS, VALUES, max_size=3),
        "parameters": PARAMETERS,
    },
)


def in_place(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its parameters by name."""
    named = {one["name"]: {k: v for k, v in one.items() if k != "name"} for one in document.get("parameters", [])}
    return {**document, "parameters": named} if "parameters" in document else dict(document)


def change(document: dict[str, Any], pointer: str, after: Any) -> None:
    *path, last = read_pointer(pointer)
    inner = document
    for key in path:
        inner = inner[key]
    if pointer == "/parameters" and isinstance(after, list):
        after = in_place({"parameters": after})["parameters"] if after and isinstance(after[0], dict) else after
        if after and isinstance(after, list):  # only their order
            return
        after = after or {}
    if after is None:
        del inner[last]
    else:
        inner[last] = after


def test_each_place_that_changed_is_told() -> None:
    before = {
        "timeout": 60,
        "platforms": ["linux"],
        "environment": {"CC": "gcc", "A": "1"},
        "recipe": {"path": "x.yml"},
    }
    after = {"timeout": 60, "platforms": ["linux", "mac"], "environment": {"CC": "clang", "B": "2"}, "commits": "head"}

    found = [(one.pointer, one.kind, one.before, one.after) for one in compare_definitions(before, after)]

    assert found == [
        ("/platforms", "changed", ["linux"], ["linux", "mac"]),
        ("/environment/CC", "changed", "gcc", "clang"),
        ("/environment/B", "added", None, "2"),
        ("/environment/A", "removed", "1", None),
        ("/commits", "added", None, "head"),
        ("/recipe", "removed", {"path": "x.yml"}, None),
    ]


def test_parameters_are_compared_by_name() -> None:
    """One that is put before the others changes no other."""
    before = {"parameters": [{"name": "A", "title": "a"}, {"name": "B"}]}
    after = {"parameters": [{"name": "N"}, {"name": "B"}, {"name": "A", "title": "b"}]}

    found = {one.pointer: (one.before, one.after) for one in compare_definitions(before, after)}

    assert found == {
        "/parameters": (["A", "B"], ["N", "B", "A"]),
        "/parameters/N": (None, {}),
        "/parameters/A/title": ("a", "b"),
    }


def test_people_see_lines() -> None:
    before = {"recipe": {"text": "stages:\n- build: make\n- test: x\n"}, "timeout": 60}
    after = {"recipe": {"text": "stages:\n- build: make\n- test: y\n"}, "on_start": ["echo \u202e"]}

    assert write_differences(compare_definitions(before, after)) == (
        "/recipe/text changed\n  stages:\n  - build: make\n- - test: x\n+ - test: y\n  \n\n"
        "/on_start added\n+ echo ⟨U+202E⟩\n\n/timeout removed\n- 60\n"
    )
    assert write_differences(()) == "Both say the same.\n"


def test_long_differences_are_cut_and_say_so() -> None:
    after = {"recipe": {"text": "\n".join(map(str, range(9000)))}}

    text = write_differences(compare_definitions({"recipe": {"text": ""}}, after))
    assert text.count("\n") == MAX_LINES + 1
    assert text.endswith("more.\n")


@settings(deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_the_differences_lead_from_one_version_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    made = in_place(before)
    made = {key: dict(value) if isinstance(value, dict) else value for key, value in made.items()}
    if "parameters" in made:
        made["parameters"] = {name: dict(said) for name, said in made["parameters"].items()}

    for one in compare_definitions(before, after):
        change(made, one.pointer, one.after)

    assert made == in_place(after)


@settings(deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_nothing_is_told_only_of_the_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    """`true` and `1` are not the same, though Python takes them for it."""
    same = repr(sorted(before.items())) == repr(sorted(after.items()))

    assert compare_definitions(before, before) == ()
    assert not same or compare_definitions(before, after) == ()
