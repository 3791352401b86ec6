// A WebSocket as autobahn-js wants its transports. Its own answers a GOODBYE on a socket that is closing
// already, as where another tab has logged out: browsers log that as an error.

export const SOCKET = "cookietrack-demo";

class Factory {
  type = SOCKET;

  constructor({ url }) {
    this.url = url;
  }

  create() {
    const protocol = "wamp.2.json";
    const socket = new WebSocket(this.url, [protocol]);
    const transport = {
      info: { type: "websocket", url: this.url, protocol },
      send: (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message)),
      close: (code, reason) => socket.close(code, reason),
    };
    socket.onopen = () => transport.onopen();
    socket.onmessage = ({ data }) => transport.onmessage(JSON.parse(data));
    socket.onclose = ({ code, reason, wasClean }) => transport.onclose({ code, reason, wasClean });
    return transport;
  }
}

globalThis.autobahn?.transports.register(SOCKET, Factory);
