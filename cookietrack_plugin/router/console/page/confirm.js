// Asks before sessions are ended, and says how many.

import { byId, say } from "./dom.js";

/**
 * Resolves with null if the operator cancels, else with `keep`: whether the own session is kept.
 * `text`: called with a function that shows progress and an abort signal; a promise of `text`, what
 * the dialog says, and `can`, whether there is anything to end.
 */
export const confirm = (title, button, text, offersKeep = false) =>
  new Promise((resolve) => {
    const dialog = byId("confirm");
    const yes = byId("confirm-yes");
    const keep = byId("confirm-keep");
    const aborted = new AbortController();
    say(byId("confirm-title"), title);
    say(byId("confirm-text"), "Counting");
    say(yes, button);
    yes.disabled = true;
    keep.hidden = !offersKeep;
    keep.querySelector("input").checked = true;
    dialog.returnValue = "no";
    text((progress) => say(byId("confirm-text"), progress), aborted.signal).then(
      (found) => {
        if (aborted.signal.aborted) return;
        say(byId("confirm-text"), found.text);
        yes.disabled = !found.can;
      },
      (error) => say(byId("confirm-text"), `It cannot be counted: ${error.message}`),
    );
    dialog.addEventListener(
      "close",
      () => {
        aborted.abort();
        const kept = offersKeep && keep.querySelector("input").checked;
        resolve(dialog.returnValue === "yes" ? { keep: kept } : null);
      },
      { once: true },
    );
    dialog.showModal();
    byId("confirm-no").focus();
  });
