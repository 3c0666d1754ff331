// The sessions of a tenant, newest activity first.

import { get } from "./api.js";
import { ago, brief, count, fill, h, percent, sessionLink, table, theirs } from "./dom.js";

export async function sessions(place, { query, signal }) {
  let prefix = query.get("prefix") || "";
  let trail = [undefined]; // cursors of the pages before this one
  const field = h("input", { type: "search", id: "prefix", value: prefix, placeholder: "Name begins with", autocomplete: "off", spellcheck: false });
  const list = h("section", { className: "panel" });
  place.append(h("div", { className: "head" }, h("h1", {}, "Sessions"), h("label", { className: "unseen", attr: { for: "prefix" } }, "Name begins with"), field), list);

  let pause = 0;
  field.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => {
      prefix = field.value;
      trail = [undefined];
      draw();
    }, 200);
  });

  let wanted = null;
  async function draw() {
    const mine = (wanted = {});
    const page = await get("/v1/sessions", { prefix, after: trail.at(-1), limit: 50 }, signal);
    if (mine !== wanted) return; // another list was asked for meanwhile
    const move = (next) => () => {
      trail = next;
      draw();
    };
    fill(list, table("Sessions", [
      ["Session", (s) => h("a", { href: sessionLink(s.session) }, theirs(s.session))],
      ["User", (s) => (s.user ? theirs(s.user) : "–")], ["Last change", (s) => ago(s.updated_at)],
      ["Messages", (s) => count(s.messages), true], ["Epoch", (s) => count(s.epoch), true],
      ["In full", (s) => brief(s.tokens.full), true], ["Context", (s) => brief(s.tokens.context), true],
      ["Context / full", (s) => share(s), true], ["Compaction", (s) => h("span", { className: `state ${s.compaction.state}` }, s.compaction.state)],
    ], page.sessions, prefix ? "No session's name begins so." : "No session yet. A conversation begins with POST /v1/sessions/NAME/messages, or through the gateway."),
    h("div", { className: "actions" },
      trail.length > 1 ? h("button", { type: "button", onclick: move(trail.slice(0, -1)) }, "Newer") : null,
      page.next ? h("button", { type: "button", onclick: move([...trail, page.next]) }, "Older") : null));
  }

  await draw();
  return async () => trail.length === 1 && draw();
}

function share(s) {
  const bar = h("span", { className: "share", aria: { hidden: "true" } }, h("span"));
  bar.firstChild.style.setProperty("--part", `${Math.min(100, 100 * s.tokens.ratio)}%`);
  return h("span", { className: "with-bar" }, percent(s.tokens.ratio), bar);
}
