// Which view is shown, whether it is live, and who looks at it.

import { ApiError, Unreachable, get } from "./api.js";
import { Connected } from "./connected.js";
import { byId, say } from "./dom.js";
import { Ending } from "./ending.js";
import { printable, refreshTimes, user } from "./format.js";
import { Overview } from "./overview.js";
import { Sessions } from "./sessions.js";
import { Stream } from "./stream.js";
import { Trail } from "./trail.js";

const VIEWS = ["overview", "sessions", "connected", "trail"];
const STATES = { connecting: "Connecting", live: "Live", away: "Reconnecting", out: "Logged out" };
const ENDED = ["revoked", "expired"];
const REFRESH_MS = 10_000;
const RETRY_MS = 2000;

const stream = new Stream();
const overview = new Overview();
const trail = new Trail();
let me = null;
let sessions = null;
let connected = null;
let isOut = false;

const state = (name) => {
  byId("link").dataset.state = name;
  say(byId("link"), STATES[name]);
};

const notice = (text, kind = "") => {
  const place = byId("notice");
  place.className = `notice ${kind}`;
  place.hidden = false;
  say(place.querySelector("p"), text);
};

const out = (error) => {
  if (isOut) return;
  isOut = true;
  stream.close();
  state("out");
  if (error?.status === 403) {
    say(byId("out-title"), "You have no access");
    say(byId("out-text"), "You are logged in as a user who is not an operator here.");
  }
  for (const view of document.querySelectorAll("[data-view]")) view.remove();
  for (const id of ["notice", "log-out", "who"]) byId(id).hidden = true;
  document.querySelector(".views").hidden = true;
  if (byId("confirm").open) byId("confirm").close();
  byId("out").hidden = false;
  byId("out-title").focus();
};

const failed = async (error) => {
  if (error instanceof Unreachable) {
    // The end of the own session aborts the request that asked for it.
    try {
      await get("me");
    } catch (second) {
      error = second;
    }
  }
  if (error instanceof ApiError && [401, 403].includes(error.status)) out(error);
  else notice(`That did not work: ${error.message}.`, "bad");
};

const ending = new Ending({}, notice, failed);

const viewOf = () => (VIEWS.includes(location.hash.slice(1)) ? location.hash.slice(1) : VIEWS[0]);

const show = (focuses) => {
  if (isOut || !me) return;
  const name = viewOf();
  for (const view of VIEWS) {
    byId(view).hidden = view !== name;
    const link = document.querySelector(`.views a[href="#${view}"]`);
    if (view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const title = byId(`${name}-title`);
  document.title = `${title.textContent} · Sessions console`;
  if (focuses) title.focus({ preventScroll: true });
  // The browser has scrolled to the view, which is then under the bar.
  window.scrollTo(0, 0);
  if (name === "sessions") sessions.begin();
  stream.open(name === "connected");
};

const showUser = (authid, authrealm) => {
  location.hash = "sessions";
  sessions.of(authid, authrealm);
};

const greet = async () => {
  const before = me;
  const found = await get("me");
  await overview.load(found);
  me = found;
  Object.assign(ending, { me });
  say(byId("who"), `${user(me)} (${printable(me.authrole)})`);
  byId("log-out").hidden = false;
  sessions ??= new Sessions(me, ending, failed);
  connected ??= new Connected(me, ending, showUser);
  if (before && before.instance !== me.instance) {
    notice("The node was started again. What is shown counts from then on.", "warn");
  }
};

const begin = async () => {
  try {
    await greet();
  } catch (error) {
    if (error instanceof ApiError && [401, 403].includes(error.status)) return out(error);
    state("away");
    setTimeout(begin, RETRY_MS);
    return;
  }
  show(false);
};

stream.addEventListener("begin", ({ detail: { data } }) => {
  state("live");
  trail.begin(data.instance);
  if (data.instance !== me.instance) greet().catch(failed);
});
stream.addEventListener("audit", ({ detail: { data, id } }) => {
  if (trail.note(data, id) && ENDED.includes(data.event) && data.id) sessions.ended(data.id);
});
stream.addEventListener("lost", ({ detail: { data } }) => trail.lost(data.lines));
stream.addEventListener("numbers", ({ detail: { data } }) => overview.note(data));
stream.addEventListener("connections", ({ detail: { data } }) => connected.note(data));
stream.addEventListener("away", () => state("away"));
stream.addEventListener("refused", ({ detail }) => out(detail));

// A browser may keep a page that was left, and its connections with it.
window.addEventListener("pagehide", () => stream.close());
window.addEventListener("pageshow", (event) => {
  if (event.persisted && !isOut) stream.open(viewOf() === "connected");
});
window.addEventListener("hashchange", () => show(true));
byId("notice").querySelector("button").addEventListener("click", () => {
  byId("notice").hidden = true;
});
byId("log-out").addEventListener("click", async () => {
  await ending.some([{ id: me.id, connections: 0 }]);
});
setInterval(refreshTimes, REFRESH_MS);
begin();
