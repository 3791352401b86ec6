// What happened in this tab, newest first. It survives a reload, and ends with the tab.

const KEY = "cookietrack-demo-trail";
const LONGEST = 12;

// Events: "entry" with {at, text} for each new one; `at` in milliseconds.
export class Trail extends EventTarget {
  #entries = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");

  get entries() {
    return [...this.#entries];
  }

  add(text) {
    const entry = { at: Date.now(), text };
    this.#entries = [entry, ...this.#entries].slice(0, LONGEST);
    sessionStorage.setItem(KEY, JSON.stringify(this.#entries));
    this.dispatchEvent(new CustomEvent("entry", { detail: entry }));
  }
}
