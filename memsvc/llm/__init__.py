"""Summarizers: one local, and models behind the vendors' SDKs, which load only when they are used."""

from memsvc.llm.anthropic import AnthropicModel
from memsvc.llm.local import LocalSummarizer
from memsvc.llm.openai import OpenAIModel
from memsvc.llm.written import Limits, WrittenSummarizer

__all__ = ["AnthropicModel", "Limits", "LocalSummarizer", "OpenAIModel", "WrittenSummarizer"]
