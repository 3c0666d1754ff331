// What calls cost, what the cache did, what compaction saved, and what is under way.

import { get, may } from "./api.js";
import { chart } from "./charts.js";
import { add, ago, brief, count, fill, h, many, panel, percent, put, sessionLink, span, table, theirs, usd } from "./dom.js";

const PERIODS = [["today", "Today"], ["7d", "7 days"], ["30d", "30 days"], ["90d", "90 days"]];
const CAUSES = {
  compacted: "a compaction began a new prefix: wanted",
  system_changed: "the caller sent another system prompt",
  tools_changed: "the caller sent other tools",
  model_changed: "the caller changed the model: caches are per model",
  edited: "an earlier message was edited or cut off",
};
const REASONS = {
  threshold: "the context passed the threshold",
  rent: "carrying the old turns cost more than compacting them",
  cold: "the provider's cache had gone: nearly free",
  forced: "asked for",
  hard: "the hard mark: done at once, locally",
};

export async function overview(place, { query, signal }) {
  let period = query.get("period") || "7d";
  let tenants = query.get("tenants") || "mine";
  let split = "feature";
  let seen = "";
  let last = null;

  const head = h("div", { className: "head" });
  const body = h("div", { className: "grid" });
  place.append(head, body);

  async function look() {
    const asked = `${period} ${tenants}`;
    const stats = await get("/v1/stats", { period, tenants }, signal);
    return asked === `${period} ${tenants}` ? stats : null; // other figures were asked for meanwhile
  }

  function draw(stats) {
    if (!stats) return;
    last = stats;
    const { at, queue, ...rest } = stats;
    fill(head, controls(stats));
    const now = JSON.stringify([rest, split]);
    if (now !== seen) {
      seen = now;
      put(body, tiles(stats), spend(stats), cache(stats), savings(stats), compactions(stats), h("div", { className: "stack" }, h("div", { className: "live-panel" }), budgets(stats)),
        recent(stats), tables(stats));
    }
    fill(body.querySelector(".queue-tile"), queueTile(queue));
    fill(body.querySelector(".live-panel"), flight(stats));
  }

  function controls(stats) {
    const choose = (name) => async () => {
      period = name;
      draw(await look());
    };
    return [h("h1", {}, "Overview"),
      h("div", { className: "choices", attr: { role: "group" }, aria: { label: "Period" } }, PERIODS.map(([name, text]) =>
        h("button", { type: "button", onclick: choose(name), aria: { pressed: String(name === period) } }, text))),
      may("operator") ? h("div", { className: "choices", attr: { role: "group" }, aria: { label: "Whose" } },
        [["mine", "This tenant"], ["all", "All tenants"]].map(([name, text]) => h("button", {
          type: "button", aria: { pressed: String(name === tenants) },
          onclick: async () => {
            tenants = name;
            draw(await look());
          },
        }, text))) : null,
      h("span", { className: "note" }, `${stats.from} to ${stats.to}, days in UTC`)];
  }

  function spend(stats) {
    const names = [["feature", "By feature"], ["model", "By model"]];
    return h("section", { className: "panel wide" }, h("div", { className: "row" }, h("h2", {}, "Spend by day"),
      h("div", { className: "choices", attr: { role: "group" }, aria: { label: "Split by" } }, names.map(([name, text]) =>
        h("button", { type: "button", aria: { pressed: String(name === split) }, onclick: () => {
          split = name;
          draw(last);
        } }, text)))),
      perDay("Spend by day, in dollars", stats, split === "model" ? stats.spend.by_day_model : stats.spend.by_day, split));
  }

  draw(await look());
  return async () => draw(await look());
}

function days(stats) {
  const found = [];
  for (let day = Date.parse(stats.from); day <= Date.parse(stats.to) && found.length < 400; day += 86400000) {
    found.push(new Date(day).toISOString().slice(0, 10));
  }
  return found;
}

function perDay(title, stats, rows, part) {
  const all = days(stats);
  const named = (row) => (part === "model" ? `${row.model}` : row[part]);
  const sums = new Map();
  for (const row of rows) sums.set(named(row), (sums.get(named(row)) || 0) + row.cost_usd);
  const names = [...sums].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const shown = names.slice(0, 7);
  const series = shown.map((name) => ({ name, values: all.map(() => 0) }));
  if (names.length > 7) series.push({ name: "all others", values: all.map(() => 0) });
  for (const row of rows) {
    const at = all.indexOf(row.day);
    const which = shown.indexOf(named(row));
    if (at >= 0) series[which < 0 ? 7 : which].values[at] += row.cost_usd;
  }
  if (!series.length) return h("p", { className: "empty" }, "No call is in the books in this period. Calls come in through the gateway, as `usage` of an append, or as usage reports.");
  return chart({ title, x: all.map((_, at) => at), labels: all.map((day) => day.slice(5)), series, kind: "bars", format: usd });
}

