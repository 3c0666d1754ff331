"""Which messages a summary names."""

from __future__ import annotations

import pytest

from memsvc.core.sources import sources


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("- [17 user] asked; [3 assistant] said", [3, 17]),
        ("[3, 5 assistant] both, again [3 tool] and seq 9", [3, 5, 9]),
        ("[99 user] was made up, [0 user] too", []),
        ("[12] is a list item, (4 users), [user 4]", []),
        ("", []),
    ],
)
def test_numbers_with_a_speaker_or_seq(text: str, named: list[int]) -> None:
    assert sources(text, 20) == named
