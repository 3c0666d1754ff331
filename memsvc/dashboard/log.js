// The verbatim log, of any length: blocks of messages that are fetched as they come near what is looked at.

import { get, may, ofSession } from "./api.js";
import { add, count, h, moment, put } from "./dom.js";
import { drawn, pieces, role } from "./message.js";

const MOST_BLOCKS = 2000;
const NEAR = "900px";
const AGAIN_MS = 3000; // after a failure that may pass

/** Args: name; stand(seq) -> "covered" | "verbatim" | "later"; act(what, seq); pinned(seq); cited(seq) -> bool or null. */
export function log({ name, stand, act, pinned, cited, signal }) {
  const box = h("div", { className: "log column-body", tabIndex: 0, attr: { role: "region" }, aria: { label: "History" } });
  const near = new IntersectionObserver((seen) => {
    for (const one of seen) if (one.isIntersecting) load(one.target).catch(() => {});
  }, { root: box, rootMargin: NEAR }); // of the box: it cuts off what is near the window's edge
  const known = new Map(); // element -> {from, to, loading}
  let size = 50;
  let last = 0;
  signal.addEventListener("abort", () => near.disconnect());

  /** Let there be messages 1 to `upto`; `tokens(seq)` helps to guess how tall they are. */
  function reach(upto, tokens) {
    if (!last) size = Math.min(500, Math.max(50, Math.ceil(upto / MOST_BLOCKS)));
    while (last < upto) {
      const open = box.lastElementChild;
      const range = open && known.get(open);
      if (range && range.to - range.from + 1 < size) {
        range.to = last = Math.min(upto, range.from + size - 1);
        renew(open);
        continue;
      }
      const block = h("div", { className: "block" });
      const from = last + 1;
      last = Math.min(upto, last + size);
      let guess = 0;
      for (let seq = from; seq <= last; seq++) guess += 58 + Math.min(380, (tokens(seq) || 20) * 0.45);
      block.style.setProperty("min-height", `${Math.round(guess)}px`);
      if (!known.size) box.replaceChildren();
      known.set(block, { from, to: last, loading: null });
      box.append(block);
      watch(block);
    }
    if (!last) box.replaceChildren(h("p", { className: "empty" }, "No message yet."));
  }

  /** Load a block when it is near, at once if it is. */
  function watch(block) {
    near.unobserve(block); // else nothing is told of one that stays where it is
    near.observe(block);
  }

  function load(block) {
    const range = known.get(block);
    if (range.loading) return range.loading;
    const mine = (range.asked = {});
    range.loading = (async () => {
      const found = await get(ofSession(name, "/history"), { after: range.from - 1, limit: range.to - range.from + 1 }, signal);
      // Another format may take several messages for one: rows of one seq stand together.
      const rows = found.messages.filter((m) => m.seq <= range.to).map(row);
      if (mine !== range.asked) return; // asked again meanwhile: this is the past
      put(block, rows);
      block.style.removeProperty("min-height");
      near.unobserve(block);
    })().catch((error) => {
      if (mine === range.asked) range.loading = null;
      if (error.name !== "AbortError") block.replaceChildren(h("p", { className: "note" }, error.message));
      if (error.status === 0 || error.status >= 500) setTimeout(() => signal.aborted || watch(block), AGAIN_MS);
      throw error;
    });
    return range.loading;
  }

  function renew(block) {
    const range = known.get(block);
    if (range.loading) {
      range.loading = null;
      load(block).catch(() => {});
    }
  }

  function row(found) {
    const { seq, message } = found;
    const element = h("article", { className: "message", tabIndex: -1, data: { seq, dead: found.redacted ? "redacted" : found.superseded ? "superseded" : "" }, aria: { label: `Message ${seq}, ${role(message)}` } });
    const actions = h("span", { className: "row-actions" },
      h("button", { type: "button", className: "quiet pin", onclick: () => act("pin", seq), aria: { label: `Pin message ${seq}` } }, "Pin"),
      h("button", { type: "button", className: "quiet", onclick: () => act("truncate", seq), title: "Take all later messages out of the context", aria: { label: `Cut off after message ${seq}` } }, "Cut off after"));
    add(element, [h("header", {}, h("span", { className: "seq" }, `#${seq}`), h("span", { className: `role ${role(message)}` }, role(message)),
      h("span", { className: "note" }, `${count(found.tokens)} tokens · ${moment(found.at)}`), h("span", { className: "tags" }), h("span", { className: "grow" }), found.superseded || found.redacted || !may("write") ? null : actions),
    pieces(message).map((one) => drawn(one.kind === "summary" ? { ...one, kind: "text" } : one))]);
    mark(element);
    return element;
  }

  function mark(element) {
    const seq = Number(element.dataset.seq);
    const place = element.dataset.dead || stand(seq);
    element.dataset.stand = place;
    const tags = [];
    if (element.dataset.dead) tags.push(["dead", element.dataset.dead]);
    else if (place === "covered") tags.push(cited(seq) ? ["cited", "in the summary"] : cited(seq) === false ? ["left", "left out of it"] : ["", "behind the summary"]);
    else if (place === "later") tags.push(["", "not written yet"]);
    if (pinned(seq)) tags.push(["pinned", "pinned"]);
    element.querySelector(".tags").replaceChildren(...tags.map(([kind, text]) => h("span", { className: `tag ${kind}` }, text)));
    const pin = element.querySelector(".pin");
    if (!pin) return;
    pin.textContent = pinned(seq) ? "Unpin" : "Pin";
    pin.setAttribute("aria-label", `${pin.textContent} message ${seq}`);
  }

  return {
    box,
    reach,
    /** Say anew of each message that is there where it stands. */
    paint: () => box.querySelectorAll(".message").forEach(mark),
    /** Fetch again what is there: an edit has changed it. */
    again: () => known.forEach((_, block) => renew(block)),
    /** Bring a message into sight and say that it is meant. */
    async go(seq, { quietly = false } = {}) {
      for (const [block, range] of known) {
        if (seq < range.from || seq > range.to) continue;
        await load(block);
        const found = block.querySelector(`[data-seq="${seq}"]`);
        if (!found) return;
        const inside = getComputedStyle(box).overflowY !== "visible" && box.scrollHeight > box.clientHeight;
        if (inside) box.scrollTop += found.getBoundingClientRect().top - box.getBoundingClientRect().top - 60;
        if (quietly) return;
        found.scrollIntoView({ block: inside ? "nearest" : "center" }); // the box itself may stand below the window
        found.focus({ preventScroll: true });
        found.classList.remove("meant");
        void found.offsetWidth; // begins the animation again
        found.classList.add("meant");
      }
    },
  };
}
