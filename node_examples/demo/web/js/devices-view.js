// The list of devices. What a browser says of itself is text from outside, and goes in as text.

import { item, moment } from "./view.js";

// The first that matches: each browser names those before it too.
const BROWSERS = [
  ["Edge", /Edg/],
  ["Opera", /OPR/],
  ["Firefox", /Firefox/],
  ["Chrome", /Chrome/],
  ["Safari", /Safari/],
];
const SYSTEMS = [
  ["Android", /Android/],
  ["iPhone", /iPhone/],
  ["iPad", /iPad/],
  ["Windows", /Windows/],
  ["macOS", /Mac OS/],
  ["Linux", /Linux/],
];

export function showDevices(devices, end) {
  document.getElementById("device-list").replaceChildren(...devices.map((each) => row(each, end)));
  document.getElementById("end-others").hidden = devices.every((each) => each.current);
}

function row(device, end) {
  const text = document.createElement("div");
  text.append(
    Object.assign(document.createElement("strong"), { textContent: name(device) }),
    Object.assign(document.createElement("span"), { textContent: facts(device) }),
  );
  return item(text, device.current ? badge() : endButton(device, end));
}

function badge() {
  return Object.assign(document.createElement("span"), {
    className: "badge",
    textContent: "This device",
  });
}

function endButton(device, end) {
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    className: "quiet",
    textContent: "End",
    ariaLabel: `End ${name(device)}, ${facts(device)}`,
  });
  button.addEventListener("click", () => {
    button.disabled = true;
    end(device.id);
  });
  return button;
}

function name({ user_agent }) {
  const found = (list) => list.find(([, pattern]) => pattern.test(user_agent ?? ""))?.[0];
  return `${found(BROWSERS) ?? "A client"} on ${found(SYSTEMS) ?? "an unknown system"}`;
}

const facts = ({ peer, created }) =>
  [address(peer), `since ${moment(created)}`].filter(Boolean).join(" · ");

// Crossbar writes tcp4:192.0.2.1:52410.
const address = (peer) => peer?.replace(/^\w+:/, "").replace(/:\d+$/, "");
