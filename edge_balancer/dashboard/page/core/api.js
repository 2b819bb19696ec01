/** Requests to the controller. Errors come as `Problem` with words for people; a lost login is told to the page. */
import { setSession, state } from "./state.js";
import { texts } from "../texts.js";

const BASE = new URL("api/v1/", document.baseURI);

/** What went wrong with a request (RFC 9457), or that no answer came (`status` 0). */
export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.name = "Problem";
    this.status = status;
    this.title = title;
  }
}

/** The address of a resource: parts are escaped, parameters that are null left out. */
export function address(path, parameters = {}) {
  const url = new URL(path.map(encodeURIComponent).join("/"), BASE);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") {
      url.searchParams.set(name, value);
    }
  }
  return url;
}

async function request(method, url, { body, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
  }
  if (method !== "GET" && state.session?.csrf) {
    headers["X-CSRF-Token"] = state.session.csrf;
  }
  let response;
  try {
    response = await fetch(url, {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") {
      throw error;
    }
    throw new Problem(0, texts.errors.noAnswer, texts.errors.noAnswer);
  }
  const json = (response.headers.get("content-type") ?? "").includes("json");
  const answer = json ? await response.json().catch(() => null) : null;
  if (response.ok) {
    return answer;
  }
  throw new Problem(
    response.status,
    answer?.title ?? String(response.status),
    answer?.detail ?? texts.errors.status(response.status),
  );
}

export const get = (path, parameters, signal) => request("GET", address(path, parameters), { signal });

/** An order. Where the login has ended meanwhile, or is another one (a second page in this browser), the page is told. */
export async function post(path, body = {}) {
  try {
    return await request("POST", address(path), { body });
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) {
      await readSession();
    }
    throw problem;
  }
}

export async function readSession() {
  const session = await get(["session"]);
  setSession(session);
  return session;
}

export async function login(user, password) {
  setSession(await request("POST", address(["session"]), { body: { user, password } }));
}

export async function logout() {
  try {
    await request("DELETE", address(["session"]));
  } catch (problem) {
    // A session that has ended already is what was asked for.
    if (problem.status !== 401) {
      await readSession();
      throw problem;
    }
  }
  await readSession();
}
