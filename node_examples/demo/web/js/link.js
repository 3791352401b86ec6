// The line at the top that says whether this page has a connection.

const TEXT = {
  connecting: "Connecting",
  visitor: "Connected",
  member: "Connected",
  away: "Node away",
  missing: "Not connected",
};

export function showLink(phase) {
  const link = document.getElementById("link");
  link.dataset.phase = phase;
  link.textContent = TEXT[phase];
}
