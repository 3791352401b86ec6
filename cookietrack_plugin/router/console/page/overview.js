// Numbers, charts, the store's health, and what the configuration is warned of.

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { byId, facts, make, say } from "./dom.js";
import { bytes, noteTime, number, seconds, skew } from "./format.js";

const MAX_POINTS = 180;
const COUNTS = [
  ["handshakes", "Handshakes"],
  ["requests", "Requests at guards"],
  ["events", "Events"],
  ["faults", "Faults"],
];
const rate = (name) => (point) => (point.seconds ? point[name] / point.seconds : 0);
// A quantile is known as the bound of a histogram's bucket.
const atMost = (value) => (value == null ? "–" : `≤ ${seconds(value)}`);
const aSecond = (value) => `${+value.toFixed(value < 10 ? 1 : 0)}/s`;

export class Overview {
  #charts = [
    new Chart("Handshakes", rate("handshakes"), aSecond),
    new Chart("Logins", rate("logins"), aSecond),
    new Chart("Refusals", rate("refusals"), aSecond),
    new Chart("Connections", (point) => point.connections, number),
    new Chart("Commit time", (point) => point.commit, seconds),
    new Chart("Look-up time", (point) => point.load, seconds),
  ];
  #points = [];

  constructor() {
    byId("charts").replaceChildren(...this.#charts.map((chart) => chart.element));
    this.#draw();
  }

  /** Reads everything: when the page is loaded, and after a restart of the node. */
  async load(me) {
    const [numbers, { warnings }] = await Promise.all([get("numbers"), get("warnings")]);
    say(byId("place"), `Store ${me.store}, seen by ${me.worker} (process ${me.process}).`);
    this.#points = numbers.points;
    this.#warn(warnings);
    this.#show(numbers);
    this.#draw();
  }

  note(numbers) {
    for (const point of numbers.points) {
      if (point.at > (this.#points.at(-1)?.at ?? 0)) this.#points.push(point);
    }
    this.#points = this.#points.slice(-MAX_POINTS);
    this.#show(numbers);
    this.#draw();
  }

  #draw() {
    for (const chart of this.#charts) chart.show(this.#points, MAX_POINTS);
  }

  #show(numbers) {
    noteTime(numbers.at);
    facts(byId("tiles"), [
      ["Sessions stored", number(numbers.cookies)],
      ["With a login", numbers.logged_in == null ? null : number(numbers.logged_in)],
      ["Connections here", number(numbers.connections)],
      ["Logged in here", number(numbers.connected_logins)],
      ["Size of the store", bytes(numbers.bytes)],
    ]);
    this.#health(numbers.health, numbers);
    this.#count(numbers);
  }

  #health(health, numbers) {
    const state = byId("health");
    state.dataset.state = health.status;
    say(state, health.status === "ok" ? "The store answers" : `The store cannot be relied on: ${health.cause}`);
    facts(byId("health-facts"), [
      ["Commits, median", atMost(numbers.commit.p50)],
      ["Commits, 99 of 100", atMost(numbers.commit.p99)],
      ["Look-ups, median", atMost(numbers.load.p50)],
      ["Look-ups, 99 of 100", atMost(numbers.load.p99)],
      ["Waiting changes", number(health.pending)],
      ["Oldest of them", health.pending ? seconds(health.queue_age) : null],
      ["Others' revocations known", health.feed_age == null ? null : `${seconds(health.feed_age)} ago`],
      skew(health.clock_skew),
    ]);
  }

  #warn(warnings) {
    const none = make("li", { class: "state", "data-state": "ok" }, "No warnings");
    const items = warnings.map((warning) => make("li", { class: "state", "data-state": "warn" }, warning));
    byId("warnings").replaceChildren(...(items.length ? items : [none]));
  }

  #count(numbers) {
    const place = byId("counts");
    if (!place.children.length) {
      for (const [name, title] of COUNTS) {
        place.append(make("section", {}, make("h3", {}, title), make("dl", { class: "facts", id: `counts-${name}` })));
      }
    }
    for (const [name] of COUNTS) {
      const counts = Object.entries(numbers[name]).sort();
      facts(byId(`counts-${name}`), counts.length ? counts.map(([key, value]) => [key.replaceAll("_", " "), number(value)]) : [["none so far", ""]]);
    }
  }
}
