// Tables that stay tables to a screen reader where a narrow window shows them as cards.

import { make } from "./dom.js";

export class Table {
  #body = make("tbody", { role: "rowgroup" });
  #rows = new Map();
  #columns;
  #place;

  /** `columns`: pairs of a heading and a function from an item to what its cell shows. */
  constructor(place, caption, columns, empty) {
    this.#columns = columns;
    this.#place = place;
    place.tabIndex = -1;
    this.empty = make("p", { class: "empty" }, empty);
    const heads = columns.map(([title, , kind]) =>
      make(
        "th",
        { role: "columnheader", scope: "col", class: kind },
        kind === "hidden" ? make("span", { class: "unseen" }, title) : title,
      ),
    );
    this.table = make(
      "table",
      { role: "table" },
      make("caption", { class: "unseen" }, caption),
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads)),
      this.#body,
    );
    place.replaceChildren(this.table, this.empty);
    this.show([], () => "");
  }

  /** Shows the items in this order. A row whose `version` is the same stays: it may have focus. */
  show(items, keyOf, versionOf = JSON.stringify) {
    const rows = new Map();
    for (const item of items) {
      let key = keyOf(item);
      while (rows.has(key)) key += "+";
      const version = versionOf(item);
      const old = this.#rows.get(key);
      rows.set(key, old?.version === version ? old : { version, row: this.#row(item) });
    }
    const wanted = [...rows.values()].map(({ row }) => row);
    if (wanted.length !== this.#body.children.length || wanted.some((row, place) => row !== this.#body.children[place])) {
      const focused = document.activeElement;
      const hadFocus = this.#body.contains(focused);
      this.#body.replaceChildren(...wanted);
      // Somebody who works by keyboard keeps the place, even if its row is gone.
      if (hadFocus) (this.#body.contains(focused) ? focused : this.#place).focus({ preventScroll: true });
    }
    this.#rows = rows;
    this.table.hidden = wanted.length === 0;
    this.empty.hidden = wanted.length > 0;
  }

  rowOf(key) {
    return this.#rows.get(key)?.row;
  }

  #row(item) {
    return make(
      "tr",
      { role: "row" },
      ...this.#columns.map(([title, show, kind]) =>
        make("td", { role: "cell", "data-title": kind === "hidden" ? null : title, class: kind }, ...[show(item)].flat()),
      ),
    );
  }
}
