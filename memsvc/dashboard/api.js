// The service, asked with the visitor's key.

const KEY = "memsvc-key";
let wanted = null;
let scopes = [];

/** Whether the key is known to have a scope. */
export const may = (scope) => scopes.includes(scope);

/** A refusal, as the service words it; status 0 = the service was not reached. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || `The service answered with ${status}.`);
    this.status = status;
    this.code = problem.code || "";
  }
}

// In this tab alone, and gone with it: a key is a password.
export const key = () => sessionStorage.getItem(KEY) || "";
export const setKey = (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY));

/** Called when the service wants another key; gives a promise of whether one was given. */
export function askWith(ask) {
  wanted = ask;
}

export async function call(method, path, { query = {}, body, signal } = {}) {
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = asked.length ? `?${new URLSearchParams(asked)}` : "";
  const headers = { Accept: "application/json" };
  if (key()) headers["x-memsvc-key"] = key();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path + search, {
    method, headers, signal, credentials: "omit", body: body === undefined ? undefined : JSON.stringify(body),
  }).catch((error) => {
    throw error.name === "AbortError" ? error : new Refused(0, { detail: "The service cannot be reached." });
  });
  if (answer.ok) {
    scopes = answer.headers.get("x-memsvc-scopes")?.split(",") ?? scopes;
    return answer.status === 204 ? null : answer.json();
  }
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401 && wanted && (await wanted(key() ? problem.detail : "This service asks for a key."))) return call(method, path, { query, body, signal });
  throw new Refused(answer.status, problem);
}

export const get = (path, query, signal) => call("GET", path, { query, signal });
export const ofSession = (name, rest = "") => `/v1/sessions/${encodeURIComponent(name)}${rest}`;

/** Every page of a list that has `next`. */
export async function* pages(path, query, signal) {
  let after;
  do {
    const page = await get(path, { ...query, after: after ?? query.after }, signal);
    yield page;
    after = page.next;
  } while (after !== null && after !== undefined);
}
