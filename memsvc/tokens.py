"""Raw token counts: o200k, offline from the first start.

Two libraries count the same vocabulary. toktok-rs is about ten times faster and lets other
threads run; it is young, so it must first agree with fixed vectors, else tiktoken counts.
tiktoken would download its vocabulary; it gets the copy that ships with this package.
"""

from __future__ import annotations

import base64
import hashlib
import lzma
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.resources import files
from typing import Literal

from memsvc.ports import Counter

ENCODING = "o200k_base"
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
"""Of the vocabulary file as its makers publish it."""

VECTORS: tuple[tuple[str, int], ...] = (
    ("", 0),
    ("hello world", 2),
    ("The quick brown fox jumps over the lazy dog.", 10),
    ("don't won't I'll they've", 4),
    ("<|endoftext|>", 7),
    ("def f(x: int) -> int:\n    return x ** 2\n", 16),
    ('{"name": "get_weather", "arguments": {"city": "Oslo"}}', 17),
    ("你好，我想找一家餐馆。", 8),
    ("東京都に住んでいます。", 7),
    ("안녕하세요, 반갑습니다!", 7),
    ("Übergrößenträger aus Köln", 7),
    ("Привет, как дела?", 6),
    ("مرحبا بالعالم", 4),
    ("नमस्ते दुनिया", 5),
    ("🧠🚀 emoji 👩‍👩‍👧", 14),
    ("   \n\n\t  spaces  ", 4),
    ("1234567890 3.14159 2024-05-15", 16),
    ("https://example.com/a/b?c=d&e=%20f", 13),
    ("a" * 64, 8),
    ("=" * 100, 2),
)
"""Texts and their counts; a library that disagrees is not used."""

_NO_LIMIT = 1 << 40
_SHARERS = 32
"""Threads that count the first text together."""
_CHUNK = 50_000
"""Characters tiktoken gets at once: it panics on a million spaces in one text."""
_SEARCHED = 4_000
"""How far back from the end of a chunk a good place for the seam is looked for."""

_PATTERN = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
"""How o200k parts a text before merging; belongs to the vocabulary."""


class VocabularyError(RuntimeError):
    """The shipped vocabulary is damaged, or no library counts it right."""


