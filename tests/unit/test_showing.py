"""What of builds' files a browser is shown, and passes to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.showing import SECONDS, content_policy, is_good, is_worth_a_look, make_pass, media_type

KEY, NOW = b"k" * 32, 1_790_000_000.0


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("coverage/index.html", "text/html"), ("out.LOG", "text/plain; charset=utf-8"), ("shot.png", "image/png"),
        ("app.tar.gz", None), ("index.html.exe", None), ("html", None), (".html", None), ("manual.pdf", None),
    ],
)  # fmt: skip
def test_only_named_kinds_are_shown(path: str, kind: str | None) -> None:
    """The name decides, and never the content: nothing becomes a page by looking like one."""
    assert media_type(path) == kind
    assert is_worth_a_look(path) is (kind is not None)
    assert not is_worth_a_look("assets/app.js")


def test_shown_files_have_no_origin_and_run_scripts_only_apart() -> None:
    """A policy without `sandbox` would hand the hub's own origin to whoever can make a build."""
    here, apart = content_policy(apart=False), content_policy(apart=True)
    assert here.startswith("sandbox; default-src 'none'")
    assert "script" not in here
    assert apart.startswith("sandbox allow-scripts; ")
    assert "allow-same-origin" not in apart
    assert "connect-src 'none'" in apart
    assert all("form-action 'none'" in policy and "frame-ancestors 'none'" in policy for policy in (here, apart))


def test_a_pass_is_good_for_one_run_and_an_hour() -> None:
    """S29: who was shown one run's files learns nothing of another's, and nothing for ever."""
    text = make_pass(KEY, 7, NOW)
    assert is_good(KEY, text, 7, NOW + SECONDS - 1)
    assert not is_good(KEY, text, 7, NOW + SECONDS + 1)
    assert not is_good(KEY, text, 8, NOW)
    assert not is_good(b"x" * 32, text, 7, NOW)
    assert not is_good(KEY, text.replace(text[:10], str(int(NOW) + 999_999)), 7, NOW)


@given(st.text(max_size=100))
def test_no_other_text_is_a_pass(text: str) -> None:
    """Whatever is sent as one is judged, and nothing raises."""
    assert not is_good(KEY, text, 7, NOW)
    assert not is_good(KEY, f"{int(NOW) + 9}-{text}", 7, NOW)
