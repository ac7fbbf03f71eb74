"""Names, scopes and values of secrets, and which stages may have which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.recipe_values import Recipe, Stage
from hubwright.domain.repos import Trust
from hubwright.domain.secrets import check_value, scopes_of, share_secrets, withheld_secrets
from hubwright.errors import UnprocessableError
from hubwright.hub.sealing import Keys, Sealed, SealError, make_key

RECIPE = Recipe(
    origin="x",
    secrets=("ALL",),
    stages=(Stage(name="a", run="x", secrets=("ONE", "ALL")), Stage(name="b", run="x")),
)


def test_a_stage_may_have_its_own_names_and_the_recipes() -> None:
    """S25: and no other stage's."""
    assert [stage.secrets for stage in share_secrets(RECIPE, Trust.TRUSTED).stages] == [("ALL", "ONE"), ("ALL",)]


def test_what_a_fork_brings_names_none_and_says_which() -> None:
    """S17: not even names are in its plan."""
    assert [stage.secrets for stage in share_secrets(RECIPE, Trust.UNTRUSTED).stages] == [(), ()]
    assert withheld_secrets(RECIPE) == ("What a fork brings gets no secret: ALL, ONE.",)
    assert withheld_secrets(Recipe(origin="x", stages=(Stage(name="b", run="x"),))) == ()


def test_the_nearest_scope_comes_first() -> None:
    assert scopes_of("a/b/c") == ["a/b/c", "a/b", "a", ""]


@pytest.mark.parametrize(
    "value", ["ghp_0123456789abcdef", "correct horse battery", "p4ssw0rd!", "-----BEGIN\nabc\n-----END", "пароль-2026"]
)
def test_values_of_every_kind_are_taken(value: str) -> None:
    assert check_value(value) == value


@pytest.mark.parametrize(
    "value", ["password", "Production", "LOCALHOST", "abababab", "1234567", "a\ud800bcdefgh1", "tab\x1b[0mvalue"]
)
def test_what_would_hide_ordinary_words_or_can_not_be_written_is_refused(value: str) -> None:
    with pytest.raises(UnprocessableError) as caught:
        check_value(value)
    assert value not in str(caught.value)


KEYS = Keys((make_key(), make_key()))


@given(
    st.text(max_size=50),
    st.tuples(st.text("a/", max_size=4), st.text("a/", max_size=4)),
    st.tuples(st.text("a/", max_size=4), st.text("a/", max_size=4)),
)
def test_what_is_sealed_opens_in_its_place_only(value: str, place: tuple[str, str], other: tuple[str, str]) -> None:
    """Also where scope and name together are spelled alike: their lengths are sealed in."""
    sealed = KEYS.seal(value, place)
    assert value not in sealed.text or len(value) < 4
    assert KEYS.open(sealed, place) == value
    if other != place:
        with pytest.raises(SealError):
            KEYS.open(sealed, other)


@given(st.binary(max_size=60))
def test_what_was_not_sealed_does_not_open(data: bytes) -> None:
    """A damaged row is one sentence, whatever is in it."""
    with pytest.raises(SealError):
        KEYS.open(Sealed(KEYS.ids[0], data.decode("latin-1")), ("a", "b"))


def test_the_same_value_is_never_sealed_alike() -> None:
    """Two jobs with one password do not show it."""
    assert KEYS.seal("the value", ("a", "b")) != KEYS.seal("the value", ("a", "b"))
