// Elements, made without markup in strings: nothing that a client has sent is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

const fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
};

export const make = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const draw = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** Sets a text only if it changes: a screen reader reads out what is set. */
export const say = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

/** Shows pairs of a term and a value in a definition list, without those whose value is null. */
export const facts = (list, pairs) => {
  const shown = pairs.filter(([, value]) => value != null);
  if (list.children.length !== shown.length) {
    list.replaceChildren(...shown.map(() => make("div", {}, make("dt"), make("dd"))));
  }
  shown.forEach(([term, value], place) => {
    const [name, text] = list.children[place].children;
    say(name, term);
    say(text, value);
  });
};
