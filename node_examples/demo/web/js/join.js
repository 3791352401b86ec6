// One WebSocket connection with one WAMP session on it, from handshake to end.

import { SOCKET } from "./socket.js";

const PATIENCE = 10_000;

export class Refusal extends Error {
  constructor(reason, message) {
    super(message || reason);
    this.reason = reason;
  }

  // The node answered, and the answer was no; otherwise it could not be reached.
  get byTheNode() {
    return this.reason.startsWith("wamp.error.");
  }
}

export const visitor = { methods: ["cookie", "anonymous"] };

// "cookie" comes first: another tab may just have made it one that is logged in. Not `again`: then
// the cookie would answer, and nobody be asked.
export function credentials(authid, method, secret, { again = false } = {}) {
  const answers = {
    ticket: () => secret,
    wampcra: (_session, _method, extra) => autobahn.auth_cra.sign(secret, extra.challenge),
  };
  return { methods: again ? [method] : ["cookie", method], authid, answer: answers[method] };
}

// Resolves once joined, to {session, welcome, closed, leave}; rejects with a Refusal.
export function join(url, realm, { methods, authid, answer }) {
  return new Promise((resolve, reject) => {
    let end;
    const closed = new Promise((done) => (end = done));
    const connection = new autobahn.Connection({
      transports: [{ type: SOCKET, url }],
      realm,
      authid,
      authmethods: methods,
      onchallenge: answer,
      retry_if_unreachable: false,
      max_retries: 0,
    });
    const timer = setTimeout(() => connection.close(), PATIENCE);
    connection.onopen = (session, welcome) => {
      clearTimeout(timer);
      const leave = (reason) => session.isOpen && connection.close(reason);
      resolve({ session, welcome, closed, leave });
    };
    connection.onclose = (how, { reason, message }) => {
      clearTimeout(timer);
      end(reason ?? how);
      reject(new Refusal(reason ?? how, message));
      return true;
    };
    connection.open();
  });
}
