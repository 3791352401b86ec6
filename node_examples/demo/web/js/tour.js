// The steps of the demo, ticked as they happen; every tab of the browser shows the same ticks.

const KEY = "cookietrack-demo-steps";

export const STEPS = {
  login: ["Log in", "As one of the demo users, by either method."],
  reload: ["Reload the page", "You are still in: the cookie answers for you, without a challenge."],
  tab: ["Open a second tab", "It is in as well, with the same tracking id."],
  guard: ["Open a page behind the login", "Log out in another tab then: the page closes by itself."],
  restart: [
    "Restart the node",
    "Ctrl-C in its terminal, then make demo. A login is on disk before the page is told of it.",
  ],
  device: [
    "End another device",
    "Log in as the same user in a private window or another browser, and end that login from here.",
  ],
  logout: ["Log out in one tab", "Both are out at once, and the old cookie opens nothing any more."],
};

export class Tour extends EventTarget {
  constructor() {
    super();
    addEventListener("storage", (event) => event.key === KEY && this.#changed());
  }

  get done() {
    return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
  }

  tick(step) {
    const done = this.done;
    if (!done.has(step)) this.#save([...done, step]);
  }

  reset() {
    this.#save([]);
  }

  #save(steps) {
    localStorage.setItem(KEY, JSON.stringify(steps));
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
