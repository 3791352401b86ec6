// The list as HTML, with its buttons, and a line that says what happened.

import { namesOf } from "./device-names.js";
import { row } from "./device-row.js";
import { button, make, onClick, turnOff } from "./elements.js";

export const OTHERS = "others";
// `cookietrack.my.list` has no more.
const LONGEST_LIST = 1000;

// Calls `onend` with a device, and `onendothers`.
export class DevicesView {
  onend = null;
  onendothers = null;
  #root;
  #words;
  #options;
  #shown;
  #names = new Map();
  #state = { devices: [], ending: new Set(), isOpen: false };
  #status = make("p", { class: "cookietrack-status", role: "status", tabindex: "-1" });
  #list = make("ul", { role: "list" });
  #count = make("p", { class: "cookietrack-count" });
  #more = button("cookietrack-more");
  #others = button("cookietrack-end-others");

  constructor(root, words, options) {
    this.#root = root;
    this.#words = words;
    this.#options = options;
    this.#shown = options.pageSize;
    this.#list.setAttribute("aria-label", words.list);
    this.#more.textContent = words.more;
    onClick(this.#more, () => this.#showMore());
    onClick(this.#others, () => this.onendothers());
    root.classList.add("cookietrack-devices");
    const buttons = make("div", { class: "cookietrack-buttons" }, this.#more, this.#others);
    root.replaceChildren(this.#status, this.#list, this.#count, buttons);
  }

  nameOf(device) {
    return this.#names.get(device.id);
  }

  say(text, kind = "info") {
    this.#status.dataset.kind = kind;
    this.#status.textContent = text;
  }

  // Takes texts back that are no longer true.
  unsay(...texts) {
    if (texts.includes(this.#status.textContent)) this.say("");
  }

  // `ending`: the ids of devices, and `OTHERS`; `isOpen`: whether there is a session.
  show(devices, { ending, isOpen }) {
    this.#state = { devices, ending, isOpen };
    this.#names = namesOf(devices, this.#words, this.#options.name);
    const focused = this.#focused();
    this.#list.replaceChildren(...devices.slice(0, this.#shown).map((each) => this.#row(each)));
    this.#showCount(devices);
    this.#showButtons();
    if (focused) this.#focus(focused);
  }

  // Takes the focus where it has no place any more: a dialog gives it back to a button that is gone.
  keepFocus() {
    if (document.activeElement === document.body) this.#status.focus();
  }

  clear() {
    this.#root.classList.remove("cookietrack-devices");
    this.#root.replaceChildren();
  }

  #row(device) {
    const { ending, isOpen } = this.#state;
    const isEnding = ending.has(device.id);
    return row(device, this.nameOf(device), {
      words: this.#words,
      locale: this.#options.locale,
      isEnding,
      isOff: isEnding || !isOpen,
      end: () => this.onend(device),
    });
  }

  #showCount(devices) {
    const { alone, shown, longest } = this.#words;
    const all = devices.length;
    const parts = [
      all === 1 && devices[0].current && alone,
      all > this.#shown && shown(this.#shown, all),
      all >= LONGEST_LIST && longest(all),
    ];
    this.#count.textContent = parts.filter(Boolean).join(" ");
    this.#count.hidden = !this.#count.textContent;
    this.#more.hidden = all <= this.#shown;
  }

  #showButtons() {
    const { devices, ending, isOpen } = this.#state;
    const isEnding = ending.has(OTHERS);
    this.#others.hidden = devices.every((each) => each.current);
    this.#others.textContent = isEnding ? this.#words.ending : this.#words.endOthers;
    turnOff(this.#others, isEnding || !isOpen);
  }

  #showMore() {
    const first = this.#shown;
    this.#shown += this.#options.pageSize;
    this.show(this.#state.devices, this.#state);
    this.#list.children[first]?.querySelector("button")?.focus();
  }

  // What has the focus: the id and the place of a row, or a button below; undefined if it is elsewhere.
  #focused() {
    const { activeElement } = document;
    if ([this.#more, this.#others].includes(activeElement)) return { button: activeElement };
    const at = [...this.#list.children].findIndex((each) => each.contains(activeElement));
    return at < 0 ? undefined : { at, id: this.#list.children[at].dataset.id };
  }

  // The same button, or that of the row in its place, or of the last row, or else the status.
  #focus({ button, at, id }) {
    if (button) return button.hidden && this.#status.focus();
    const rows = [...this.#list.children];
    const same = rows.find((each) => each.dataset.id === id);
    const near = [same, rows[at], ...rows.reverse()].map((each) => each?.querySelector("button"));
    (near.find(Boolean) ?? this.#status).focus();
  }
}
