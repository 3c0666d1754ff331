// A message of any of the three formats, taken apart and drawn.

import { count, h, plain, theirs } from "./dom.js";

const FOLD = 1500; // characters that a piece of text shows at first
const STEP = 100000; // and how many more at each wish

const SUMMARY = /^\s*<conversation_summary[\s>]/;

/** The pieces of a message: {kind, text, name?, mark?}. Nothing that is not understood is left out. */
export function pieces(message) {
  if (message.type && message.type !== "message") return [item(message)];
  const found = [];
  for (const block of blocks(message.content)) found.push(piece(block));
  if (message.refusal) found.push({ kind: "text", text: message.refusal });
  for (const call of message.tool_calls || []) {
    found.push({ kind: "call", name: call.function?.name ?? call.custom?.name ?? call.type, text: pretty(call.function?.arguments ?? call.custom?.input ?? call) });
  }
  if (message.role === "tool") for (const each of found) if (each.kind === "text") each.kind = "result";
  return found;
}

export function role(message) {
  if (message.role) return message.role;
  return { function_call: "assistant", reasoning: "assistant", function_call_output: "tool" }[message.type] || message.type || "?";
}

function blocks(content) {
  if (content === null || content === undefined) return [];
  return Array.isArray(content) ? content : [{ type: "text", text: String(content) }];
}

/** Whether a provider's cache may end behind this. */
export const marked = (block) => Boolean(block.cache_control || block.prompt_cache_breakpoint);
/** For how long it is kept: true = the request does not say. */
export const lifetime = (block) => (block.cache_control ? block.cache_control.ttl || "5m" : true);

function piece(block) {
  if (typeof block === "string") return { kind: "text", text: block };
  if (block === null || typeof block !== "object") return { kind: "other", text: pretty(block) };
  const mark = marked(block) ? lifetime(block) : undefined;
  const known = (kind, text, name) => ({ kind, text, name, mark });
  if (typeof block.text === "string") return known(SUMMARY.test(block.text) ? "summary" : "text", block.text);
  switch (block.type) {
    case "tool_use": case "server_tool_use": return known("call", pretty(block.input), block.name);
    case "tool_result": return known("result", blocks(block.content).map((b) => piece(b).text).join("\n"), block.is_error ? "error" : undefined);
    case "thinking": return known("thinking", block.thinking || "");
    case "redacted_thinking": return known("thinking", "[encrypted]");
    case "image": case "image_url": case "input_image": case "document": case "file": case "input_file": case "input_audio":
      return known("file", `[${block.type}, ${count(JSON.stringify(block).length)} characters as JSON]`);
    default: return known("other", pretty(block), block.type);
  }
}

function item(message) {
  const kinds = { function_call: ["call", message.arguments, message.name], function_call_output: ["result", message.output], reasoning: ["thinking", (message.summary || []).map((s) => s.text).join("\n") || "[encrypted]"] };
  const [kind, text, name] = kinds[message.type] || ["other", message, message.type];
  return { kind, name, text: typeof text === "string" && kind !== "call" ? text : pretty(text) };
}

function pretty(value) {
  if (typeof value !== "string") return JSON.stringify(value, null, 1) ?? "";
  try {
    return JSON.stringify(JSON.parse(value), null, 1);
  } catch {
    return value;
  }
}

const TITLES = { call: "calls", result: "result", thinking: "thinking", other: "", file: "" };

/** The elements of one piece; a long text is folded. */
export function drawn(one) {
  const name = one.name ? theirs(String(one.name).slice(0, 200), "code") : null;
  const head = one.kind in TITLES && (TITLES[one.kind] || name) ? h("p", { className: "piece-head" }, TITLES[one.kind], " ", name) : null;
  return h("div", { className: `piece ${one.kind}` }, head, folded(one.text ?? ""));
}

export function folded(text, first = FOLD) {
  const clean = plain(text);
  const block = h("div", { className: "said", dir: "auto" }, clean.slice(0, first));
  if (clean.length <= first) return block;
  let shown = first;
  const more = h("button", { type: "button", className: "quiet more", onclick: () => {
    shown += STEP;
    block.textContent = clean.slice(0, shown);
    if (shown >= clean.length) more.remove();
    else label();
  } });
  const label = () => (more.textContent = `Show ${count(Math.min(STEP, clean.length - shown))} more characters`);
  label();
  return h("div", {}, block, more);
}
