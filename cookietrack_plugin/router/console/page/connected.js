// Who is connected to this worker, as it changes.

import { byId, make, say } from "./dom.js";
import { address, counted, device, group, named, number, time, user } from "./format.js";
import { Table } from "./table.js";

const KINDS = { websocket: "WebSocket", request: "Web request" };

export class Connected {
  #table;
  #me;
  #latest = null;

  constructor(me, ending, showUser) {
    this.#me = me;
    const end = (row) => ending.some([{ id: row.id, connections: 1 }]);
    this.#table = new Table(
      byId("connected-rows"),
      "Connections of this worker",
      [
        ["User", (row) => [make("strong", {}, user(row)), make("span", { class: "soft" }, group(row)), row.id === me.id ? make("span", { class: "tag good" }, "you") : null]],
        ["Device", (row) => [make("span", { title: row.user_agent }, device(row) ?? "unknown"), make("span", { class: "soft" }, address(row.peer))]],
        ["Kind", (row) => KINDS[row.kind]],
        ["Joined", (row) => time(row.joined)],
        ["Last heard", (row) => time(row.heard)],
        ["Actions", (row) => this.#buttons(row, end, showUser), "hidden"],
      ],
      "Nobody is connected to this worker.",
    );
    byId("connected-filter").addEventListener("input", () => this.#draw());
  }

  note(answer) {
    this.#latest = answer;
    this.#draw();
  }

  #draw() {
    if (!this.#latest) return;
    const { connections, total, exclusive } = this.#latest;
    const wanted = byId("connected-filter").value.trim().toLowerCase();
    const rows = connections.filter((row) => !wanted || this.#text(row).includes(wanted));
    const first = total > connections.length ? `, of which ${number(connections.length)} are listed` : "";
    const others = exclusive
      ? "No other worker has connections of this store."
      : "The consoles of other workers and nodes list their own connections.";
    say(byId("connected-lead"), `${counted(total, "connection")} of ${this.#me.worker}${first}. ${others}`);
    this.#table.show(rows, (row) => `${row.kind} ${row.peer} ${row.id}`);
  }

  #text(row) {
    return [row.authid, row.authrole, row.authrealm, row.peer, row.device, row.id].join(" ").toLowerCase();
  }

  #buttons(row, end, showUser) {
    const name = `${user(row)}, ${device(row) ?? "unknown device"}`;
    return [
      row.id == null ? null : make("button", { type: "button", class: "small danger", "aria-label": `End the session of ${name}`, onclick: () => end(row) }, "End"),
      !row.authid ? null : make("button", { type: "button", class: "small quiet", "aria-label": `Sessions of ${named(row.authid, row.authrealm)}`, onclick: () => showUser(row.authid, row.authrealm) }, "Sessions"),
    ];
  }
}