class ToktokCounter:
    """Counts with toktok-rs. Loading takes about 0.4 s of one core and 50 MB. Raises ImportError without it."""

    name = "toktok"
    encoding = ENCODING

    def __init__(self) -> None:
        import toktok

        # What a thread remembers of the texts that it has counted takes 16 MB if it counts alone, and a share of that
        # if it counts with others; it is handed on when a thread ends. So much is not gained by it.
        _share(partial(toktok.batch_count, ["a"] * _SHARERS, ENCODING, threads=_SHARERS))
        # Not `batch_count`: to prepare it takes longer than counting most messages.
        self._truncate = partial(toktok.truncate, encoding=ENCODING)
        self._each = partial(toktok.batch_count, encoding=ENCODING, threads=1)
        self.count("")

    def count(self, text: str) -> int:
        """Tokens of one text."""
        try:
            return int(self._truncate(text, _NO_LIMIT)[1])
        except UnicodeEncodeError:
            return int(self._truncate(_sane(text), _NO_LIMIT)[1])

    def count_many(self, texts: Sequence[str]) -> int:
        """Sum over several texts."""
        return sum(map(self.count, texts))

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each of several texts, without the interpreter all the while."""
        try:
            return list(map(int, self._each(texts)))
        except UnicodeEncodeError:
            return list(map(self.count, texts))

    def truncate(self, text: str, tokens: int) -> str:
        """The longest prefix of at most `tokens` tokens, cut on a character."""
        if tokens <= 0:
            return ""
        try:
            return str(self._truncate(text, tokens)[0])
        except UnicodeEncodeError:
            return str(self._truncate(_sane(text), tokens)[0])


def _share(count: Callable[[], object]) -> None:
    """Count once with others, or where no threads can be started without that: it saves memory and nothing else."""
    try:
        count()
    except BaseException as failed:  # what a panic in Rust raises is no Exception
        if not isinstance(failed, (KeyboardInterrupt, SystemExit)):
            return
        raise


class TiktokenCounter:
    """Counts with tiktoken and the shipped vocabulary. Loading takes about 0.4 s of one core and 80 MB.

    A long text is counted in chunks that end before a space, where the vocabulary parts words
    anyway: the count is that of the whole. Without a space in reach it may be a few tokens more.
    """

    name = "tiktoken"
    encoding = ENCODING

    def __init__(self) -> None:
        import tiktoken

        ranks = {base64.b64decode(t): int(n) for t, n in (line.split() for line in vocabulary().splitlines())}
        self._encoding = tiktoken.Encoding(ENCODING, pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens={})

    def count(self, text: str) -> int:
        """Tokens of one text."""
        return sum(len(self._encoding.encode_ordinary(chunk)) for chunk in _chunks(text))

    def count_many(self, texts: Sequence[str]) -> int:
        """Sum over several texts."""
        return sum(map(self.count, texts))

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each of several texts."""
        return list(map(self.count, texts))

    def truncate(self, text: str, tokens: int) -> str:
        """The longest prefix of at most `tokens` tokens, cut on a character."""
        kept, left = "", max(tokens, 0)
        for chunk in _chunks(_sane(text)):
            ids = self._encoding.encode_ordinary(chunk)
            if len(ids) > left:  # the last token may end within a character: that one goes
                kept += self._encoding.decode_bytes(ids[:left]).decode("utf-8", "ignore")
                break
            kept, left = kept + chunk, left - len(ids)
        while self.count(kept) > tokens and kept:  # cut elsewhere, a text may part into more tokens
            kept = kept[:-1]
        return kept


def build_counter(prefer: Literal["auto", "toktok", "tiktoken"] = "auto") -> Counter:
    """A counter that agrees with VECTORS. Raises VocabularyError if none does.

    Both libraries hold the interpreter while they load, so a thread hides no more than waiting.
    """
    makers: list[type[ToktokCounter] | type[TiktokenCounter]] = [ToktokCounter, TiktokenCounter]
    wrong = []
    for maker in makers:
        if prefer not in ("auto", maker.name):
            continue
        try:
            counter = maker()
            failed = next((text for text, tokens in VECTORS if counter.count(text) != tokens), None)
        except ImportError as missing:
            wrong.append(f"{maker.name} is not installed ({missing})")
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as broken:
            wrong.append(f"{maker.name} does not work ({broken})")  # another version, say
        else:
            if failed is None:
                return counter
            wrong.append(f"{maker.name} miscounts {failed!r}")
    raise VocabularyError("no token counter can be used: " + "; ".join(wrong))


def vocabulary() -> bytes:
    """The o200k vocabulary as its makers publish it. Raises VocabularyError if the file is damaged."""
    packed = files(__package__).joinpath("data", f"{ENCODING}.tiktoken.xz").read_bytes()
    try:
        raw = lzma.decompress(packed)
    except lzma.LZMAError as damaged:
        raise VocabularyError(f"the shipped vocabulary cannot be unpacked: {damaged}") from damaged
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise VocabularyError("the shipped vocabulary is not the published one (sha256 differs)")
    return raw


def _chunks(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _CHUNK:
        end = _seam(text, start + _CHUNK)
        yield text[start:end]
        start = end
    yield text[start:]


def _seam(text: str, limit: int) -> int:
    """The last place up to `limit` where a space follows something else: no token reaches across."""
    end, least = limit, limit - _SEARCHED
    while (end := text.rfind(" ", least, end)) > least:
        if not text[end - 1].isspace():
            return end
    return limit


def _sane(text: str) -> str:
    """`text` without lone surrogates, which no JSON body can bring in and no UTF-8 can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