function tile(name, value, more, className = "") {
  return h("div", { className: `tile ${className}` }, h("h2", {}, name), h("p", { className: "figure" }, value), h("p", { className: "note" }, more));
}

function tiles(stats) {
  const { spend, cache, compactions, savings } = stats;
  const broken = cache.breaks.filter((b) => b.cause !== "compacted");
  const lost = broken.reduce((sum, b) => sum + (b.cost_usd || 0), 0);
  const broke = broken.reduce((sum, b) => sum + b.count, 0);
  return h("div", { className: "tiles" },
    tile("Spent", usd(spend.total.cost_usd), [many(spend.total.calls, "call"), spend.total.unpriced_calls ? `, ${count(spend.total.unpriced_calls)} without a known price` : ""]),
    tile("Cache hit ratio", percent(cache.hit_ratio), [`${brief(spend.total.tokens.cache_read)} of ${brief(spend.total.tokens.input)} input tokens were read from the provider's cache`, apart(spend.by_feature)]),
    tile("Saved by compaction", usd(savings.settled_actual_usd), savings.settled_count ? `where ${usd(savings.settled_predicted_usd)} was predicted, ${count(savings.settled_count)} settled` : `${usd(savings.predicted_usd)} predicted; none settled yet`, savings.settled_actual_usd < 0 ? "bad" : savings.settled_actual_usd > 0 ? "good" : ""),
    tile("Compactions", count(compactions.count), [`${brief(compactions.tokens_removed)} tokens taken out of contexts, `, h("span", { className: compactions.failed ? "bad" : "" }, `${count(compactions.failed)} failed`)]),
    tile("Broken prefixes", count(broke), broke ? (lost ? `${usd(lost)} to write caches anew` : "by callers; what they cost is known through the gateway") : "no caller broke a cached prefix", broke ? "warn" : ""),
    h("div", { className: "tile queue-tile" }));
}

/** The ratio of all calls but the service's own: a summary is asked for once, so that its input is in no cache. */
function apart(features) {
  const chats = features.filter((row) => row.feature !== "summary");
  const sum = (name) => chats.reduce((all, row) => all + row.tokens[name], 0);
  return chats.length === features.length || !sum("input") ? "" : `; without those of summaries ${percent(sum("cache_read") / sum("input"))}`;
}

function queueTile(queue) {
  return [h("h2", {}, "Queue"), h("p", { className: "figure" }, count(queue.waiting + queue.running)),
    h("p", { className: "note" }, `${count(queue.running)} running, ${count(queue.due)} due`, queue.oldest_due_s ? `, the oldest for ${span(queue.oldest_due_s)}` : "")];
}

function cache(stats) {
  const all = days(stats);
  const found = new Map(stats.cache.by_day.map((row) => [row.day, row]));
  const values = all.map((day) => found.get(day)?.hit_ratio ?? null);
  const known = values.some((v) => v !== null);
  return panel("Provider cache",
    known ? chart({ title: "Cache hit ratio by day", x: all.map((_, at) => at), labels: all.map((day) => day.slice(5)), series: [{ name: "input read from the cache", values, colour: 2 }], format: percent, height: 150 })
      : h("p", { className: "empty" }, "No reported call in this period says what was cached."),
    h("h3", {}, "Why prefixes broke"),
    table("Prefix breaks by cause", [
      ["Cause", (b) => h("span", {}, h("code", {}, b.cause), h("br"), h("span", { className: "note" }, CAUSES[b.cause] || ""))],
      ["Breaks", (b) => count(b.count), true], ["Tokens written anew", (b) => (b.tokens ? brief(b.tokens) : "–"), true], ["Cost", (b) => (b.cost_usd ? usd(b.cost_usd) : "–"), true],
    ], stats.cache.breaks, "No prefix began anew in this period."));
}

function savings(stats) {
  const all = days(stats);
  const found = new Map(stats.savings.by_day.map((row) => [row.day, row]));
  const read = (name) => all.map((day) => found.get(day)?.[name] ?? 0);
  return panel("Saved by compaction: predicted against actual",
    stats.savings.by_day.length ? chart({ title: "Saved by compaction by day, in dollars", x: all.map((_, at) => at), labels: all.map((day) => day.slice(5)), kind: "pairs", height: 150, format: usd,
      series: [{ name: "predicted", values: read("settled_predicted_usd"), colour: 5 }, { name: "actual", values: read("settled_actual_usd"), colour: 2 }] })
      : h("p", { className: "empty" }, stats.compactions.count ? "No compaction of this period has a figure: what it saves is known where calls are reported." : "No compaction in this period."),
    h("p", { className: "note" }, `A compaction is settled when the next one takes its place: then both figures stand for the same calls, its own cost paid. Predicted for all that were made in this period: ${usd(stats.savings.predicted_usd)}; summaries have cost ${usd(stats.compactions.cost_usd)}.`));
}

function name(row) {
  if (row.session === null) return h("span", { className: "note" }, "a session");
  return h("a", { href: sessionLink(row.session) }, theirs(row.session));
}

