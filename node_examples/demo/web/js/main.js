// Wires the page: what the client reports is told, shown and ticked here.

import { Client } from "./client.js";
import { Devices } from "./devices.js";
import { showDevices } from "./devices-view.js";
import { Tabs } from "./tabs.js";
import { Tour } from "./tour.js";
import * as view from "./view.js";

const RAN_SINCE = "cookietrack-demo-node-started";

const tour = new Tour();
tour.addEventListener("change", () => view.showTour(tour.done));
view.showTour(tour.done);

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
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const client = new Client(`${scheme}://${location.host}/ws`, "demo");
  const tabs = new Tabs();
  const devices = new Devices();
  client.addEventListener("phase", () => view.showPhase(client));
  client.addEventListener("joined", ({ detail }) => joined(detail, tabs, devices));
  client.addEventListener("refused", ({ detail }) => refused(detail));
  client.addEventListener("lost", () => view.addToTrail("The node cannot be reached: trying again."));
  tabs.addEventListener("login", () => client.phase === "visitor" && client.rejoin());
  tabs.addEventListener("here", () => client.phase === "member" && tour.tick("tab"));
  devices.addEventListener("change", () => showDevices(devices.all, (id) => devices.end(id)));
  devices.addEventListener("ended", ({ detail }) => devicesEnded(detail));
  devices.addEventListener("failed", ({ detail }) => view.showNotice(detail, "warning"));
  bindForms(client, devices);
  client.run();
}

function joined({ who, before, cause, session }, tabs, devices) {
  const member = who.authrole === "member";
  const wasMember = before?.authrole === "member";
  view.showNotice(null);
  if (member) devices.watch(session);
  if (member) welcome(who, before, tabs);
  else if (cause === "login") return;
  else if (!wasMember) view.addToTrail("Joined as anonymous: the cookie tracks, nobody is logged in.");
  else if (cause === "logout") farewell("You logged out, and with you every tab of this browser.");
  else farewell("Your login was ended in another tab, on another device, or by the operator.");
  if (wasMember && !member && cause !== "logout") tour.tick("logout");
}

function welcome(who, before, tabs) {
  const byCookie = who.authprovider === "cookie";
  view.addToTrail(
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

function farewell(text) {
  view.addToTrail(text);
  view.showNotice(text);
}

function refused({ message }) {
  view.showLoginError("That is not a demo user with this password.");
  view.addToTrail(`The node refused the login: ${message}`);
}

function devicesEnded(cookies) {
  const text = cookies === 1 ? "One other login was ended." : `${cookies} other logins were ended.`;
  view.addToTrail(text);
  view.showNotice(text);
  if (cookies) tour.tick("device");
}

const reloaded = () => performance.getEntriesByType("navigation")[0]?.type === "reload";

const restarted = (who) => {
  const known = localStorage.getItem(RAN_SINCE);
  return known !== null && Number(known) !== who.node_started;
};

function bindForms(client, devices) {
  const form = document.getElementById("login-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { user, password, method } = form.elements;
    document.getElementById("login-button").disabled = true;
    view.showLoginError(null);
    client.login(user.value.trim(), method.value, password.value);
  });
  form.addEventListener("click", ({ target }) => {
    const chip = target.closest(".chip");
    if (!chip) return;
    form.elements.user.value = chip.dataset.user;
    form.elements.password.value = chip.dataset.password;
  });
  document.getElementById("logout").addEventListener("click", () => client.logout());
  document.getElementById("end-others").addEventListener("click", () => devices.endOthers());
  document.getElementById("again").addEventListener("click", () => tour.reset());
}
