// Puts the state into the page. Text goes in as text, never as markup.

import { STEPS } from "./tour.js";

const LONGEST_TRAIL = 12;
const LINK = {
  connecting: "Connecting",
  visitor: "Connected",
  member: "Connected",
  away: "Node away, trying again",
  missing: "Not connected",
};
const METHOD = { ticket: "a ticket", wampcra: "WAMP-CRA" };

const at = (id) => document.getElementById(id);

export const methodName = (method) => METHOD[method] ?? method;

export function showPhase({ phase, who }) {
  at("link").dataset.phase = phase;
  at("link").textContent = LINK[phase];
  at("identity").toggleAttribute("data-stale", phase === "away" || phase === "connecting");
  at("logout").disabled = phase !== "member";
  at("login-button").disabled = phase !== "visitor";
  if (who) showWho(who);
  if (phase === "visitor" || phase === "member") showLogin(phase === "visitor");
}

function showWho(who) {
  const member = who.authrole === "member";
  document.title = `${member ? who.authid : "Not logged in"} · Cookie tracking demo`;
  at("identity").toggleAttribute("data-member", member);
  at("avatar").textContent = member ? who.authid[0].toUpperCase() : "?";
  at("authid").textContent = member ? who.authid : "Not logged in";
  at("manner").textContent = manner(who, member);
  at("tracking-id").textContent = who.tracking_id;
  at("authrole").textContent = who.authrole;
  at("node-started").textContent = moment(who.node_started);
}

function manner({ authmethod, authprovider }, member) {
  if (!member) return "Tracked by a cookie, anonymous";
  if (authprovider === "cookie") return "Let in by the cookie, without a challenge";
  return `Logged in by ${methodName(authmethod)}, stored with the cookie`;
}

function showLogin(offered) {
  const focused = at("login").contains(document.activeElement) || document.activeElement === at("logout");
  at("login").hidden = !offered;
  at("logout").hidden = offered;
  at("devices").hidden = offered;
  if (!offered) at("login-form").reset();
  if (focused) (offered ? at("user") : at("logout")).focus();
}

export function showNotice(text, kind = "info") {
  at("notice").hidden = !text;
  at("notice").dataset.kind = kind;
  at("notice").textContent = text ?? "";
}

export function showLoginError(text) {
  at("login-error").hidden = !text;
  at("login-error").textContent = text ?? "";
}

export function addToTrail(text) {
  const now = Date.now();
  const time = Object.assign(document.createElement("time"), {
    dateTime: new Date(now).toISOString(),
    textContent: clock(now),
  });
  at("trail").prepend(item(time, text));
  while (at("trail").children.length > LONGEST_TRAIL) at("trail").lastChild.remove();
}

export function showTour(done) {
  at("steps").replaceChildren(...Object.keys(STEPS).map((step) => stepItem(step, done.has(step))));
  at("again").hidden = done.size === 0;
}

function stepItem(step, done) {
  const [title, why] = STEPS[step];
  const text = document.createElement("div");
  const strong = Object.assign(document.createElement("strong"), { textContent: title });
  const unseen = Object.assign(document.createElement("span"), {
    className: "unseen",
    textContent: done ? "done" : "to do",
  });
  text.append(strong, unseen, Object.assign(document.createElement("span"), { textContent: why }));
  const li = item(text);
  li.dataset.step = step;
  li.toggleAttribute("data-done", done);
  return li;
}

export function item(...content) {
  const li = document.createElement("li");
  li.append(...content);
  return li;
}

const clock = (ms) => new Date(ms).toLocaleTimeString();

// The time of day, with the date unless it is today's.
export function moment(ms) {
  const then = new Date(ms);
  const today = then.toDateString() === new Date().toDateString();
  return today ? clock(ms) : then.toLocaleString();
}
