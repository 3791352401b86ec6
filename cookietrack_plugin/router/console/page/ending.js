// Ends sessions: one, a selection, a user's, everybody's.

import { get, post } from "./api.js";
import { confirm } from "./confirm.js";
import { counted, named, number } from "./format.js";

// The API takes a thousand at once.
const LOT = 500;

/** Counts what a query finds, request by request; `tell` shows the progress. */
const countOf = async (query, tell, signal) => {
  const total = { sessions: 0, connections: 0, looked_at: 0 };
  let cursor = null;
  do {
    const part = await get("count", { ...query, cursor });
    for (const key of Object.keys(total)) total[key] += part[key];
    cursor = part.cursor;
    tell(`${counted(total.sessions, "session")} found, ${number(total.looked_at)} looked at`);
  } while (cursor && !signal.aborted);
  return total;
};

const spoken = (total, what) => ({
  can: true,
  text:
    `This ends ${counted(total.sessions, "session")}${what}, ` +
    `with ${counted(total.connections, "connection")} on this worker.`,
});

export class Ending {
  /** `tell`: called with the result, a text. `failed`: called with an error. */
  constructor(me, tell, failed) {
    this.me = me;
    this.tell = tell;
    this.failed = failed;
  }

  /** Sessions that are known already. Resolves with whether they were ended. */
  async some(rows) {
    const total = {
      sessions: rows.length,
      connections: rows.reduce((sum, row) => sum + (row.connections ?? 1), 0),
    };
    const own = rows.some((row) => row.id === this.me.id) ? " Your own is one of them." : "";
    const said = spoken(total, "");
    const answer = await confirm(
      rows.length === 1 ? "End this session?" : "End the selected sessions?",
      `End ${counted(rows.length, "session")}`,
      async () => ({ ...said, text: said.text + own }),
    );
    return answer ? this.#end(rows.map((row) => row.id)) : false;
  }

  /** All that a query finds: their ids are collected while they are counted. */
  async found(query) {
    const ids = [];
    const collect = async (tell, signal) => {
      let cursor = null;
      let connections = 0;
      do {
        const page = await get("sessions", { ...query, limit: LOT, cursor });
        ids.push(...page.sessions.map((row) => row.id));
        connections += page.sessions.reduce((sum, row) => sum + row.connections, 0);
        cursor = page.cursor;
        tell(`${counted(ids.length, "session")} found so far`);
      } while (cursor && !signal.aborted);
      const own = ids.includes(this.me.id);
      const said = spoken({ sessions: ids.length, connections }, "");
      return { can: ids.length > 0, text: said.text + (own ? " Your own is one of them." : "") };
    };
    const answer = await confirm("End all that are found?", "End them", collect, true);
    if (!answer) return false;
    return this.#end(answer.keep ? ids.filter((id) => id !== this.me.id) : ids);
  }

  async user(authid, authrealm) {
    const whose = named(authid, authrealm);
    const isOwn = authid === this.me.authid && (!authrealm || authrealm === this.me.authrealm);
    const answer = await confirm(
      `End everything of ${whose}?`,
      "End them",
      async (tell, signal) => spoken(await countOf({ authid, authrealm }, tell, signal), ` of ${whose}`),
      isOwn,
    );
    if (!answer) return false;
    const keep = answer.keep ? [this.me.id] : [];
    return this.#ask({ user: { authid, authrealm: authrealm ?? null }, keep });
  }

  async everybody() {
    const answer = await confirm(
      "End everybody's sessions?",
      "End all sessions",
      async (tell, signal) => {
        // The store knows how many there are: to count a million takes minutes.
        const { cookies, connections } = await get("numbers");
        const known = cookies == null ? await countOf({}, tell, signal) : { sessions: cookies, connections };
        return spoken(known, " of everybody");
      },
      true,
    );
    return answer ? this.#ask({ everybody: true, keep: answer.keep ? [this.me.id] : [] }) : false;
  }

  async #end(found) {
    // With the own session the connection is cut, and what comes behind it is not asked for.
    const ids = [...found.filter((id) => id !== this.me.id), ...found.filter((id) => id === this.me.id)];
    let done = false;
    const sum = { cookies: 0, connections: 0, stored: true };
    for (let first = 0; first < ids.length; first += LOT) {
      const part = await this.#send({ ids: ids.slice(first, first + LOT) });
      if (!part) return done;
      done = true;
      this.#add(sum, part);
    }
    if (done) this.#report(sum);
    return done;
  }

  async #ask(what) {
    const part = await this.#send(what);
    if (part) this.#report(part);
    return Boolean(part);
  }

  async #send(what) {
    try {
      return await post("end", what);
    } catch (error) {
      this.failed(error);
      return null;
    }
  }

  #add(sum, part) {
    sum.cookies += part.cookies ?? 0;
    sum.connections += part.connections ?? 0;
    sum.stored &&= part.stored;
  }

  #report(sum) {
    this.tell(
      sum.stored
        ? `${counted(sum.cookies ?? 0, "session")} ended, ${counted(sum.connections ?? 0, "connection")} of this worker closed.`
        : "Ended on this worker. The store does not accept it yet: this worker tries again, and other workers know it once it is stored.",
      sum.stored ? "good" : "warn",
    );
  }
}
