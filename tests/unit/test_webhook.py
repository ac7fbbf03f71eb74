"""What must hold at the door for webhooks."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from urllib.parse import quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.errors import BadSignatureError, MalformedError, RefusedError
from hubwright.github.webhook import Delivery, read_delivery, verify_signature
from payload_corpus import all_payloads

SECRET = "s3cret-ünïcode-🔑"
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
BODY = '{"action":"opened","text":"größe 🐛"}'.encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def read(body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), **headers: str) -> Delivery:
    sent = {"x-github-event": "push", "x-github-delivery": GUID, "x-hub-signature-256": sign(body)}
    return read_delivery(sent | {name.replace("_", "-"): value for name, value in headers.items()}, body, secrets)


def test_githubs_own_example_verifies() -> None:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation"""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    verify_signature(["It's a Secret to Everybody"], b"Hello, World!", signature)


def test_a_signed_delivery_is_read() -> None:
    delivery = read(x_github_hook_id="12345678901")
    assert (delivery.guid, delivery.event, delivery.hook_id, delivery.signed) == (GUID, "push", 12345678901, True)
    assert (delivery.body, delivery.action) == (BODY, "opened")


@pytest.mark.parametrize("secrets", [(SECRET, "old"), ("old", SECRET)])
def test_each_of_several_live_secrets_is_accepted(secrets: tuple[str, ...]) -> None:
    """Secrets are changed without losing deliveries (R27, S4)."""
    assert read(secrets=secrets).signed


@pytest.mark.parametrize(
    "signature", ["", "sha256=", "sha256=00", "é", "sha1=" + "0" * 40, sign(BODY, "other"), sign(BODY)[7:]]
)
def test_a_missing_or_wrong_signature_is_refused(signature: str) -> None:
    """S1: no signature though a secret is set."""
    with pytest.raises(BadSignatureError):
        read(x_hub_signature_256=signature)


def test_sha1_alone_is_refused() -> None:
    """S2: the old header is no proof."""
    sha1 = "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()
    headers = {"x-github-event": "push", "x-hub-signature": sha1}
    with pytest.raises(BadSignatureError):
        read_delivery(headers, BODY, [SECRET])


def test_the_signature_is_over_the_raw_bytes() -> None:
    """The same JSON written differently has another signature."""
    with pytest.raises(BadSignatureError):
        read(BODY, x_hub_signature_256=sign(orjson.dumps(orjson.loads(BODY), option=orjson.OPT_INDENT_2)))


def test_the_signature_is_looked_at_before_the_body() -> None:
    """A stranger learns nothing, and costs nothing, by sending what is not JSON."""
    with pytest.raises(BadSignatureError):
        read(b"[" * 10_000, x_hub_signature_256="sha256=00")


def test_without_secrets_nothing_is_verified() -> None:
    assert not read(secrets=(), x_hub_signature_256="").signed


def test_a_form_is_decoded_after_its_raw_bytes_are_verified() -> None:
    form = b"payload=" + quote_plus(BODY.decode()).encode()
    assert read(form, content_type="application/x-www-form-urlencoded; charset=UTF-8").body == BODY


def test_json_sent_as_a_form_by_hand_is_read() -> None:
    """`curl -d` names every body a form."""
    assert read(content_type="application/x-www-form-urlencoded").body == BODY


@pytest.mark.parametrize("body", [b"", b"payload", b"other=1", b"payload=", b"payload=%7B", b"payload=%ff", b"%"])
def test_a_form_without_a_payload_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read(body, content_type="application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", BODY[:-1], BODY[:10], b"[]", b"null", b"1", b'"x"', b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\xff"}',
     b"\xef\xbb\xbf{}", b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000],
)  # fmt: skip
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    """Truncated, 10,000 deep, not UTF-8: one sentence, no crash."""
    with pytest.raises(MalformedError) as refused:
        read(body)
    assert len(str(refused.value)) < 200


def test_a_missing_delivery_id_is_made_from_the_body() -> None:
    """So that a plain curl works, and sending the same twice is found to be a duplicate."""
    first, again, other = (read(body, x_github_delivery="").guid for body in (BODY, BODY, b"{}"))
    assert first == again != other
    assert first.startswith("sha256:")


@pytest.mark.parametrize("guid", ["x" * 201, "a b", "a\nb", "é", "\x00"])
def test_a_delivery_id_is_short_and_printable(guid: str) -> None:
    with pytest.raises(MalformedError):
        read(x_github_delivery=guid)


@pytest.mark.parametrize("event", ["", "Push", "a-b", "a b", "../x", "é", "x" * 101, "push\n"])
def test_an_event_must_be_named(event: str) -> None:
    with pytest.raises(MalformedError):
        read(x_github_event=event)


def test_the_route_may_name_the_event() -> None:
    """System 0's document comes without GitHub's headers."""
    delivery = read_delivery({"x-hub-signature-256": sign(BODY)}, BODY, [SECRET], event="legacy_push")
    assert delivery.event == "legacy_push"


@pytest.mark.parametrize("hook_id", ["", "x", "-1", "1" * 19, "\u0661"])
def test_an_odd_hook_id_is_left_out(hook_id: str) -> None:
    assert read(x_github_hook_id=hook_id).hook_id is None


def test_every_recorded_payload_is_taken() -> None:
    """All 329 bodies that GitHub sent are accepted, as JSON and as a form."""
    for event, payload in all_payloads():
        body = orjson.dumps(payload)
        assert read(body, x_github_event=event).payload == payload
        form = b"payload=" + quote_plus(body).encode()
        assert read(form, x_github_event=event, content_type="application/x-www-form-urlencoded").body == body


HEADERS = st.dictionaries(
    st.sampled_from(["x-github-event", "x-github-delivery", "x-hub-signature-256", "x-github-hook-id", "content-type"]),
    st.text() | st.sampled_from(["push", "application/x-www-form-urlencoded", "sha256=00"]),
)


@given(HEADERS, st.binary(), st.booleans())
def test_any_request_is_read_or_refused(headers: dict[str, str], body: bytes, with_secret: bool) -> None:
    """Whatever bytes come, the answer is a delivery or an error with a status."""
    with contextlib.suppress(RefusedError):
        read_delivery(headers, body, [SECRET] if with_secret else [])


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(rb"\ud800", "\ufffd"), (rb"\udc00 \ud83d\ude00", "\ufffd 😀"), (rb"\\\ud800\\ud800", "\\\ufffd\\ud800")],
)
def test_half_a_character_refuses_no_delivery(sent: bytes, kept: str) -> None:
    """JSON may have it (RFC 8259, section 8.2); who reads what was kept must not stumble over it again."""
    delivery = read(b'{"action":"opened","text":"' + sent + b'"}')
    assert delivery.payload["text"] == orjson.loads(delivery.body)["text"] == kept
