"""What is sent to each vendor, where the stand-in cannot tell: the vendor's own address gets more."""

from __future__ import annotations

import pytest

from memsvc.llm import AnthropicModel, OpenAIModel
from memsvc.llm.calls import PASSING, UNSURE, Ask, CallFailed, model_name, status_failed
from memsvc.testing.provider import Provider

ASK = Ask("be brief", "text", 700, 5.0)


def test_openais_own_newer_models_are_told_not_to_write_a_cache_that_nobody_reads() -> None:
    sent = OpenAIModel("gpt-6-luna", api_key="k").request(ASK)
    assert sent["extra_body"] == {"prompt_cache_options": {"mode": "explicit"}}
    assert "prompt_cache_breakpoint" not in str(sent["messages"])
    assert sent["max_completion_tokens"] == 700
    assert sent["reasoning_effort"] == "low"
    assert "extra_body" not in OpenAIModel("gpt-5.4-mini", api_key="k").request(ASK)


def test_other_servers_get_the_plain_members_only() -> None:
    sent = OpenAIModel("qwen3:8b", base_url="http://127.0.0.1:1/v1").request(ASK)
    assert set(sent) == {"model", "messages", "max_tokens"}
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    assert not {"temperature", "top_p"} & set(sent)


@pytest.mark.parametrize("vendor", ["anthropic", "openai"])
async def test_a_server_of_ones_own_needs_no_key_and_gets_no_vendors(
    vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "bad-key")
    monkeypatch.setenv("OPENAI_API_KEY", "bad-key")
    async with Provider() as provider:
        model: AnthropicModel | OpenAIModel
        if vendor == "anthropic":
            model = AnthropicModel("claude-haiku-5-5", base_url=provider.anthropic_url)
        else:
            model = OpenAIModel("some-local-model", base_url=provider.openai_url)
        try:
            assert (await model.ask(ASK)).text
        finally:
            await model.close()


@pytest.mark.parametrize("vendor", ["anthropic", "openai"])
async def test_nobody_at_the_address(vendor: str) -> None:
    kind = AnthropicModel if vendor == "anthropic" else OpenAIModel
    model = kind("m", base_url="http://127.0.0.1:1/v1")
    with pytest.raises(CallFailed) as failed:
        await model.ask(ASK)
    assert failed.value.kind in ("connection", "timeout")  # as the SDK names it
    await model.close()


@pytest.mark.parametrize("told", [None, 7, "", "   ", "x" * 101, "a\nb", "a\x1b[31m", "a\u202eb", ["m"]])
def test_what_is_no_name_of_a_model_is_not_passed_on(told: object) -> None:
    assert model_name(told, "asked-for") == "asked-for"


def test_the_name_that_a_reply_gives_is_kept() -> None:
    assert model_name("claude-haiku-5-5-20260801", "claude-haiku-5-5") == "claude-haiku-5-5-20260801"


@pytest.mark.parametrize("status", [408, 502, 504])
def test_a_status_after_which_the_work_may_have_been_done_is_billed_at_its_worst(status: int) -> None:
    assert status_failed(status, None, None).kind in UNSURE
    assert status_failed(status, None, None).kind in PASSING


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 429, 500, 503, 529])
def test_a_status_that_says_no_is_not_billed(status: int) -> None:
    assert status_failed(status, None, None).kind not in UNSURE
