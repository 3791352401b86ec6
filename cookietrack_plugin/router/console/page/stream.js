// The server-sent events, in one long request: watching is no activity of the operator's session.

import { ApiError, get, streamUrl } from "./api.js";

const PAUSES_MS = [500, 1000, 2000, 5000];
const KINDS = ["begin", "audit", "lost", "numbers", "connections"];

export class Stream extends EventTarget {
  #source = null;
  #timer = null;
  #failures = 0;
  #shows = false;

  /** `shows`: whether the connections are sent, too. */
  open(shows = this.#shows) {
    if (this.#source && shows === this.#shows) return;
    this.#shows = shows;
    this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #connect() {
    this.close();
    const source = new EventSource(streamUrl(this.#shows));
    this.#source = source;
    source.addEventListener("error", () => this.#lost(source));
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        this.#failures = 0;
        this.#tell(kind, { data: JSON.parse(event.data), id: event.lastEventId });
      });
    }
  }

  async #lost(source) {
    if (source !== this.#source) return;
    // A browser reconnects by itself, but not after every answer: so this page always does.
    this.close();
    this.#tell("away");
    try {
      await get("me");
    } catch (error) {
      if (error instanceof ApiError && [401, 403].includes(error.status)) {
        this.#tell("refused", error);
        return;
      }
    }
    if (this.#source) return;
    const pause = PAUSES_MS[Math.min(this.#failures, PAUSES_MS.length - 1)];
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#connect(), pause);
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
