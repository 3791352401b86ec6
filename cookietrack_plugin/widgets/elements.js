// Makes elements. Text goes in as text, never as markup.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const button = (kind, text = "") => make("button", { type: "button", class: kind }, text);

// Not `disabled`, which takes the focus away.
export const turnOff = (element, off) => element.setAttribute("aria-disabled", String(off));

export const onClick = (element, action) =>
  element.addEventListener("click", () => {
    if (element.getAttribute("aria-disabled") !== "true") action();
  });
