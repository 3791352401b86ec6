// As much of WAMP as a login takes. For calls and topics take autobahn-js, with
// authmethods: ["cookie", "ticket"] and an onchallenge that returns the ticket.

const HELLO = 1, WELCOME = 2, ABORT = 3, CHALLENGE = 4, AUTHENTICATE = 5, GOODBYE = 6;

export class Refusal extends Error {
  constructor(message, byRouter) {
    super(message);
    this.byRouter = byRouter;
  }
}

// Resolves to {details, closed, logout} once joined; rejects with a Refusal.
export function join(url, realm, { user, ticket }) {
  const socket = new WebSocket(url, ["wamp.2.json"]);
  const send = (...message) => socket.send(JSON.stringify(message));
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => {
      // "cookie" always comes first: without it, the router asks for the ticket again.
      const authmethods = user ? ["cookie", "ticket"] : ["cookie"];
      send(HELLO, realm, { authmethods, ...(user && { authid: user }), roles: { caller: {} } });
    });
    socket.addEventListener("message", ({ data }) => {
      const [type, ...rest] = JSON.parse(data);
      if (type === CHALLENGE) send(AUTHENTICATE, ticket, {});
      if (type === ABORT) reject(new Refusal(rest[0].message ?? rest[1], true));
      if (type === WELCOME) {
        const logout = () => send(GOODBYE, {}, "wamp.close.logout");
        resolve({ details: rest[1], closed, logout });
      }
      if (type === GOODBYE || type === ABORT) socket.close();
    });
    closed.then(({ code }) => reject(new Refusal(`closed with code ${code}`, false)));
  });
}
