// A small line chart, with its latest and greatest value as a text.

import { draw, make, say } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 72;

export class Chart {
  #line = draw("path", { class: "line" });
  #area = draw("path", { class: "area" });
  #most = make("span");
  #latest = make("span", { class: "latest" });
  #picture = draw(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
    this.#area,
    this.#line,
  );

  /** `value`: of a point, null for none. `format`: a value in words. */
  constructor(title, value, format) {
    this.title = title;
    this.value = value;
    this.format = format;
    this.element = make(
      "figure",
      { class: "card chart" },
      make("figcaption", {}, make("span", {}, title), this.#latest),
      this.#picture,
      make("div", { class: "axis", "aria-hidden": "true" }, this.#most, make("span", {}, "now")),
    );
  }

  /** `span`: the points that fit. */
  show(points, span) {
    const values = points.map(this.value);
    const known = values.filter((value) => value != null);
    const most = Math.max(...known, 0);
    const latest = values.at(-1);
    say(this.#latest, latest == null ? "–" : this.format(latest));
    say(this.#most, known.length ? `at most ${this.format(most)}` : "nothing yet");
    this.#picture.setAttribute(
      "aria-label",
      known.length
        ? `${this.title}: ${latest == null ? "none" : this.format(latest)} now, at most ${this.format(most)}`
        : `${this.title}: nothing yet`,
    );
    this.#trace(values, most || 1, span);
  }

  #trace(values, most, span) {
    const step = WIDTH / Math.max(span - 1, 1);
    const first = WIDTH - (values.length - 1) * step;
    let line = "";
    let area = "";
    let begin = null;
    values.forEach((value, place) => {
      const x = (first + place * step).toFixed(1);
      if (value == null) {
        if (begin != null) area += `V${HEIGHT}H${begin}Z`;
        begin = null;
        return;
      }
      const y = (HEIGHT - 3 - (value / most) * (HEIGHT - 8)).toFixed(1);
      line += begin == null ? `M${x} ${y}h.1` : `L${x} ${y}`;
      area += begin == null ? `M${x} ${HEIGHT}V${y}` : `L${x} ${y}`;
      begin ??= x;
    });
    if (begin != null) area += `V${HEIGHT}H${begin}Z`;
    this.#line.setAttribute("d", line);
    this.#area.setAttribute("d", area);
  }
}
