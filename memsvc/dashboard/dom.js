// Elements, words and numbers. Text goes into the page as text only: nothing here takes markup.

/** An element: `props` are properties, `on…` handlers, `data`, `aria` and attributes (`attr`); children are nodes,
    text or null. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name === "data") Object.assign(element.dataset, value);
    else if (name === "attr") for (const [key, each] of Object.entries(value)) element.setAttribute(key, each);
    else if (name === "aria") for (const [key, each] of Object.entries(value)) element.setAttribute(`aria-${key}`, each);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element[name] = value;
  }
  add(element, children);
  return element;
}

export function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Somebody else's text: kept apart from the page's own direction, control characters shown as what they are. */
export function theirs(text, tag = "bdi", className = "") {
  return h(tag, { className, dir: "auto" }, plain(text));
}

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g;

// What turns the direction of text would let a name read as another one.
export function plain(text) {
  return String(text).replace(CONTROL, (c) => {
    const code = c.charCodeAt(0);
    if (code > 0x7f) return `⟨${code.toString(16).toUpperCase()}⟩`;
    return c === "\r" ? "" : String.fromCharCode(code === 0x7f ? 0x2421 : 0x2400 + code);
  });
}

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const count = (n) => (n === null || n === undefined ? "–" : whole.format(n));
export const brief = (n) => (n === null || n === undefined ? "–" : Math.abs(n) < 10000 ? whole.format(n) : short.format(n));
/** So many of a thing: `one` is its singular. */
export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
export const percent = (x) => (x === null || x === undefined ? "–" : `${(100 * x).toFixed(x >= 0.9995 ? 0 : 1)} %`);

/** Dollars with as many digits as tell something. */
export function usd(x) {
  if (x === null || x === undefined) return "–";
  const size = Math.abs(x);
  if (size === 0) return "$0";
  const sign = x < 0 ? "−" : "";
  if (size >= 1000) return `${sign}$${whole.format(size)}`;
  if (size >= 1) return `${sign}$${size.toFixed(2)}`;
  if (size < 0.0001) return `${sign}<$0.0001`;
  return `${sign}$${size.toFixed(size >= 0.1 ? 2 : size >= 0.01 ? 3 : 4)}`;
}

export function ago(at, now = Date.now() / 1000) {
  return `${span(Math.max(0, now - at))} ago`;
}

export function span(seconds) {
  if (seconds < 1) return "under 1 s";
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= size * (unit === "d" ? 2 : 1)) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}

export const moment = (at) => new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ");
export const sessionLink = (name) => `#/session/${encodeURIComponent(name)}`;

/** A table. `columns`: [title, cell of a row, is a number]. Without rows: `empty` in words. */
export function table(caption, columns, rows, empty) {
  if (!rows.length) return h("p", { className: "empty" }, empty);
  const head = columns.map(([title, , number]) => h("th", { className: number ? "num" : "", scope: "col" }, title));
  const line = (row) => h("tr", {}, columns.map(([, cell, number], at) =>
    h(at ? "td" : "th", at ? { className: number ? "num" : "" } : { scope: "row", className: number ? "num" : "" }, cell(row))));
  return h("div", { className: "scroll", tabIndex: 0, attr: { role: "region" }, aria: { label: caption } },
    h("table", {}, h("caption", { className: "unseen" }, caption), h("thead", {}, h("tr", {}, head)),
      h("tbody", {}, rows.map(line))));
}

export function panel(title, ...children) {
  return h("section", { className: "panel" }, h("h2", {}, title), children);
}

/** Let `holder` hold these, and nothing else; the reader stays where they were. */
export function put(holder, ...children) {
  staying(holder, () => {
    holder.replaceChildren();
    add(holder, children);
  });
}

// What an element is to the reader, and the how manieth of its like it is: what is drawn anew has the same again.
const like = (element) => element.id || element.dataset.step || element.getAttribute("href") || element.getAttribute("aria-label") || element.textContent;
const places = (holder, element) => {
  const all = [...holder.querySelectorAll(element.localName)].filter((each) => like(each) === like(element));
  return [element.localName, like(element), all.indexOf(element)];
};
const found = (holder, [tag, name, at]) => {
  const all = [...holder.querySelectorAll(tag)].filter((each) => like(each) === name);
  return all[at] ?? all.at(-1);
};

/** Draw `holder` anew by `work`: what had the focus has it again, what was unfolded or scrolled stays so. */
export function staying(holder, work) {
  const focused = holder !== document.activeElement && holder.contains(document.activeElement) ? places(holder, document.activeElement) : null;
  const open = [...holder.querySelectorAll("details[open] > summary")].map((each) => places(holder, each));
  const scrolled = [...holder.querySelectorAll(".scroll")].filter((each) => each.scrollLeft || each.scrollTop)
    .map((each) => [places(holder, each), each.scrollLeft, each.scrollTop]);
  work();
  for (const place of open) found(holder, place)?.parentElement.setAttribute("open", "");
  for (const [place, left, top] of scrolled) found(holder, place)?.scrollTo(left, top);
  if (focused) found(holder, focused)?.focus({ preventScroll: true });
}

/** Put `element` in the place of what `holder` holds, unless it looks the same: what a reader has selected or
    scrolled to stays. */
export function fill(holder, ...children) {
  const fresh = h("div", {}, children);
  if (holder.childNodes.length === fresh.childNodes.length &&
      [...holder.childNodes].every((old, at) => old.isEqualNode(fresh.childNodes[at]))) return;
  staying(holder, () => holder.replaceChildren(...fresh.childNodes));
}
