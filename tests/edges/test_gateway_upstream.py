"""Where calls go, with which headers and which key."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from memsvc.app import ways_of
from memsvc.config import load_config
from memsvc.errors import InvalidRequest
from memsvc.gateway.upstream import Upstream, backward, onward, sent_key
from memsvc.gateway.wishes import wishes

OPENAI = Upstream("openai", "https://api.openai.com/v1", "openai")
CLAUDE = Upstream("anthropic", "https://api.anthropic.com", "anthropic")


def head(**values: str) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict({name.replace("_", "-"): value for name, value in values.items()}))


@pytest.mark.parametrize(
    ("url", "query", "address"),
    [
        ("https://h/v1", "", "https://h/v1/responses"),
        ("https://h/v1/", "beta=true", "https://h/v1/responses?beta=true"),
        (
            "https://h/openai/deployments/{model}?api-version=1",
            "",
            "https://h/openai/deployments/gpt-6/responses?api-version=1",
        ),
        ("https://h/x?a=1", "b=2", "https://h/x/responses?a=1&b=2"),
    ],
)
def test_addresses(url: str, query: str, address: str) -> None:
    assert Upstream("openai", url, "openai").address("/responses", "gpt-6", query) == address


@pytest.mark.parametrize("model", ["../admin", "a/b", "a?b", "a#b", "", "a b", "%2e%2e", "x" * 201])
def test_a_models_name_cannot_leave_its_place_in_an_address(model: str) -> None:
    with pytest.raises(InvalidRequest):
        Upstream("openai", "https://h/{model}", "openai").address("/responses", model)


def test_headers_that_go_on_and_headers_that_do_not() -> None:
    sent = head(
        authorization="Bearer theirs",
        anthropic_beta="x-1",
        user_agent="sdk",
        x_stainless_lang="python",
        host="localhost",
        cookie="a=b",
        x_memsvc_session="s",
        x_memsvc_key="ours",
        x_forwarded_for="10.0.0.1",
        accept_encoding="gzip",
        content_length="5",
        connection="keep-alive",
    )
    kept = onward(sent, CLAUDE, None)
    assert kept.pop("Via") == "1.1 memsvc"
    assert dict(kept) == {
        "authorization": "Bearer theirs",
        "anthropic-beta": "x-1",
        "user-agent": "sdk",
        "x-stainless-lang": "python",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }


@pytest.mark.parametrize(
    ("upstream", "version", "name", "value"),
    [
        (OPENAI, None, "Authorization", "Bearer stored"),
        (Upstream("openai", "https://h", "openai", "api-key"), None, "api-key", "stored"),
        (CLAUDE, "2026-10-21", "Authorization", "Bearer stored"),
        (CLAUDE, "2023-06-01", "x-api-key", "stored"),
    ],
)
def test_a_stored_key_takes_the_place_of_every_credential(
    upstream: Upstream, version: str | None, name: str, value: str
) -> None:
    sent = {"authorization": "Bearer ours", "x_api_key": "ours", "api_key": "ours"}
    kept = onward(head(**sent, **({"anthropic_version": version} if version else {})), upstream, "stored")
    assert kept[name] == value
    assert "ours" not in str(kept)


def test_without_a_key_a_server_of_ones_own_gets_none() -> None:
    assert "authorization" not in onward(head(authorization="Bearer memsvc"), OPENAI, "")


def test_replies_keep_their_headers() -> None:
    came = head(content_type="text/event-stream", x_request_id="req_1", transfer_encoding="chunked", set_cookie="a=b")
    assert dict(backward(came)) == {"content-type": "text/event-stream", "x-request-id": "req_1"}


def test_a_credential_in_any_of_the_vendors_headers() -> None:
    assert sent_key(head(authorization="bearer  k ")) == "k"
    assert sent_key(head(x_api_key="k")) == "k"
    assert sent_key(head(api_key="k")) == "k"
    assert sent_key(head(authorization="Basic k")) == ""


def test_names_in_headers() -> None:
    assert wishes(head(x_memsvc_session="chat-1")).session == "chat-1"
    assert wishes(head(x_memsvc_session="%E4%BD%A0")).session == "你"
    assert wishes(head(x_memsvc_session="100%")).session == "100%"
    for bad in ("", "%FF", "x" * 201, "%00"):
        with pytest.raises(InvalidRequest):
            wishes(head(x_memsvc_session=bad))
    with pytest.raises(InvalidRequest, match="x-memsvc-history"):
        wishes(head(x_memsvc_history="some"))


@pytest.mark.parametrize(
    ("env", "provider", "own"),
    [
        ({}, "openai", False),
        ({"MEMSVC_GATEWAY_OPENAI_URL": "http://127.0.0.1:11434/v1"}, "local", True),
        ({"MEMSVC_GATEWAY_OPENAI_URL": "https://x.openai.azure.com/openai/v1"}, "openai", False),
        (
            {"MEMSVC_GATEWAY_OPENAI_URL": "http://10.0.0.5/v1", "MEMSVC_GATEWAY_OPENAI_PROVIDER": "openai"},
            "openai",
            False,
        ),
    ],
)
def test_the_settings_say_where(env: dict[str, str], provider: str, own: bool) -> None:
    ways = ways_of(load_config(env=env))
    assert (ways.openai.provider, ways.openai.own) == (provider, own)
    assert (ways.anthropic.url, ways.anthropic.provider) == ("https://api.anthropic.com", "anthropic")
