// What the model gets: system prompt, summary, recent messages, and where caches may end.

import { get, ofSession } from "./api.js";
import { count, h, theirs, usd } from "./dom.js";
import { drawn, folded, lifetime, marked, pieces, role } from "./message.js";

const MOST_CHIPS = 12;
const FIRST = 40, LAST = 160; // messages of a long context that are drawn before anybody asks for more


function line(text, kind) {
  return h("p", { className: `boundary ${kind}` }, h("span", {}, text));
}

const markText = (letter, ttl) => `cache mark ${letter}: all above is kept by the provider${ttl === true ? "" : ` for ${ttl}`}`;

/** The context as it is fetched now. `told` = the summary's document with statements, or null. */
export function present(context, told, go) {
  const out = [];
  const { tokens } = context;
  const tools = context.tools || [];
  if (tools.length) {
    out.push(h("section", { className: "part tools" }, h("h4", {}, `Tools, ${count(tokens.tools)} tokens`),
      h("p", { className: "names" }, tools.map((t) => [theirs(String(t.name ?? t.function?.name ?? t.type).slice(0, 100), "code"), " "])),
      tools.filter(marked).map((t) => line(markText("A", lifetime(t)), "mark"))));
  }
  let first = true;
  let awaited = Boolean(context.covers); // what merely looks like a summary, further on, is somebody's text
  const system = typeof context.system === "string" ? [{ type: "text", text: context.system }] : context.system;
  if (system?.length) out.push(message({ role: "system", content: system }, () => "A"));
  const carrying = context.messages.map((each, at) => (pieces(each).some((one) => one.mark) ? at : -1)).filter((at) => at >= 0);
  const front = context.messages.findIndex((each) => pieces(each).some((one) => one.kind === "summary"));
  const all = context.messages;
  const drawAll = (from, to) => all.slice(from, to).map((each, at) => drawOne(each, from + at));
  if (all.length <= FIRST + LAST) return [...out, drawAll(0, all.length)];
  return [...out, drawAll(0, FIRST), folding(FIRST, all.length - LAST), drawAll(all.length - LAST, all.length)];

  function folding(from, to) {
    const box = h("div", { className: "actions" }, h("button", { type: "button", onclick: () => {
      const next = Math.min(to, from + LAST);
      const fresh = h("div", {}, drawAll(from, next), next < to ? folding(next, to) : null);
      box.replaceWith(fresh);
      fresh.querySelector(".actions button")?.focus({ preventScroll: true });
    } }, `Show ${count(Math.min(LAST, to - from))} of ${count(to - from)} messages between`));
    return box;
  }

  function drawOne(each, at) {
    const out = [];
    const instructing = ["system", "developer"].includes(each.role) && at === 0;
    // The summary's is B, the last one C, a spare one on the way D; the caller's instructions have A.
    out.push(message(each, () => (instructing ? "A" : context.covers && at === front ? "B" : at === carrying.at(-1) ? "C" : "D")));
    if (at + 1 === context.stable_prefix.messages) {
      out.push(line(`stable up to here: ${count(context.stable_prefix.tokens)} tokens that later turns repeat byte for byte`, "stable"));
    }
    return out;
  }

  function message(each, letter) {
    const parts = [];
    for (const one of pieces(each)) {
      const standsFor = one.kind === "summary" && awaited && (!told || one.text === told.text);
      if (standsFor) awaited = false;
      parts.push(standsFor ? summary(one, told, go) : drawn({ ...one, kind: one.kind === "summary" ? "text" : one.kind }));
      if (one.mark) parts.push(line(markText(standsFor ? "B" : letter(), one.mark), "mark"));
    }
    const is = role(each);
    const size = is === "system" && first ? `, ${count(tokens.system)} tokens` : "";
    first = false;
    return [h("section", { className: `part ${is}` }, h("h4", {}, h("span", { className: `role ${is}` }, is), size), parts)];
  }
}

/** A context of an earlier epoch, put together from the log: its summary, then what stood verbatim behind it. */
export function past(step, told, go, tail) {
  return [
    told ? h("section", { className: "part user" }, h("h4", {}, h("span", { className: "role user" }, "user")), summary({ text: told.text, kind: "summary" }, told, go)) : h("p", { className: "note" }, "No summary yet: the whole log was the context."),
    h("p", { className: "note" }, tail ? `then messages ${count(tail[0])} to ${count(tail[1])} word for word` : "and no message behind it"),
    tail ? h("div", { className: "tail-holder" }) : null,
  ];
}

function summary(one, told, go) {
  const raw = h("details", {}, h("summary", {}, "As the model reads it"), folded(one.text, 20000));
  if (!told) return h("div", { className: "piece summary" }, folded(one.text, 20000));
  const out = [];
  let section = null;
  let list = null;
  for (const said of told.statements) {
    if (said.section !== section) {
      section = said.section;
      list = h("ul", {});
      out.push(h("h5", {}, theirs(section || "Summary")), list);
    }
    list.append(h("li", {}, theirs(said.text, "span", "said"), " ", chips(said, go)));
  }
  const left = told.left_out;
  return h("div", { className: "piece summary" },
    h("p", { className: "piece-head" }, `Summary of messages 1 to ${count(told.to)}, ${count(told.tokens)} tokens, by `, theirs(told.model)),
    out.length ? out : folded(one.text, 20000),
    left && left.messages ? h("p", { className: "note" }, `No statement comes from ${count(left.messages)} of these messages (${count(left.tokens)} tokens): they are found by search and in the history.`) : null,
    out.length ? raw : null);
}

function chips(said, go) {
  const { sources } = said;
  const title = said.named ? "named by the summary" : "found in the originals";
  return h("span", { className: "chips" }, sources.slice(0, MOST_CHIPS).map((seq) =>
    h("button", { type: "button", className: `chip ${said.named ? "" : "guessed"}`, title, data: { to: seq }, onclick: () => go(seq), aria: { label: `Message ${seq}, ${title}` } }, `#${seq}`)),
  sources.length > MOST_CHIPS ? ` and ${sources.length - MOST_CHIPS} more` : null,
  sources.length ? null : h("span", { className: "note" }, "no source found"));
}

/** Summaries with what each says, by epoch; fetched once each. */
export function statements(name, signal) {
  const known = new Map();
  return async (epoch) => {
    if (!known.has(epoch)) {
      const found = get(ofSession(name, "/summaries"), { after: epoch - 1, limit: 1, statements: true }, signal);
      known.set(epoch, found.then((page) => page.summaries.find((s) => s.epoch === epoch) || null));
      found.catch(() => known.delete(epoch));
    }
    return known.get(epoch);
  };
}

export const saving = (s) => [["Written by", theirs(s.model)], ["Because", h("code", {}, s.reason)], ["Replaced", s.replaced_tokens === null ? "–" : `${count(s.replaced_tokens)} tokens`], ["Summary", `${count(s.tokens)} tokens`], ["Cost", usd(s.cost_usd)], ["Predicted to save", usd(s.predicted_saving_usd)], ["Saved", usd(s.actual_saving_usd)]];
