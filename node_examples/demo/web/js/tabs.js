// What the tabs of one browser tell each other: that there is a new login, and that they are there.

export class Tabs extends EventTarget {
  #channel = new BroadcastChannel("cookietrack-demo");

  constructor() {
    super();
    this.#channel.onmessage = ({ data }) => this.dispatchEvent(new Event(data));
  }

  tell(news) {
    this.#channel.postMessage(news);
  }
}
