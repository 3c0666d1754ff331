// Which view is shown, the visitor's key, the theme, and the clock that keeps a view up to date.

import { Refused, askWith, key, setKey } from "./api.js";
import { redraw } from "./charts.js";
import { h, plain } from "./dom.js";
import { overview } from "./overview.js";
import { session } from "./session.js";
import { sessions } from "./sessions.js";

const EVERY_MS = 2000;
const main = document.getElementById("main");
const live = document.getElementById("live");
let shown = { refresh: null, stop: new AbortController() };
let timer = 0;

function route() {
  const [view, rest] = location.hash.replace(/^#\/?/, "").split(/\/(.*)/s);
  if (view === "session" && rest) {
    const [name, query] = rest.split("?");
    return ["session", session, decode(name), new URLSearchParams(query)];
  }
  const [path, query] = view.split("?");
  if (path === "sessions") return ["sessions", sessions, null, new URLSearchParams(query)];
  return ["overview", overview, null, new URLSearchParams(query)];
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Show the view that the address names. */
async function show() {
  const [name, view, subject, query] = route();
  shown.stop.abort();
  clearTimeout(timer);
  const mine = (shown = { refresh: null, stop: new AbortController() });
  document.body.dataset.ready = "false";
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.dataset.view === name || (name === "session" && link.dataset.view === "sessions");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = subject ? `${plain(subject)} · memsvc` : `${name} · memsvc`;
  const place = h("div", { className: "view" });
  main.replaceChildren(place);
  window.scrollTo(0, 0);
  try {
    mine.refresh = await view(place, { subject, query, signal: mine.stop.signal, anew: show });
    if (mine === shown) ready();
  } catch (error) {
    if (mine === shown) failed(place, error);
  }
}

function ready() {
  document.body.dataset.ready = "true";
  told("live", "Live");
  again();
}

function failed(place, error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Refused)) throw error;
  place.replaceChildren(h("div", { className: "panel trouble", attr: { role: "alert" } }, h("h1", {}, error.status === 404 ? "Not found" : "This did not work"),
    h("p", {}, error.message), h("button", { type: "button", onclick: show }, "Try again")));
  told("off", "Not up to date");
  document.body.dataset.ready = "true";
}

function again() {
  clearTimeout(timer);
  if (shown.refresh) timer = setTimeout(refresh, EVERY_MS);
}

async function refresh() {
  const mine = shown;
  if (document.hidden || !mine.refresh) return; // comes back with visibilitychange
  try {
    await mine.refresh();
    if (mine === shown) told("live", "Live");
  } catch (error) {
    if (error.name === "AbortError" || mine !== shown) return;
    if (!(error instanceof Refused)) throw error;
    told("off", error.status ? `Not up to date: ${error.message}` : "The service cannot be reached; trying again");
    if (error.status === 401) return; // the visitor has said no: the button asks again
  }
  if (mine === shown) again();
}

function told(state, text) {
  if (live.textContent === text) return; // a screen reader would say it again
  live.className = `live ${state}`;
  live.textContent = text;
}

// Theme

const THEMES = ["auto", "light", "dark"];
const theme = document.getElementById("theme");

function paint(name) {
  document.documentElement.dataset.theme = name;
  theme.textContent = `Theme: ${name}`;
  localStorage.setItem("memsvc-theme", name);
  redraw();
}

theme.addEventListener("click", () => {
  paint(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
paint(THEMES.includes(localStorage.getItem("memsvc-theme")) ? localStorage.getItem("memsvc-theme") : "auto");

// Key

let asking = null;

function askForKey(why) {
  asking ??= new Promise((done) => {
    const field = h("input", { type: "password", id: "key-field", autocomplete: "off", value: key(), spellcheck: false });
    const dialog = h("dialog", { aria: { labelledby: "key-title" } },
      h("h2", { id: "key-title" }, "API key"),
      why ? h("p", {}, why) : null,
      h("p", { className: why ? "note" : "" }, "It is sent with every request of this tab and kept nowhere else. One that may only look: ", h("code", {}, "memsvc keys create --tenant NAME --scope read")),
      h("label", { attr: { for: "key-field" } }, "Key"), field,
      h("div", { className: "actions" },
        h("button", { type: "button", className: "main", onclick: () => dialog.close("use") }, "Use this key"),
        h("button", { type: "button", onclick: () => dialog.close("") }, "Cancel")));
    field.addEventListener("keydown", (event) => event.key === "Enter" && dialog.close("use"));
    dialog.addEventListener("close", () => {
      const used = dialog.returnValue === "use";
      if (used) setKey(field.value.trim());
      dialog.remove();
      asking = null;
      done(used);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}

askWith(askForKey);
document.getElementById("key").addEventListener("click", async () => (await askForKey()) && show());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

// What a button began and could not end: said where the reader is told of the service's state.
addEventListener("unhandledrejection", (event) => {
  const { reason } = event;
  if (reason?.name !== "AbortError" && !(reason instanceof Refused)) return;
  event.preventDefault();
  if (reason instanceof Refused) told("off", `Not up to date: ${reason.message}`);
});
addEventListener("hashchange", show);
document.addEventListener("visibilitychange", () => !document.hidden && refresh());
show();
