// On pages behind the guard: leaves as soon as the login has ended, wherever that was.

import { here } from "./client.js";
import { loginFor } from "./next.js";
import { Tour } from "./tour.js";
import { showLink } from "./link.js";

new Tour().tick("guard");

if (globalThis.autobahn) {
  const client = here();
  client.addEventListener("phase", () => {
    showLink(client.phase);
    if (client.phase === "visitor") location.replace(loginFor(location.pathname));
  });
  document.getElementById("logout").addEventListener("click", () => client.logout());
  client.run();
} else {
  showLink("missing");
}
