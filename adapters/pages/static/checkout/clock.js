// Times as the reader's clock has them, and how much is left.

/**
 * The page's moments in the reader's own time zone.
 * @param {string} language
 */
export function inLocalTime(language) {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.getAttribute("datetime") ?? "");
    if (Number.isNaN(at.getTime())) continue;
    const region = navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;
    // The digits of the amount beside it: Latin ones in every language.
    const format = new Intl.DateTimeFormat(`${region}-u-nu-latn`, { dateStyle: "medium", timeStyle: "short" });
    const shown = time.querySelector("bdi") ?? time;
    shown.textContent = format.format(at);
  }
}

let ticking = 0;

/**
 * Counts down to the deadline, if the page has one.
 * @param {string} text with `{time}` in it
 * @param {number} ahead how far the clock that the deadline goes by is ahead of this one, in milliseconds
 */
export function countDown(text, ahead) {
  clearInterval(ticking);
  const left = document.querySelector("#left");
  const deadline = Date.parse(left?.parentElement?.querySelector("time")?.getAttribute("datetime") ?? "");
  if (!left || Number.isNaN(deadline)) return;
  const show = () => {
    const seconds = Math.max(0, Math.ceil((deadline - Date.now() - ahead) / 1000));
    left.textContent = text.replace("{time}", `\u2066${clock(seconds)}\u2069`);
    if (seconds === 0) clearInterval(ticking);
  };
  ticking = setInterval(show, 1000);
  show();
}

/** @param {number} seconds */
function clock(seconds) {
  const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
