// The console's API, version 1.

const BASE = "api/v1/";

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The node does not answer; `status` of an `ApiError` says what it answers. */
export class Unreachable extends Error {}

// The API answers in JSON, and the guard before it in words.
const wordsOf = async (response) => {
  const text = await response.text().catch(() => "");
  const kind = response.headers.get("content-type") ?? "";
  if (kind.startsWith("text/plain") && text.trim()) return text.trim();
  try {
    return JSON.parse(text).error ?? `status ${response.status}`;
  } catch {
    return `status ${response.status}`;
  }
};

const ask = async (path, options = {}) => {
  let response;
  try {
    response = await fetch(BASE + path, { cache: "no-store", redirect: "error", ...options });
  } catch {
    throw new Unreachable("the node does not answer");
  }
  if (!response.ok) throw new ApiError(response.status, await wordsOf(response));
  try {
    return await response.json();
  } catch {
    throw new Unreachable("the node has not answered to the end");
  }
};

export const get = (path, query = {}) => {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return ask(text ? `${path}?${text}` : path, { headers: { accept: "application/json" } });
};

export const post = (path, body) =>
  ask(path, {
    method: "POST",
    headers: { accept: "application/json", "content-type": "application/json" },
    body: JSON.stringify(body),
  });

export const streamUrl = (shows) => `${BASE}stream${shows ? "?connections=1" : ""}`;
