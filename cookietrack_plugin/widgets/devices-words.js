// All that the widget says. An application gives the `words` option for other ones.

export const WORDS = {
  list: "Your devices",
  current: "This device",
  end: "End",
  ending: "Ending …",
  endOthers: "End all others",
  more: "Show more",
  program: "A program",
  on: (browser, system) => `${browser} on ${system}`,
  since: (moment) => `since ${moment}`,
  seenLast: (moment) => `last seen ${moment}`,
  connected: "connected now",
  shown: (count, all) => `${count} of ${all} devices.`,
  longest: (count) => `There may be more than these ${count}: ending all others ends those, too.`,
  alone: "You are logged in on no other device.",
  loading: "One moment …",
  offline: "Not connected: the list may be out of date.",
  // `name`: of the device, if it was one.
  ended: (count, name) => {
    if (count === 0) return name ? `${name} was ended already.` : "No other login was left.";
    if (name) return `${name} was ended.`;
    return count === 1 ? "One other login was ended." : `${count} other logins were ended.`;
  },
  errors: {
    "cookietrack.error.login_too_old": "Your login is too old for this. Log in again, then end it.",
    "cookietrack.error.not_stored_yet":
      "It is ended here. Other servers learn of it as soon as the store takes it.",
    "cookietrack.error.store_unavailable":
      "The store of logins does not answer at the moment.",
    "wamp.error.invalid_argument": "That device was ended already.",
    "wamp.error.not_authorized": "You may not see your devices here.",
    "wamp.error.no_such_procedure": "This server does not list devices.",
    "cookietrack.error.caller_not_disclosed": "This server does not list devices.",
    other: "The server has not done that. Try again in a moment.",
  },
};
