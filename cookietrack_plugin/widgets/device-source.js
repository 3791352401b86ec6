// Reads the list of devices over one session, again after each event of a topic, and after failures.

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

// Events: "list" with the devices, "failed" with what was thrown.
export class DeviceSource extends EventTarget {
  #reading = null;
  #isStale = false;
  #isClosed = false;
  #failures = 0;
  #timer;

  constructor(session, topic) {
    super();
    this.session = session;
    if (topic) this.#follow(topic);
  }

  // Reads at once, or once more after the reading that is in flight: many calls make two readings.
  refresh() {
    this.#isStale = true;
    this.#reading ??= this.#readUntilFresh().finally(() => (this.#reading = null));
    return this.#reading;
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #follow(topic) {
    try {
      await this.session.subscribe(topic, () => this.#isClosed || this.refresh());
    } catch (error) {
      this.#tell("failed", error);
    }
  }

  async #readUntilFresh() {
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false;
      await this.#read();
    }
  }

  async #read() {
    clearTimeout(this.#timer);
    try {
      this.#tell("list", await this.session.call("cookietrack.my.list"));
      this.#failures = 0;
    } catch (error) {
      this.#tell("failed", error);
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
      this.#timer = setTimeout(() => this.refresh(), pause);
    }
  }

  #tell(type, detail) {
    if (!this.#isClosed) this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
