// One device in the list. What a browser says of itself is text from outside.

import { button, make, onClick, turnOff } from "./elements.js";

// `end` ends it, unless it is off: while that is in flight, or without a session.
export function row(device, name, { words, locale, isEnding, isOff, end }) {
  const facts = factsOf(device, words, locale);
  const text = make("div", {}, make("strong", {}, name), make("span", {}, facts.map(unbroken).join(" · ")));
  const attributes = { "data-id": device.id, ...(device.current && { "data-current": "" }) };
  if (device.current) return make("li", attributes, text, badge(words));
  const ending = button("cookietrack-end", isEnding ? words.ending : words.end);
  ending.setAttribute("aria-label", `${ending.textContent} ${[name, ...facts].join(", ")}`);
  turnOff(ending, isOff);
  onClick(ending, end);
  return make("li", attributes, text, ending);
}

const badge = (words) => make("span", { class: "cookietrack-badge" }, words.current);

function factsOf({ peer, created, logged_in, seen, connections }, words, locale) {
  const last = connections ? words.connected : words.seenLast(moment(seen, locale));
  const facts = [addressOf(peer), words.since(moment(logged_in ?? created, locale)), last];
  return facts.filter(Boolean);
}

const unbroken = (text) => text.replaceAll(" ", "\u00a0");

// The address alone: Crossbar writes tcp4:192.0.2.1:52410.
const addressOf = (peer) => peer?.replace(/^\w+:/, "").replace(/:\d+$/, "");

// The time of day, with the date unless it is today's.
function moment(ms, locale) {
  const then = new Date(ms);
  const isToday = then.toDateString() === new Date().toDateString();
  return then.toLocaleString(locale, { timeStyle: "short", ...(!isToday && { dateStyle: "medium" }) });
}
