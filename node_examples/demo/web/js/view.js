// Puts the state into the page. Text goes in as text, never as markup.

import { showLink } from "./link.js";
import { STEPS } from "./tour.js";

const LONGEST_TRAIL = 12;
const METHOD = { ticket: "a ticket", wampcra: "WAMP-CRA" };

const at = (id) => document.getElementById(id);

export const methodName = (method) => METHOD[method] ?? method;

export function showPhase({ phase, who }) {
  showLink(phase);
  at("identity").toggleAttribute("data-stale", phase === "away" || phase === "connecting");
  // Not `disabled`, which takes the focus away.
  at("logout").setAttribute("aria-disabled", String(phase !== "member"));
  at("login-form").setAttribute("aria-busy", String(phase === "connecting"));
  at("login-button").disabled = phase === "missing";
  if (who) showWho(who);
  else if (phase === "away" || phase === "missing") showNobody();
  if (phase === "visitor" || phase === "member") showLogin(phase === "visitor");
}

function showWho(who) {
  const member = who.authrole !== "visitor";
  document.title = `${member ? who.authid : "Not logged in"} · Cookie tracking demo`;
  at("identity").toggleAttribute("data-member", member);
  at("avatar").textContent = member ? who.authid[0].toUpperCase() : "?";
  at("authid").textContent = member ? who.authid : "Not logged in";
  at("manner").textContent = manner(who, member);
  at("tracking-id").textContent = who.tracking_id;
  at("authrole").textContent = who.authrole;
  at("console").hidden = who.authrole !== "operator";
  at("node-started").textContent = moment(who.node_started);
}

function showNobody() {
  at("authid").textContent = "Not connected";
  at("manner").textContent = "The node has not said who you are";
}

function manner({ authmethod, authprovider }, member) {
  if (!member) return "Tracked by a cookie, anonymous";
  if (authprovider === "cookie") return "Let in by the cookie, without a challenge";
  return `Logged in by ${methodName(authmethod)}, stored with the cookie`;
}

// The focus moves from what goes away to what takes its place.
function showLogin(offered) {
  const going = offered ? [at("logout"), at("devices")] : [at("login")];
  const focused = going.some((each) => each.contains(document.activeElement));
  at("login").hidden = !offered;
  at("logout").hidden = offered;
  at("devices").hidden = offered;
  if (!offered) at("login-form").reset();
  if (focused) (offered ? focusLogin : focusWho)();
}

export const focusLogin = () => at("user").focus();

export const focusWho = () => at("who").focus();

export function onLogout(logout) {
  at("logout").addEventListener("click", () => {
    if (at("logout").getAttribute("aria-disabled") !== "true") logout();
  });
}

export function showNotice(text, kind = "info") {
  at("notice").hidden = !text;
  at("notice").dataset.kind = kind;
  at("notice").textContent = text ?? "";
}

export function showLoginReason(path) {
  at("login-why").hidden = !path;
  at("login-why").textContent = path ? `${path} opens for those who are logged in.` : "";
}

export function showLoginError(text) {
  at("login-error").hidden = !text;
  at("login-error").textContent = text ?? "";
  at("password").toggleAttribute("aria-invalid", Boolean(text));
  if (text) at("password").select();
}

export function addToTrail({ at: ms, text }) {
  const time = Object.assign(document.createElement("time"), {
    dateTime: new Date(ms).toISOString(),
    textContent: moment(ms),
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

function item(...content) {
  const li = document.createElement("li");
  li.append(...content);
  return li;
}

// The time of day, with the date unless it is today's.
function moment(ms) {
  const then = new Date(ms);
  const today = then.toDateString() === new Date().toDateString();
  return today ? then.toLocaleTimeString() : then.toLocaleString();
}
