// Puts a part of a page in the place of another, and leaves what its reader was doing as it was.

/** What a reader can be at. */
const REACHED = "a, button, summary, pre[tabindex]";

/**
 * @param {Element} old
 * @param {Element} now
 * @returns {() => void} brings a reader back to where they were, once what is there can be seen
 */
export function replace(old, now) {
  const open = new Set([...old.querySelectorAll("details[open]")].map(nameOf));
  const shut = new Set([...old.querySelectorAll("details:not([open])")].map(nameOf));
  const at = document.activeElement;
  const was = at !== null && old.contains(at) ? keyOf(at) : undefined;
  old.replaceChildren(...[...now.childNodes].map((node) => document.importNode(node, true)));
  for (const details of old.querySelectorAll("details")) {
    if (open.has(nameOf(details))) details.open = true;
    else if (shut.has(nameOf(details))) details.open = false;
  }
  return () => {
    if (was === undefined) return;
    const next = [...old.querySelectorAll(REACHED)].find((element) => keyOf(element) === was);
    // Where it is gone, the payment as a whole is what is left to read.
    /** @type {HTMLElement | null} */ (next ?? document.querySelector("#payment"))?.focus({ preventScroll: true });
  };
}

/** @param {Element} details */
function nameOf(details) {
  return details.querySelector("summary")?.textContent;
}

/** @param {Element} element */
function keyOf(element) {
  return `${element.localName} ${element.id} ${element.textContent?.trim()}`;
}
