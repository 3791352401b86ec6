// A widget: the devices that a user is logged in on, each with a button that ends its login.
// docs/devices.md has its options and events.

import { DeviceSource } from "./device-source.js";
import { DevicesView, OTHERS } from "./devices-view.js";
import { WORDS } from "./devices-words.js";

const LOGIN_TOO_OLD = "cookietrack.error.login_too_old";
const NOT_STORED_YET = "cookietrack.error.not_stored_yet";

// Events: "change" after each reading of the list; "ended" with {cookies, connections, device, name};
// "failed" with {error, message}, a URI and what the user reads.
export class Devices extends EventTarget {
  #all = [];
  #ending = new Set();
  #source = null;
  #trouble = "";
  #listening = new AbortController();
  #logIn;
  #topic;
  #words;
  #view;

  constructor(element, options = {}) {
    super();
    const { session = null, logIn, topic, words = {}, name, locale, pageSize = 10 } = options;
    this.#logIn = logIn;
    this.#topic = topic;
    this.#words = { ...WORDS, ...words, errors: { ...WORDS.errors, ...words.errors } };
    this.#view = new DevicesView(element, this.#words, { name, locale, pageSize });
    this.#view.onend = (device) => this.end(device);
    this.#view.onendothers = () => this.endOthers();
    const { signal } = this.#listening;
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh(), { signal });
    this.session = session;
  }

  // The user's devices, as `cookietrack.my.list` has them: this one first, then those seen last.
  get all() {
    return [...this.#all];
  }

  get session() {
    return this.#source?.session ?? null;
  }

  // The open session that is used from now on; null while there is none.
  set session(session) {
    this.#source?.close();
    this.#ending.clear();
    this.#source = session && this.#read(session);
    this.#trouble = session ? this.#words.loading : this.#words.offline;
    if (!session || !this.#all.length) this.#view.say(this.#trouble);
    this.#show();
    this.refresh();
  }

  // Resolves once the list is as new as this call.
  async refresh() {
    await this.#source?.refresh();
  }

  async end(device) {
    await this.#end(device.id, "cookietrack.my.revoke", [device.id], device);
  }

  async endOthers() {
    await this.#end(OTHERS, "cookietrack.my.revoke_others", []);
  }

  // Leaves the element empty.
  close() {
    this.#listening.abort();
    this.#source?.close();
    this.#source = null;
    this.#view.clear();
  }

  #read(session) {
    const source = new DeviceSource(session, this.#topic);
    source.addEventListener("list", ({ detail }) => this.#arrived(detail));
    source.addEventListener("failed", ({ detail }) => (this.#trouble = this.#failed(detail)));
    return source;
  }

  #arrived(devices) {
    this.#all = devices.sort((a, b) => b.current - a.current || b.seen - a.seen);
    this.#view.unsay(this.#trouble, this.#words.offline, this.#words.loading);
    this.#show();
    this.#tell("change");
  }

  async #end(what, procedure, args, device) {
    if (!this.#source || this.#ending.has(what)) return;
    const name = device && this.#view.nameOf(device);
    this.#ending.add(what);
    this.#show();
    try {
      const ended = await this.#call(procedure, args);
      if (ended) this.#ended({ ...ended, device, name });
    } catch (error) {
      this.#failed(error);
    }
    this.#ending.delete(what);
    this.#show();
    await this.refresh();
  }

  // The procedure's answer; null if the user has to log in again for it, and does not.
  async #call(procedure, args) {
    try {
      return await this.session.call(procedure, args);
    } catch (error) {
      if (error?.error !== LOGIN_TOO_OLD || !this.#logIn) throw error;
    }
    const session = await this.#logIn();
    this.#view.keepFocus();
    if (!session) return null;
    if (session !== this.session) this.session = session;
    return session.call(procedure, args);
  }

  #ended(detail) {
    const { cookies, device, name } = detail;
    // The list that shows it is still to come.
    this.#all = this.#all.filter((each) => (device ? each.id !== device.id : each.current));
    this.#view.say(this.#words.ended(cookies, name));
    this.#tell("ended", detail);
  }

  // autobahn-js throws a text where the session is closed.
  #failed(thrown) {
    const error = thrown?.error ?? "wamp.error.canceled";
    const message = this.#words.errors[error] ?? this.#words.errors.other;
    this.#view.say(message, error === NOT_STORED_YET ? "info" : "warning");
    this.#tell("failed", { error, message });
    return message;
  }

  #show() {
    this.#view.show(this.#all, { ending: this.#ending, isOpen: this.#source !== null });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
