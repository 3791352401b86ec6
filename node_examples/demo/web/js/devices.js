// The logins of this user, one for each browser: lists them, and ends one or all others.

// Events: "change" of `all`, "ended" with how many, "failed" with the node's words.
export class Devices extends EventTarget {
  all = [];
  #session = null;

  // From now on over this session: those before are closed.
  async watch(session) {
    this.#session = session;
    await session.subscribe("demo.devices_changed", () => this.#refresh(session));
    await this.#refresh(session);
  }

  end(id) {
    return this.#end("cookietrack.my.revoke", [id]);
  }

  endOthers() {
    return this.#end("cookietrack.my.revoke_others");
  }

  async #end(procedure, args) {
    const session = this.#session;
    try {
      const { cookies } = await session.call(procedure, args);
      this.#tell("ended", cookies);
    } catch ({ error, args: [message] = [] }) {
      this.#tell("failed", message ?? error);
      await this.#refresh(session);
    }
  }

  async #refresh(session) {
    const all = await session.call("cookietrack.my.list");
    if (session !== this.#session) return;
    this.all = all.sort((a, b) => b.current - a.current || b.seen - a.seen);
    this.#tell("change");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
