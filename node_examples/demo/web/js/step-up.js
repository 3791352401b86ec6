// Asks for the password again, as the widget of devices wants where a login is too old to end others.

const dialog = document.getElementById("step-up");
const form = document.getElementById("step-up-form");
const error = document.getElementById("step-up-error");

// Resolves to the session of the new login, or to null if its user has changed their mind.
export function stepUp(client) {
  const listening = new AbortController();
  const { signal } = listening;
  return new Promise((resolve) => {
    client.addEventListener("refused", () => say("That is not your password."), { signal });
    client.addEventListener("joined", ({ detail }) => detail.cause === "proof" && resolve(detail.session), { signal });
    form.addEventListener("submit", (event) => submit(event, client), { signal });
    form.querySelector("[data-cancel]").addEventListener("click", () => dialog.close(), { signal });
    dialog.addEventListener("close", () => resolve(null), { signal });
    open(client.who.authid);
  }).finally(() => {
    listening.abort();
    dialog.close();
  });
}

function open(user) {
  say("");
  form.reset();
  form.elements.user.value = user;
  dialog.showModal();
  form.elements.password.focus();
}

function submit(event, client) {
  event.preventDefault();
  say("");
  client.prove(form.elements.password.value);
}

function say(text) {
  error.hidden = !text;
  error.textContent = text;
  form.elements.password.select();
}
