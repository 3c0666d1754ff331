"""Summarizers: whoever writes the body of a summary. One module each."""

from memsvc.llm.local import LocalSummarizer

__all__ = ["LocalSummarizer"]
