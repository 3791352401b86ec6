// Wires the page: what the client reports is told, shown and ticked here.

import { Devices } from "../cookietrack/devices.js";
import { here } from "./client.js";
import { wanted } from "./next.js";
import { stepUp } from "./step-up.js";
import { Tabs } from "./tabs.js";
import { Tour } from "./tour.js";
import { Trail } from "./trail.js";
import * as view from "./view.js";

const RAN_SINCE = "cookietrack-demo-node-started";

const tour = new Tour();
tour.addEventListener("change", () => view.showTour(tour.done));
view.showTour(tour.done);
const trail = new Trail();
trail.addEventListener("entry", ({ detail }) => view.addToTrail(detail));
trail.entries.reverse().forEach(view.addToTrail);
let devices = null;

if (globalThis.autobahn) {
  connect();
} else {
  view.showPhase({ phase: "missing" });
  view.showNotice(
    "autobahn-js is missing, so this page cannot talk to the node. Install npm " +
      "(Debian: apt install npm), run make demo again, and reload.",
    "warning",
  );
}

function connect() {
  const client = here();
  const tabs = new Tabs();
  client.addEventListener("phase", () => view.showPhase(client));
  client.addEventListener("joined", ({ detail }) => joined(detail, client, tabs));
  client.addEventListener("refused", ({ detail }) => refused(detail));
  client.addEventListener("lost", () => lost(client));
  tabs.addEventListener("login", () => client.phase === "visitor" && client.rejoin());
  tabs.addEventListener("here", () => client.phase === "member" && tour.tick("tab"));
  bindForms(client);
  client.run();
}

function joined({ who, before, cause, session }, client, tabs) {
  const member = who.authrole !== "visitor";
  const wasMember = before && before.authrole !== "visitor";
  view.showNotice(null);
  showDevices(member && session, who, before, client);
  if (member) welcome(who, before, tabs);
  else if (cause === "refused") return;
  else if (!wasMember) trail.add("Joined as anonymous: the cookie tracks, nobody is logged in.");
  else if (cause === "logout") farewell("You logged out, and with you every tab of this browser.");
  else farewell("Your login was ended in another tab, on another device, or by the operator.");
  if (wasMember && !member && cause !== "logout") tour.tick("logout");
  if (cause === "login") loggedIn();
  if (cause === "logout") view.focusLogin();
}

function welcome(who, before, tabs) {
  const byCookie = who.authprovider === "cookie";
  trail.add(
    byCookie
      ? `In as ${who.authid} by cookie: no password was asked for.`
      : `Logged in as ${who.authid} by ${view.methodName(who.authmethod)}. The login is stored.`,
  );
  if (!byCookie) {
    tour.tick("login");
    tabs.tell("login");
  }
  if (byCookie && !before && reloaded()) tour.tick("reload");
  if (byCookie && restarted(who)) tour.tick("restart");
  localStorage.setItem(RAN_SINCE, who.node_started);
  tabs.tell("here");
}

function loggedIn() {
  if (wanted()) location.assign(wanted());
  else view.focusWho();
}

function farewell(text) {
  trail.add(text);
  view.showNotice(text);
}

function refused({ message }) {
  view.showLoginError("That is not a demo user with this password.");
  trail.add(`The node refused the login: ${message}`);
}

function lost(client) {
  trail.add("The node cannot be reached: trying again.");
  view.showNotice(
    "The node is away. This page tries again by itself." +
      (client.who && client.who.authrole !== "visitor" ? " Your login is kept." : ""),
    "warning",
  );
  if (devices) devices.session = null;
}

// `session`: of a member; nothing of one user's devices is left for the next.
function showDevices(session, who, before, client) {
  if (!session || who.authid !== before?.authid) {
    devices?.close();
    devices = null;
  }
  if (!session) return;
  devices ??= makeDevices(client);
  devices.session = session;
}

function makeDevices(client) {
  const element = document.getElementById("device-list");
  const made = new Devices(element, { topic: "demo.devices_changed", logIn: () => stepUp(client) });
  made.addEventListener("ended", ({ detail: { cookies, name } }) => {
    trail.add(`Ended ${name ?? (cookies === 1 ? "one other login" : `${cookies} other logins`)}.`);
    if (cookies) tour.tick("device");
  });
  made.addEventListener("failed", ({ detail }) => trail.add(`Devices: ${detail.message}`));
  return made;
}

const reloaded = () => performance.getEntriesByType("navigation")[0]?.type === "reload";

const restarted = (who) => {
  const known = localStorage.getItem(RAN_SINCE);
  return known !== null && Number(known) !== who.node_started;
};

function bindForms(client) {
  const form = document.getElementById("login-form");
  view.showLoginReason(wanted());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    logIn(client, form.elements);
  });
  form.addEventListener("click", ({ target }) => {
    const chip = target.closest(".chip");
    if (!chip) return;
    form.elements.user.value = chip.dataset.user;
    form.elements.password.value = chip.dataset.password;
    document.getElementById("login-button").focus();
  });
  view.onLogout(() => client.logout());
  document.getElementById("again").addEventListener("click", () => tour.reset());
}

function logIn(client, { user, password, method }) {
  if (client.phase === "away") {
    view.showLoginError("The node is away. Log in when it is back.");
  } else if (client.phase === "visitor") {
    view.showLoginError(null);
    client.login(user.value.trim(), method.value, password.value);
  }
}