function flight(stats) {
  const many = stats.tenants === "all";
  return panel("Compactions under way", table("Compactions under way", [
    ["Session", name], ...(many ? [["Tenant", (j) => theirs(j.tenant)]] : []),
    ["State", (j) => h("span", { className: `state ${j.state}` }, j.state)],
    ["Due", (j) => (j.due === null ? "–" : j.due > stats.at ? `in ${span(j.due - stats.at)}` : ago(j.due, stats.at))],
    ["Tries", (j) => count(j.attempts), true], ["Last error", (j) => (j.error ? theirs(j.error, "code") : "–")],
  ], stats.queue.jobs, "Nothing is waiting."));
}

function compactions(stats) {
  const { compactions: c } = stats;
  return panel("Compactions by trigger", table("Compactions by trigger", [
    ["Trigger", (r) => h("span", {}, h("code", {}, r.reason), h("br"), h("span", { className: "note" }, REASONS[r.reason] || ""))],
    ["Count", (r) => count(r.count), true], ["Tokens taken out", (r) => brief(r.tokens_removed), true],
  ], c.by_reason, "No compaction in this period."),
  h("h3", {}, "Failures"),
  table("Failed compactions by error", [["Error", (r) => theirs(r.error, "code")], ["Count", (r) => count(r.count), true]], c.failures, "None failed."),
  c.summarizers.length ? [h("h3", {}, "Answers of summarizers that were not taken"),
    table("Summarizer failures", [["Summarizer", (r) => theirs(r.summarizer, "code")], ["Why", (r) => theirs(r.error, "code")], ["Count", (r) => count(r.count), true]], c.summarizers, "")] : null);
}

function recent(stats) {
  return h("section", { className: "panel wide" }, h("h2", {}, "Latest compactions"), table("Latest compactions", [
    ["Session", name], ["When (UTC)", (r) => h("time", {}, new Date(r.at * 1000).toISOString().slice(5, 16).replace("T", " "))],
    ["Outcome", (r) => h("span", { className: `state ${r.outcome}` }, r.outcome === "committed" ? `epoch ${r.epoch}` : "failed")],
    ["Why", (r) => theirs(r.outcome === "committed" ? r.reason : r.error, "code")], ["By", (r) => theirs(r.model || "–")],
    ["Tokens", (r) => (r.before_tokens ? `${brief(r.before_tokens)} → ${brief(r.after_tokens)}` : "–"), true],
    ["To save", (r) => usd(r.predicted_saving_usd), true], ["Took", (r) => (r.seconds === null ? "–" : span(r.seconds)), true],
  ], stats.compactions.recent.slice(0, 20), "No compaction yet."));
}

function budgets(stats) {
  const bar = (b) => {
    const part = Math.min(1, b.spent_usd / b.limit_usd);
    const meter = h("meter", { min: 0, max: 1, low: 0.5, high: 0.8, optimum: 0, value: part, aria: { label: `${percent(b.spent_usd / b.limit_usd)} used` } });
    return h("li", {}, h("span", { className: "row" }, h("span", {}, b.feature ? theirs(b.feature) : "All calls", ` a ${b.period}`), h("span", {}, `${usd(b.spent_usd)} of ${usd(b.limit_usd)}`)), meter,
      h("span", { className: "note" }, b.left_usd > 0 ? `${usd(b.left_usd)} left` : "used up: calls that are paid are refused", b.default ? ", the service's default" : ""));
  };
  return panel("Budgets", stats.budgets.length ? h("ul", { className: "budgets" }, stats.budgets.map(bar))
    : h("p", { className: "empty" }, "No budget is set: PUT /v1/budgets."));
}

function tables(stats) {
  const figures = (first) => [first, ["Calls", (r) => count(r.calls), true], ["Input", (r) => brief(r.tokens.input), true],
    ["Cached", (r) => percent(r.tokens.input ? r.tokens.cache_read / r.tokens.input : null), true], ["Output", (r) => brief(r.tokens.output), true], ["Cost", (r) => usd(r.cost_usd), true]];
  const sorted = (rows) => [...rows].sort((a, b) => b.cost_usd - a.cost_usd).slice(0, 50);
  const box = panel("Spend by model", table("Spend by model", figures(["Model", (r) => h("span", {}, theirs(r.model), h("br"), theirs(r.provider, "span", "note"))]), sorted(stats.spend.by_model), "No call."));
  const more = [panel("Spend by feature", table("Spend by feature", figures(["Feature", (r) => theirs(r.feature)]), sorted(stats.spend.by_feature), "No call."))];
  if (stats.tenants === "all") more.push(panel("Spend by tenant", table("Spend by tenant", figures(["Tenant", (r) => theirs(r.tenant)]), sorted(stats.spend.by_tenant), "No call.")));
  const holder = document.createDocumentFragment();
  add(holder, [box, more]);
  return holder;
}
