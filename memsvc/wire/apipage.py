"""The API page: one HTML document without a script, an image or an address outside of it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from html import escape

from memsvc.wire.outline import Field, Operation, Shape, outline

_STYLE = """
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent);--soft:color-mix(in srgb,
currentColor 7%,transparent);--dim:color-mix(in srgb,currentColor 65%,transparent)}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;overflow-wrap:break-word}
h1{margin:.2em 0}h2{margin:2rem 0 .5rem}h3{font-size:1rem;margin:1rem 0 .25rem}
p{margin:.4rem 0}a{color:inherit}code,pre{font:.875em ui-monospace,monospace}
code{background:var(--soft);border-radius:3px;padding:.1em .25em}
pre{background:var(--soft);border-radius:6px;max-height:24rem;overflow:auto;padding:.75rem}
details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0}
details>:not(summary){margin-left:.75rem;margin-right:.75rem}
summary{cursor:pointer;padding:.5rem .75rem}summary:focus-visible{outline:2px solid}
summary code{background:none}
.method{display:inline-block;font:700 .8em ui-monospace,monospace;min-width:4.2em}
.about{color:var(--dim);display:block;font-size:.9em}
[id^=schema-]{scroll-margin-top:5rem}.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9em;margin:.25rem 0 .75rem;width:100%}
th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem .3rem 0;text-align:left;vertical-align:top}
td:first-child{white-space:nowrap}
@media(max-width:40rem){thead{display:none}tr{border-bottom:1px solid var(--line);display:block;padding:.3rem 0}
td{border:0;display:block;padding:.1rem 0}td:empty{display:none}}
"""
CONTENT_POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page may use its own style and nothing else."""
_INTRO = """<h1>memsvc: HTTP API</h1>
<p>Made from the table that the routes are made from. For programs: <a href="/openapi.json">openapi.json</a>
(OpenAPI 3.1). Where keys are on, send <code>Authorization: Bearer KEY</code>. Errors are
<code>application/problem+json</code> with <code>code</code>, <code>detail</code> and <code>retryable</code>.
Beside these stand the vendors' own calls, the gateway: <code>POST /v1/messages</code>,
<code>POST /v1/chat/completions</code> and <code>POST /v1/responses</code>.</p>"""


def api_page() -> str:
    """The whole page. Takes some milliseconds: keep the result."""
    found = outline()
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>memsvc: HTTP API</title><style>{_STYLE}</style></head><body>",
            _INTRO,
            "<h2>Calls</h2>",
            *(line for one in found.operations for line in _operation(one)),
            "<h2>Schemas</h2>",
            *(line for shape in found.shapes for line in _shape(shape)),
            "</body></html>",
        ]
    )


def _operation(one: Operation) -> Iterator[str]:
    yield f'<details id="{one.name}"><summary><span class="method">{one.method}</span> <code>{escape(one.path)}</code>'
    yield f'<span class="about">{_words(one.summary)}</span></summary>'
    if one.note:
        yield f"<p>{_words(one.note)}</p>"
    if one.fields:
        yield "<h3>Parameters</h3>" + _table(one.fields, places=True)
    if one.body:
        yield f"<h3>Body: {_link(one.body)}</h3>"
        yield _example(one.sent)
    yield f"<h3>Reply: {escape(', '.join(one.statuses))}{' · ' + _link(one.reply) if one.reply else ''}</h3>"
    yield _example(one.answered)
    yield f"<p>Errors: {', '.join(map(str, one.errors))}</p></details>"


def _shape(shape: Shape) -> Iterator[str]:
    yield f"<details><summary><code>{shape.name}</code>"
    yield f'<span class="about">{_words(shape.about)}</span></summary>'
    # Inside of what opens and closes: a browser that is sent there opens it.
    yield f'<div id="schema-{shape.name}">{_table(shape.fields, places=False)}</div></details>'


def _table(fields: Iterable[Field], *, places: bool) -> str:
    rows = []
    for one in fields:
        place = f"{one.place}, " if places else ""
        must = "required" if one.required else "optional"
        name = f"<td><code>{escape(one.name)}</code><td>{place}{must}"
        rows.append(f"<tr>{name}<td>{escape(one.kind)}<td>{_words(one.about)}")
    heads = "<thead><tr><th>name<th>given<th>type<th>meaning</thead>"
    return f'<div class="wide"><table>{heads}<tbody>{"".join(rows)}</tbody></table></div>'


def _example(text: str) -> str:
    return f"<pre>{escape(text)}</pre>" if text else ""


def _link(name: str) -> str:
    return f'<a href="#schema-{name}">{name}</a>'


def _words(text: str) -> str:
    """Escaped text in which what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
