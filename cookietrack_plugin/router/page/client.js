// Logs in by ticket once, and by the cookie from then on. The cookie itself is the browser's
// business: no script can read it.

import { join } from "./wamp.js";

const REALM = "realm1";
const RETRY_MS = 3000;
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
const form = document.getElementById("login");
const logout = document.getElementById("logout");
let session = null;

function show(text, { canLogIn = false, canLogOut = false } = {}) {
  document.getElementById("state").textContent = text;
  form.hidden = !canLogIn;
  logout.hidden = !canLogOut;
}

// `user` and `ticket` only where somebody has typed them: without, the cookie has to do.
async function connect(user, ticket) {
  try {
    session = await join(url, REALM, { user, ticket });
  } catch (refusal) {
    if (refusal.byRouter) {
      show(user ? `Not logged in: ${refusal.message}` : "Not logged in.", { canLogIn: true });
    } else {
      // The router is away, or its store is: HTTP 503, or code 1011.
      show("The node does not answer: trying again.");
      setTimeout(connect, RETRY_MS);
    }
    return;
  }
  const { authid, authprovider } = session.details;
  const how = authprovider === "cookie" ? "by cookie" : "by ticket";
  show(`Logged in as ${authid}, ${how}.`, { canLogOut: true });
  await session.closed;
  connect();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { user, ticket } = form.elements;
  connect(user.value, ticket.value);
  ticket.value = "";
});
logout.addEventListener("click", () => session.logout());
connect();
