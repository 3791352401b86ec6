// Numbers, times and names, in the reader's own language where it has words for them.

import { make } from "./dom.js";

const NUMBER = new Intl.NumberFormat();
const EXACT = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat([], { timeStyle: "medium" });
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

// How far the store's clock is ahead of this one, in milliseconds.
let ahead = 0;
export const noteTime = (at) => {
  ahead = at - Date.now();
};
export const storeNow = () => Date.now() + ahead;

export const number = (value) => (value == null ? "–" : NUMBER.format(value));

export const counted = (value, one, many = `${one}s`) =>
  `${number(value)} ${value === 1 ? one : many}`;

export const bytes = (value) => {
  if (value == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
};

export const seconds = (value) => {
  if (value == null) return "–";
  if (value < 0.001) return `${Math.round(value * 1e6)} µs`;
  return value < 1 ? `${+(value * 1000).toPrecision(2)} ms` : `${+value.toPrecision(2)} s`;
};

/** How a worker's clock differs from its store's, in seconds: for `facts`. */
export const skew = (value) => [
  `Clock ${value < 0 ? "behind" : "ahead of"} the store's`,
  value == null ? null : seconds(Math.abs(value)),
];

export const relative = (at) => {
  const distance = at - storeNow();
  for (const [unit, length] of UNITS) {
    if (Math.abs(distance) >= length) return AGO.format(Math.trunc(distance / length), unit);
  }
  return "now";
};

/** A time that goes on: see `refreshTimes`. */
export const time = (at) => {
  if (at == null) return make("span", {}, "–");
  const date = new Date(at);
  // A record may say so, a calendar does not.
  if (Number.isNaN(date.getTime())) return make("span", {}, `${at} ms`);
  return make(
    "time",
    { datetime: date.toISOString(), title: EXACT.format(date), "data-at": at },
    relative(at),
  );
};

export const clock = (iso) => {
  const date = new Date(iso);
  return make("time", { datetime: iso, title: EXACT.format(date) }, CLOCK.format(date));
};

export const refreshTimes = () => {
  for (const element of document.querySelectorAll("time[data-at]")) {
    const text = relative(Number(element.dataset.at));
    if (element.textContent !== text) element.textContent = text;
  }
};

/**
 * What somebody else has chosen, so that two names that differ look different: what does not show,
 * or turns the text around it, as its number. `cookietrack ls` does the same.
 */
export const printable = (text) =>
  text.replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (each) => `\\u{${each.codePointAt(0).toString(16)}}`);

/** Crossbar writes `tcp4:192.0.2.1:52410` and `tcp6:2001:db8::1:443`: the address alone. */
export const address = (peer) => {
  if (!peer) return "–";
  const found = /^tcp[46]?:\[?(.*?)\]?:\d+$/.exec(peer);
  return printable(found ? found[1] : peer.split(":")[0]);
};

export const user = (row) => (row.authid == null ? "nobody logged in" : printable(row.authid));

/** A user in a realm, null for any. */
export const named = (authid, realm) =>
  realm ? `${printable(authid)} in ${printable(realm)}` : printable(authid);

export const device = (row) => (row.device == null ? null : printable(row.device));

export const group = (row) =>
  row.authid == null ? "" : [row.authrole, row.authrealm].filter(Boolean).map(printable).join(" in ");
