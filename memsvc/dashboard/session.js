// One conversation: the whole log beside the context, and how the one became the other.

import { call, get, may, ofSession, pages } from "./api.js";
import { chart } from "./charts.js";
import { past, present, saving, statements } from "./context.js";
import { ago, brief, count, fill, h, many, moment, percent, put, theirs, usd } from "./dom.js";
import { log } from "./log.js";

const OUTLINE = 5000; // messages a request, and how many requests a chart is worth
const MOST_PAGES = 20;
const MOST_CALLS = 10000; // the newest
const FORMATS = ["anthropic", "openai", "responses"];

export async function session(place, { subject: name, query, signal, anew }) {
  let doc, context, format;
  let summaries = [], pins = new Set(), calls = [], callsRead = [], callsFrom, outline = [], steps = [], cited = null, chosen = null;
  const told = statements(name, signal);

  const head = h("div", { className: "head" });
  const news = h("p", { className: "news", attr: { role: "status" } });
  const facts = h("div", { className: "tiles" });
  // One slider for as long as the view lives: it would slip from the hand that drags it.
  const slider = h("input", { type: "range", id: "epoch", min: 0, oninput: () => choose(Number(slider.value)) });
  const back = h("button", { type: "button", onclick: () => choose(shownStep() - 1), aria: { label: "Earlier epoch" } }, "‹");
  const on = h("button", { type: "button", onclick: () => choose(shownStep() + 1), aria: { label: "Later epoch" } }, "›");
  const stepName = h("p", { className: "note" });
  const track = h("div", {});
  const facts_of = h("div", {});
  const story = h("section", { className: "panel wide" },
    h("div", { className: "row" }, h("h2", {}, h("label", { attr: { for: "epoch" } }, "Epochs")), stepName),
    track, h("div", { className: "stepper" }, back, slider, on), facts_of);
  const side = h("div", { className: "column-body context", tabIndex: 0, attr: { role: "region" }, aria: { label: "Context" } });
  const sideHead = h("div", { className: "column-head" });
  const left = log({ name, signal, stand, act, pinned: (seq) => pins.has(seq), cited: (seq) => (cited ? cited.has(seq) : null) });
  const charts = h("div", { className: "grid" });
  place.append(head, news, facts, story,
    h("div", { className: "columns" },
      h("section", { className: "column" }, h("div", { className: "column-head" }, h("h2", {}, "History"), h("p", { className: "note" }, "every message, word for word, for ever")), left.box),
      h("section", { className: "column" }, sideHead, side)),
    charts);

  function stand(seq) {
    const step = steps[chosen] ?? steps.at(-1);
    if (!step) return "verbatim";
    if (seq <= step.to) return "covered";
    return seq > step.last ? "later" : "verbatim";
  }

  async function load() {
    const old = doc;
    try {
      doc = await get(ofSession(name), {}, signal);
      await loadRest(old?.epoch ?? doc.epoch);
    } catch (error) {
      doc = old; // else the next look would find nothing new, and what was not loaded stayed so
      throw error;
    }
  }

  async function loadRest(seen) {
    format ??= doc.format || "openai";
    const [found, kept] = await Promise.all([
      get(ofSession(name, "/context"), { format }, signal).catch((error) => {
        if (error.name === "AbortError") throw error;
        return { trouble: error.message };
      }),
      get(ofSession(name, "/pins"), {}, signal),
    ]);
    context = found;
    pins = new Set(kept.pins.map((p) => p.seq));
    await loadSummaries();
    // An epoch that has no summary of its own may be an edit: then messages that were there are superseded now.
    if (summaries.filter((s) => s.epoch > seen && s.epoch <= doc.epoch).length !== doc.epoch - seen) outline = [];
    await loadOutline();
    await loadCalls();
    makeSteps();
  }

  async function loadSummaries() {
    const since = async (after) => {
      const found = [];
      for await (const page of pages(ofSession(name, "/summaries"), { after, limit: 100 }, signal)) found.push(...page.summaries);
      return found;
    };
    const kept = summaries.slice(0, -1); // the last one's figures still change
    const fresh = await since(kept.at(-1)?.epoch ?? 0);
    // None of these in force: it was gone back to an earlier one, or a redaction took some away.
    if (kept.length && !fresh.some((s) => s.current)) summaries = await since(0);
    else summaries = [...kept.map((s) => ({ ...s, current: false })), ...fresh];
  }

  async function loadOutline() {
    let from = Math.max(outline.at(-1)?.seq ?? 0, doc.last_seq - OUTLINE * MOST_PAGES);
    for (let n = 0; n < MOST_PAGES && from < doc.last_seq; n++) {
      const page = await get(ofSession(name, "/history"), { after: from, limit: OUTLINE, content: false }, signal);
      outline.push(...page.messages.filter((m) => !m.part));
      if (page.next === null) break;
      from = page.next;
    }
  }

  async function loadCalls() {
    // Pages that are full have been read for good: only what came after them is asked for again.
    let fresh = null;
    do {
      fresh = await get(ofSession(name, "/calls"), { after: callsFrom, limit: 1000 }, signal);
      calls = [...callsRead, ...fresh.calls].slice(-MOST_CALLS);
      if (fresh.next !== null) [callsRead, callsFrom] = [calls, fresh.next];
    } while (fresh.next !== null);
  }

  // A step: the state after each commit, from nothing to now.
  function makeSteps() {
    const lastOf = (epoch) => {
      let low = 0, high = outline.length; // epochs never fall along the log
      while (low < high) {
        const middle = (low + high) >> 1;
        if (outline[middle].epoch < epoch) low = middle + 1;
        else high = middle;
      }
      return low ? outline[low - 1].seq : 0;
    };
    const found = [{ epoch: 0, to: 0, summary: null }];
    for (const s of summaries) found.push({ epoch: s.epoch, to: s.to, summary: s });
    const current = summaries.find((s) => s.current) ?? null;
    const newest = found.at(-1);
    if (newest.summary !== current || newest.epoch < doc.epoch) found.push({ epoch: doc.epoch, to: doc.cut ?? 0, summary: current, edited: true });
    found.forEach((step, at) => (step.last = at + 1 < found.length ? lastOf(found[at + 1].epoch) : doc.last_seq));
    steps = found;
  }

  function say(text, bad = false) {
    news.textContent = text;
    news.className = bad ? "news bad" : "news";
  }

  async function doing(what, work) {
    say(`${what} …`);
    try {
      say(await work());
    } catch (error) {
      if (error.name === "AbortError") return;
      say(error.message, true);
    }
    await renew(true).catch(() => {});
  }

  async function act(what, seq) {
    if (what === "pin") {
      const off = pins.has(seq);
      return doing(off ? "Unpinning" : "Pinning", async () => {
        await call(off ? "DELETE" : "PUT", ofSession(name, `/pins/${seq}`));
        return off ? `Message ${seq} is no longer pinned.` : `Message ${seq} will stand word for word in every summary.`;
      });
    }
    if (seq >= doc.last_seq) return say(`Message ${seq} is the last one.`);
    const sure = await confirmed("Cut off after this message?", `Messages ${seq + 1} to ${doc.last_seq} leave the context. They stay in the history, marked as superseded; this is not undone.`, "Cut off", signal);
    if (!sure) return;
    return doing("Cutting off", async () => {
      await call("POST", ofSession(name, "/truncate"), { body: { after_seq: seq } });
      return `Messages after ${seq} are superseded.`;
    });
  }

  const compact = () => doing("Compacting", async () => {
    const done = await call("POST", ofSession(name, "/compact"), { body: { force: true, wait_ms: 30000 } });
    return done.changed ? `Compacted: this is epoch ${done.epoch}.` : done.error || `Nothing was compacted: ${(done.reason || "not enough to gain").replaceAll("_", " ")}.`;
  });

  const goBack = (epoch) => doing("Going back", async () => {
    const done = await call("POST", ofSession(name, "/compact"), { body: { to_epoch: epoch } });
    chosen = null;
    return `The summary of epoch ${epoch} is in force again, as epoch ${done.epoch}.`;
  });

  const save = () => doing("Collecting", async () => {
    const messages = [];
    for await (const page of pages(ofSession(name, "/history"), { limit: 500 }, signal)) messages.push(...page.messages);
    const text = JSON.stringify({ session: doc, summaries, messages }, null, 1);
    const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: `${name.replace(/[^\w.-]+/g, "_").slice(0, 80) || "session"}.json` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    return `${count(messages.length)} messages and ${count(summaries.length)} summaries saved to a file. \`memsvc export\` writes what \`memsvc import\` reads.`;
  });

  function drawHead() {
    fill(head, h("h1", {}, theirs(name)), h("div", { className: "actions" },
      may("write") ? h("button", { type: "button", className: "main", data: { do: "compact" }, onclick: compact }, "Compact now") : null,
      h("button", { type: "button", data: { do: "export" }, onclick: save }, "Export")));
    const { tokens, compaction } = doc;
    const tile = (title, value, more) => h("div", { className: "tile" }, h("h2", {}, title), h("p", { className: "figure" }, value), h("p", { className: "note" }, more));
    const error = compaction.last_error ? theirs(compaction.last_error.slice(0, 300)) : null;
    fill(facts,
      tile("In full", brief(tokens.full), [`tokens, ${many(doc.messages, "message")}`]),
      tile("Context", brief(tokens.context), [`tokens: ${percent(tokens.ratio)} of full`, compaction.shadow ? "; shadow: the full history is served" : ""]),
      tile("Epoch", count(doc.epoch), doc.cut ? `summary stands for 1 to ${count(doc.cut)}` : "nothing is compacted"),
      tile("Saved", usd(compaction.actual_saving_usd), compaction.predicted_saving_usd === null ? "no prediction" : `of ${usd(compaction.predicted_saving_usd)} predicted, by the summary in force`),
      tile("Compaction", compaction.state, [doc.policy.mode ?? doc.policy.effective?.mode, compaction.last_reason ? `, last: ${compaction.last_reason}` : "", error ? [h("br"), error] : null]),
      tile("Model", theirs(doc.model || "not named"), [doc.user ? ["user ", theirs(doc.user), ", "] : "", `session changed ${ago(doc.updated_at)}`]));
  }

  function drawStory() {
    const at = shownStep();
    const total = Math.max(1, doc.last_seq);
    const strip = h("div", { className: "strip", attr: { role: "img" }, aria: { label: `Of ${count(total)} messages ${count(steps[at].to)} stand behind the summary, ${count(Math.max(0, steps[at].last - steps[at].to))} are word for word in the context.` } });
    const segment = (kind, from, to, text) => {
      if (to < from) return;
      const part = h("span", { className: kind, title: `${text}: ${count(from)} to ${count(to)}` });
      part.style.setProperty("flex-grow", String(to - from + 1));
      strip.append(part);
    };
    let before = 0;
    for (const step of steps.slice(0, at + 1)) {
      if (step.summary && step.to > before && step.to <= steps[at].to) {
        segment("behind", before + 1, step.to, `first summarized in epoch ${step.epoch}`);
        before = step.to;
      }
    }
    segment("behind", before + 1, steps[at].to, "behind the summary");
    segment("verbatim", steps[at].to + 1, steps[at].last, "word for word");
    segment("later", steps[at].last + 1, total, "not written yet");
    if (at === 0 && document.activeElement === back || at === steps.length - 1 && document.activeElement === on) slider.focus();
    Object.assign(slider, { max: steps.length - 1, value: at, disabled: steps.length < 2 });
    slider.setAttribute("aria-valuetext", label(steps[at]));
    back.disabled = at === 0;
    on.disabled = at === steps.length - 1;
    stepName.textContent = label(steps[at]);
    fill(track, strip);
    const { summary } = steps[at];
    put(facts_of,
      summary ? h("dl", { className: "facts" }, saving(summary).map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value)))) : null,
      summary && !summary.current && may("write") ? h("div", { className: "actions" }, h("button", { type: "button", onclick: () => goBack(summary.epoch) }, "Put this summary in force again")) : null);
  }

  function label(step) {
    if (!step.summary) return step.epoch ? `Epoch ${step.epoch}: no summary is in force` : "Epoch 0: nothing compacted";
    return `Epoch ${step.epoch}${step === steps.at(-1) ? " (now)" : ""}: messages 1 to ${count(step.to)} behind the summary${step.edited ? ", after an edit" : `, ${moment(step.summary.at)}`}`;
  }

  function shownStep() {
    return Math.min(chosen ?? steps.length - 1, steps.length - 1);
  }

  function choose(wish) {
    const at = Math.min(steps.length - 1, Math.max(0, wish));
    chosen = at === steps.length - 1 ? null : at;
    drawStory();
    drawSide();
  }

  let side_is = null; // which context is being drawn: of two that overlap the later one stands
  async function drawSide() {
    const step = steps[shownStep()];
    const mine = (side_is = {});
    const said = step.summary ? await told(step.summary.epoch).catch(() => null) : null;
    if (mine !== side_is) return;
    cited = said ? new Set(said.statements.flatMap((s) => s.sources)) : null;
    left.paint();
    const go = (seq) => left.go(seq);
    const now = chosen === null;
    const pick = h("select", { id: "format", disabled: !now, onchange: async () => {
      format = pick.value;
      await renew(true);
    } }, FORMATS.map((f) => h("option", { value: f, selected: f === format }, f)));
    fill(sideHead, h("h2", {}, now ? "Context" : `Context of epoch ${step.epoch}`), h("p", { className: "note" }, now ? "what the model gets now" : "as it was"), h("span", { className: "grow" }), h("label", { className: "unseen", attr: { for: "format" } }, "Format"), pick);
    if (now && context.trouble) return put(side, h("p", { className: "bad" }, context.trouble));
    if (now) return put(side, present(context, said, go));
    const tail = step.last > step.to ? [step.to + 1, step.last] : null;
    put(side, past(step, said, go, tail));
    if (tail) side.querySelector(".tail-holder").append(h("button", { type: "button", onclick: () => left.go(tail[0]) }, "Show them in the history"));
  }

  function drawCharts() {
    const { x, full, sent, marks } = growth();
    const paid = calls.filter((c) => c.cost_usd !== null);
    const all = [...new Set(paid.map((c) => c.feature))];
    const features = all.length > 8 ? all.slice(0, 7) : all;
    const costs = features.map((f) => ({ name: f, values: paid.map((c) => (c.feature === f ? c.cost_usd : 0)) }));
    if (all.length > 8) costs.push({ name: "all others", values: paid.map((c) => (features.includes(c.feature) ? 0 : c.cost_usd)) });
    put(charts,
      h("section", { className: "panel" }, h("h2", {}, "Tokens, message by message"), x.length ? chart({ title: "Tokens of the whole history and of the context after each message", x, series: [{ name: "whole history", values: full, colour: 7, dash: true }, { name: "context", values: sent, colour: 0 }], format: brief, marks, sign: "#" }) : h("p", { className: "empty" }, "No message yet.")),
      h("section", { className: "panel" }, h("h2", {}, "Cost, call by call"), paid.length ? chart({ title: "Dollars of each call", x: paid.map((_, at) => at + 1), kind: "bars", format: usd, series: costs }) : h("p", { className: "empty" }, "No call of this session is in the books. Calls come in through the gateway, as `usage` of an append, or as usage reports."),
        paid.length ? h("p", { className: "note" }, `${many(calls.length, "call")}, ${usd(paid.reduce((sum, c) => sum + c.cost_usd, 0))} in all; ${cachedOf(calls)} of their input was read from the cache.`) : null));
  }

  function growth() {
    const of = new Map(summaries.map((s) => [s.epoch, s]));
    const front = doc.tokens.system + doc.tokens.tools;
    const x = [], full = [], sent = [], marks = [];
    let whole = front, tail = 0, summary = null, epoch = outline[0]?.epoch ?? 0, first = 0;
    for (const one of outline) {
      if (one.epoch !== epoch) {
        for (let e = epoch + 1; e <= one.epoch; e++) summary = of.get(e) ?? summary;
        epoch = one.epoch;
        tail = 0;
        while (first < outline.length && outline[first].seq <= (summary?.to ?? 0)) first++;
        for (let at = first; at < outline.length && outline[at].seq < one.seq; at++) if (!outline[at].superseded) tail += outline[at].tokens;
        marks.push({ x: one.seq, text: `epoch ${epoch}` });
      }
      if (!one.superseded) {
        whole += one.tokens;
        tail += one.tokens;
      }
      x.push(one.seq);
      full.push(whole);
      sent.push(front + (summary?.tokens ?? 0) + tail);
    }
    if (x.length && doc.epoch > epoch) { // compacted since the last message: the line ends where the context is now
      sent[sent.length - 1] = doc.tokens.context;
      marks.push({ x: x.at(-1), text: `epoch ${doc.epoch}` });
    }
    return { x, full, sent, marks };
  }

  function draw() {
    drawHead();
    drawStory();
    drawCharts();
  }

  const state = () => JSON.stringify([doc.revision, doc.log_revision, doc.epoch, doc.compaction, format, [...pins], doc.policy]);

  let looking = Promise.resolve();
  /** One look after the other: two at once would both add what is new. */
  function renew(all = false) {
    const mine = looking.then(() => look(all));
    looking = mine.catch(() => {});
    return mine;
  }

  async function look(all) {
    const before = state();
    const edited = doc.epoch;
    if (!all) {
      const now = await get(ofSession(name), {}, signal);
      if (now.created_at !== doc.created_at) return anew(); // deleted, and another one under its name
      if (now.revision === doc.revision && now.log_revision === doc.log_revision && JSON.stringify(now.compaction) === JSON.stringify(doc.compaction)) return drawHead();
    }
    await load();
    if (state() === before && !all) return;
    draw();
    left.reach(doc.last_seq, tokensOf);
    if (doc.epoch !== edited) left.again();
    await drawSide();
  }

  const tokensOf = (seq) => outline[seq - 1]?.tokens ?? 200;

  await load();
  draw();
  left.reach(doc.last_seq, tokensOf);
  await drawSide();
  await left.go(Math.max(1, Math.min(doc.cut ?? 1, doc.last_seq)), { quietly: true });
  if (query?.get("seq")) await left.go(Number(query.get("seq")));
  return renew;
}

function cachedOf(calls) {
  const input = calls.reduce((sum, c) => sum + (c.tokens.input || 0), 0);
  return percent(input ? calls.reduce((sum, c) => sum + (c.tokens.cache_read || 0), 0) / input : null);
}

function confirmed(title, text, yes, signal) {
  return new Promise((done) => {
    const dialog = h("dialog", { aria: { labelledby: "sure" } }, h("h2", { id: "sure" }, title), h("p", {}, text),
      h("div", { className: "actions" }, h("button", { type: "button", className: "main", onclick: () => dialog.close("yes") }, yes),
        h("button", { type: "button", onclick: () => dialog.close("") }, "Cancel")));
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes");
    });
    signal.addEventListener("abort", () => dialog.close("")); // the reader went back: the question is about another view
    document.body.append(dialog);
    dialog.showModal();
  });
}
