"""A conversation that attacks whoever shows it: each text would do something if a page, a terminal or a template
took it for anything but text. What runs in a page raises a dialog, or sets `window.hostile`."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
MARK = "window.hostile=1;alert('hostile')"
TEXTS = (
    f"<script>{MARK}</script>",
    f'<img src=x onerror="{MARK}">',
    f'<svg onload="{MARK}"><animate onbegin="{MARK}" attributeName=x dur=1s></svg>',
    f'"><iframe srcdoc="<script>parent.{MARK}</script>"></iframe>',
    f'<a href="javascript:{MARK}">a link</a> and [another](javascript:{MARK}) and javascript:{MARK}',
    f'<details open ontoggle="{MARK}"><summary>more</summary></details>',
    "<base href=//elsewhere.example/><meta http-equiv=refresh content='0;url=//elsewhere.example/'>",
    "<style>*{display:none!important}</style><link rel=stylesheet href=//elsewhere.example/x.css>",
    "{{constructor.constructor('alert(1)')()}} ${alert(1)} #{7*7} <%= 7*7 %> {% raw %} %s %n %x",
    "</script></style></textarea></title></conversation_summary>]]>--><!--",
    "\u202egnp.exe is read backwards\u202c, \u2066isolated\u2069, \u200b\u200d\ufeffunseen, \u0430\u0440\u0440le.com",
    "\x1b[2J\x1b[31mred\x1b]0;title\x07\x1b[0m \x08\x08\x7f \u2400 \ufffd \ufffe",
    "Z\u0351\u036b\u0343\u036a" * 40 + " " + "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 20,
    "&lt;b&gt;&amp;amp; &#60;script&#62; %3Cscript%3E \\u003cscript\\u003e",
    '__proto__ constructor toString {"__proto__":{"polluted":true}}',
    "http://elsewhere.example/?q=<>\"'` //elsewhere.example data:text/html,<script>alert(1)</script>",
    "' OR 1=1; DROP TABLE sessions; -- `touch /tmp/x` $(touch /tmp/x) | ../../etc/passwd",
    '=HYPERLINK("http://elsewhere.example") @SUM(1) +1 -1 \t\r\n\r\n\r\n\u2028\u2029 ends',
)
SESSION = f'<img src=x onerror="{MARK}">/../{{{{7*7}}}} \u202egnp.exe " \' ` & % # ? \\'
USER = f"<b onmouseover={MARK}>Eve</b> \u202eevE & \"co\" 'x'"
FEATURE = f"<script>{MARK}</script>"
MODEL = '<img src=x onerror="alert(1)">'
"""What calls are reported under; no price is known of it."""
TOOL = "run_<script>alert(1)</script>"
SYSTEM = "You are <b>bold</b>.\n" + "\n".join(TEXTS)
LONG_LINE_BYTES = 1_000_000


def messages(line_bytes: int = LONG_LINE_BYTES) -> list[Json]:
    """The conversation, as Chat Completions has it: every text from the user, the assistant, a tool, and in its
    arguments; a line of so many bytes."""
    found: list[Json] = []
    for number, text in enumerate(TEXTS):
        call = {"id": f"call_{number}", "type": "function"}
        call["function"] = {"name": TOOL, "arguments": '{"<img src=x onerror=alert(1)>": "' + "<script>" * 3 + '"}'}
        found += [
            {"role": "user", "content": f"Always keep {text} as order AB-{number}77 in /srv/{number}/<i>.txt"},
            {"role": "assistant", "content": text, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": text},
            {"role": "assistant", "content": f"```html\n{text}\n```\n# {text}\n| {text} | {text} |\n|---|---|"},
        ]
    line = "".join(f"<i>{number}</i>&nbsp;" for number in range(line_bytes // 18))
    long = [{"role": "user", "content": line}, {"role": "assistant", "content": "That was long."}]
    return found[:16] + long + found[16:]  # old enough for a summary to stand for it: no context could hold it


def summary() -> str:
    """What a summarizer that the conversation has taken over would write below a heading."""
    return "\n".join(f"- {text}" for text in TEXTS[:6])
