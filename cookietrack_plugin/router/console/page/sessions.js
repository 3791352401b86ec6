// Sessions: found by what is known of them, a page at a time, and ended.

import { get } from "./api.js";
import { byId, make, say } from "./dom.js";
import { address, counted, device, group, named, number, time, user } from "./format.js";
import { Table } from "./table.js";

const PAIRS = ["heard", "created"];

export class Sessions {
  #table;
  #ending;
  #failed;
  #me;
  #rows = [];
  #chosen = new Set();
  // The cursors of the pages so far; the last is that of the page that is shown.
  #cursors = [null];
  #next = null;
  #asked = 0;
  // What was asked for by the list that is shown: the form may say something else by now.
  #query = {};

  constructor(me, ending, failed) {
    this.#me = me;
    this.#ending = ending;
    this.#failed = failed;
    this.#table = new Table(
      byId("session-rows"),
      "Sessions",
      [
        ["Select", (row) => this.#box(row), "hidden"],
        ["User", (row) => this.#user(row)],
        ["Device", (row) => [make("span", { title: row.user_agent }, device(row) ?? "unknown"), make("span", { class: "soft" }, address(row.peer))]],
        ["Last heard", (row) => time(row.seen)],
        ["Created", (row) => time(row.created)],
        ["Expires", (row) => time(row.expires)],
        ["Connected", (row) => this.#connected(row)],
        ["End", (row) => this.#buttons(row), "hidden"],
      ],
      "No session is shown.",
    );
    this.#listen();
  }

  /** Looks for the first page, if nobody has looked yet. */
  begin() {
    if (!this.#asked) this.#search();
  }

  /** Shows the sessions of a user. */
  of(authid, authrealm) {
    const form = byId("find");
    for (const name of new FormData(form).keys()) form[name].value = "";
    form.authid.value = authid;
    form.authrealm.value = authrealm ?? "";
    // The name as it is: a field takes out line breaks, and what is typed is trimmed.
    this.#find([null], { authid, authrealm });
  }

  /** Notes that a session was ended, here or elsewhere. */
  ended(id) {
    const row = this.#table.rowOf(id);
    if (!row || row.dataset.ended) return;
    row.dataset.ended = "true";
    for (const control of row.querySelectorAll("button, input")) control.disabled = true;
    row.querySelector("[data-title=User]").append(make("span", { class: "tag" }, "ended"));
    this.#choose(id, false);
  }

  #listen() {
    const form = byId("find");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#search();
    });
    form.addEventListener("reset", () => setTimeout(() => this.#search()));
    byId("on").addEventListener("click", () => this.#find([...this.#cursors, this.#next]));
    byId("back").addEventListener("click", () => this.#find(this.#cursors.slice(0, -1)));
    byId("select-all").addEventListener("change", (event) => this.#chooseAll(event.target.checked));
    byId("end-selected").addEventListener("click", async () => {
      const rows = this.#rows.filter((row) => this.#chosen.has(row.id));
      if (await this.#ending.some(rows)) this.#find(this.#cursors);
    });
    byId("end-found").addEventListener("click", async () => {
      if (await this.#ending.found(this.#query)) this.#find([null]);
    });
    byId("end-everybody").addEventListener("click", async () => {
      if (await this.#ending.everybody()) this.#find([null]);
    });
  }

  #search() {
    this.#find([null], this.#typed());
  }

  #typed() {
    const given = Object.fromEntries(new FormData(byId("find")));
    const query = {};
    for (const [name, value] of Object.entries(given)) {
      const text = value.trim();
      if (!text) continue;
      const [key, span] = PAIRS.includes(name) ? text.split("=") : [name, text];
      query[key] = span;
    }
    return query;
  }

  async #find(cursors, query = this.#query) {
    const asked = ++this.#asked;
    say(byId("found"), "Looking");
    let page;
    try {
      page = await get("sessions", { ...query, cursor: cursors.at(-1) });
    } catch (error) {
      if (asked === this.#asked) {
        say(byId("found"), error.message);
        this.#failed(error);
      }
      return;
    }
    if (asked !== this.#asked) return;
    this.#cursors = cursors;
    this.#query = query;
    this.#next = page.cursor;
    this.#show(page);
  }

  #show(page) {
    this.#rows = page.sessions;
    this.#chosen.clear();
    this.#table.show(this.#rows, (row) => row.id, (row) => JSON.stringify([row, this.#asked]));
    const looked = `${number(page.looked_at)} looked at`;
    const more = page.cursor ? "there are more" : "these are the last";
    const place = this.#me.exclusive ? "" : ` Connections are those of ${this.#me.worker}; other workers list theirs.`;
    say(byId("found"), `Page ${this.#cursors.length}: ${counted(page.sessions.length, "session")}, ${looked}, ${more}.${place}`);
    byId("tools").hidden = !page.sessions.length;
    byId("pager").hidden = this.#cursors.length === 1 && !page.cursor;
    byId("back").disabled = this.#cursors.length === 1;
    byId("on").disabled = !page.cursor;
    this.#count();
  }

  #box(row) {
    const change = (event) => this.#choose(row.id, event.target.checked);
    return make("input", { type: "checkbox", "aria-label": `Select the session of ${user(row)}, ${device(row) ?? "unknown device"}`, onchange: change });
  }

  #user(row) {
    return [
      make("strong", {}, user(row)),
      make("span", { class: "soft" }, group(row)),
      row.id === this.#me.id ? make("span", { class: "tag good" }, "you") : null,
    ];
  }

  #connected(row) {
    if (row.connections) return make("span", { class: "tag good" }, `${counted(row.connections, "connection")} here`);
    return make("span", { class: "soft" }, this.#me.exclusive ? "no" : "not here");
  }

  #buttons(row) {
    const end = async () => {
      if (await this.#ending.some([row])) this.ended(row.id);
    };
    const all = async () => {
      if (await this.#ending.user(row.authid, row.authrealm)) this.#find([null]);
    };
    const name = `${user(row)}, ${device(row) ?? "unknown device"}`;
    return [
      make("button", { type: "button", class: "small danger", "aria-label": `End the session of ${name}`, onclick: end }, "End"),
      !row.authid
        ? null
        : make("button", { type: "button", class: "small quiet", "aria-label": `End all sessions of ${named(row.authid, row.authrealm)}`, onclick: all }, "End all"),
    ];
  }

  #choose(id, chosen) {
    if (chosen) this.#chosen.add(id);
    else this.#chosen.delete(id);
    this.#count();
  }

  #chooseAll(chosen) {
    for (const row of this.#rows) {
      const box = this.#table.rowOf(row.id).querySelector("input");
      if (box.disabled) continue;
      box.checked = chosen;
      if (chosen) this.#chosen.add(row.id);
      else this.#chosen.delete(row.id);
    }
    this.#count();
  }

  #count() {
    const count = this.#chosen.size;
    byId("end-selected").disabled = count === 0;
    say(byId("end-selected"), count ? `End ${number(count)} selected` : "End selected");
    const all = byId("select-all");
    all.checked = count > 0 && count === this.#rows.length;
    all.indeterminate = count > 0 && count < this.#rows.length;
  }
}
