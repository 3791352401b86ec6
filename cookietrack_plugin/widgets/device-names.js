// What a device is called: the browser and the system that its User-Agent header names.

// The first that matches: each browser names those behind it too.
const BROWSERS = [
  ["Edge", /\bEdg(A|iOS)?\//],
  ["Opera", /\bOPR\//],
  ["Samsung Internet", /\bSamsungBrowser\//],
  ["Firefox", /\b(Firefox|FxiOS)\//],
  ["Chrome", /\b(Chrome|HeadlessChrome|CriOS)\//],
  ["Safari", /\bSafari\//],
];
const SYSTEMS = [
  ["Android", /\bAndroid\b/],
  ["iPhone", /\biPhone\b/],
  ["iPad", /\biPad\b/],
  ["ChromeOS", /\bCrOS\b/],
  ["Windows", /\bWindows\b/],
  ["macOS", /\bMac OS\b/],
  ["Linux", /\bLinux\b/],
];
// What a program that is no browser calls itself: curl/8.5.0, AutobahnPython/25.12.2.
const PROGRAM = /^(?!Mozilla)([\w.-]{1,40})\/\d/;
const LENGTH_OF_TAG = 4;

// A Map from ids to names. Devices that would have the same get the beginning of their ids behind it.
export function namesOf(devices, words, name = () => undefined) {
  const names = new Map(devices.map((each) => [each.id, name(each) ?? nameOf(each, words)]));
  const counts = new Map();
  for (const each of names.values()) counts.set(each, (counts.get(each) ?? 0) + 1);
  for (const [id, each] of names) {
    if (counts.get(each) > 1) names.set(id, `${each} (${id.slice(0, LENGTH_OF_TAG)})`);
  }
  return names;
}

function nameOf({ user_agent }, words) {
  const agent = user_agent ?? "";
  const found = (list) => list.find(([, pattern]) => pattern.test(agent))?.[0];
  const program = found(BROWSERS) ?? PROGRAM.exec(agent)?.[1] ?? words.program;
  const system = found(SYSTEMS);
  return system ? words.on(program, system) : program;
}
