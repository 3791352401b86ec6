// The audit trail, the latest line first.

import { byId, make, say } from "./dom.js";
import { address, clock, counted, named, printable } from "./format.js";
import { Table } from "./table.js";

const MAX_LINES = 300;
const BAD = ["denied", "refused", "lost", "killed"];
const GOOD = ["login", "resumed", "authenticated", "created"];
const kindOf = (event) => (BAD.includes(event) ? "bad" : GOOD.includes(event) ? "good" : "");
const who = (authid, realm) => (authid == null ? null : named(authid, realm));

export class Trail {
  #table;
  #lines = [];
  #instance = null;
  #position = 0;
  #lost = 0;
  #isPaused = false;
  #isDue = false;

  constructor() {
    this.#table = new Table(
      byId("trail-rows"),
      "The audit trail",
      [
        ["Time", ({ line }) => clock(line.time)],
        ["Event", ({ line }) => make("span", { class: `tag ${kindOf(line.event)}` }, line.event)],
        ["User", ({ line }) => [make("span", {}, who(line.authid, line.authrealm) ?? "–"), make("span", { class: "soft" }, address(line.peer))]],
        ["By", ({ line }) => [line.by ?? "–", line.by_authid ? make("span", { class: "soft" }, who(line.by_authid, line.by_authrealm)) : null]],
        ["Reason", ({ line }) => printable(line.reason ?? "–")],
        ["Id", ({ line }) => make("code", {}, line.id ?? "–")],
      ],
      "Nothing has happened yet.",
    );
    byId("trail-filter").addEventListener("input", () => this.#draw());
    byId("trail-pause").addEventListener("click", (event) => this.#pause(event.target));
  }

  /** Notes that a stream begins: another process counts its lines from one. */
  begin(instance) {
    if (this.#instance !== null && this.#instance !== instance) this.#position = 0;
    this.#instance = instance;
  }

  note(line, id) {
    const position = Number(id.split("-").at(-1));
    if (position <= this.#position) return false;
    this.#position = position;
    this.#lines.unshift({ line, id });
    this.#lines.length = Math.min(this.#lines.length, MAX_LINES);
    this.#drawSoon();
    return true;
  }

  lost(count) {
    this.#lost += count;
    say(byId("trail-lost"), `${counted(this.#lost, "line")} came too fast to be shown.`);
  }

  #pause(button) {
    this.#isPaused = !this.#isPaused;
    button.setAttribute("aria-pressed", String(this.#isPaused));
    this.#draw();
  }

  #drawSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  #draw() {
    if (this.#isPaused) return;
    const wanted = byId("trail-filter").value.trim().toLowerCase();
    const shown = this.#lines.filter(({ line }) => !wanted || Object.values(line).join(" ").toLowerCase().includes(wanted));
    this.#table.show(shown, ({ id }) => id, ({ id }) => id);
  }
}
