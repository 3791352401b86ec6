// Keeps this page in touch with the node: joins, logs in and out, and comes back by itself.

import { Refusal, credentials, join, visitor } from "./join.js";

const LONGEST_PAUSE = 5_000;

// Tabs of one browser share its cookie. Were two of them in a handshake at the same moment, the
// Set-Cookie that arrives last would win, and the other tab's login could be lost with its cookie.
const inTurn = (handshake) =>
  navigator.locks ? navigator.locks.request("cookietrack-demo", handshake) : handshake();

// To the node that this page is from.
export function here() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return new Client(`${scheme}://${location.host}/ws`, "demo");
}

// Events: "phase" after every change of `phase` or `who`; "joined" with {who, before, cause, session},
// "refused" with {message}, and "lost" when the node has gone away.
export class Client extends EventTarget {
  phase = "connecting";
  who = null;
  #url;
  #realm;
  #link = null;
  #proof = visitor;
  #cause = null;

  constructor(url, realm) {
    super();
    this.#url = url;
    this.#realm = realm;
  }

  async run() {
    for (let failures = 0; ; ) {
      const proof = this.#proof;
      this.#proof = visitor;
      try {
        await this.#stay(proof, () => (failures = 0));
      } catch (error) {
        if (error instanceof Refusal && error.byTheNode && proof !== visitor) {
          this.#cause = "refused";
          this.#tell("refused", { message: error.message });
        } else {
          this.#away(failures === 0);
          await pause(Math.min(LONGEST_PAUSE, 250 * 2 ** failures++) * (0.75 + Math.random() / 2));
        }
      }
    }
  }

  // A login belongs to a handshake, so it takes a connection of its own.
  login(user, method, password) {
    this.#proof = credentials(user, method, password);
    this.#leave("wamp.close.normal", "login");
  }

  // The user that is in proves it again: the login is a new one then.
  prove(password) {
    this.#proof = credentials(this.who.authid, "wampcra", password, { again: true });
    this.#leave("wamp.close.normal", "proof");
  }

  logout() {
    this.#leave("wamp.close.logout", "logout");
  }

  rejoin() {
    this.#leave("wamp.close.normal", "rejoin");
  }

  async #stay(proof, onjoined) {
    const link = await inTurn(() => join(this.#url, this.#realm, proof));
    const who = await whoami(link);
    onjoined();
    this.#link = link;
    this.#arrive(who, link.session);
    await link.closed;
    this.#link = null;
    this.#enter("connecting", this.who);
  }

  #arrive(who, session) {
    const before = this.who;
    const cause = this.#cause;
    this.#cause = null;
    this.#enter(who.authrole === "visitor" ? "visitor" : "member", who);
    this.#tell("joined", { who, before, cause, session });
  }

  #away(first) {
    if (first) this.#tell("lost");
    this.#enter("away", this.who);
  }

  #leave(reason, cause) {
    this.#cause = cause;
    this.#link?.leave(reason);
  }

  #enter(phase, who) {
    this.phase = phase;
    this.who = who;
    this.#tell("phase");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

async function whoami({ session, closed, leave }) {
  const gone = closed.then((reason) => Promise.reject(new Refusal(reason)));
  try {
    return await Promise.race([session.call("demo.whoami"), gone]);
  } catch (error) {
    leave("wamp.close.normal");
    throw error;
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    addEventListener("online", resolve, { once: true });
  });
}
