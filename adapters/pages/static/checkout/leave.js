// Goes back to the merchant by itself once all is done, unless the reader wants to stay.

/** Time enough to read what became of it, in seconds. */
const SECONDS = 8;

let leaving = 0;
let left = SECONDS;
/** Where to: news on the way there do not begin the time again. */
let towards = "";
/** Said once, whatever becomes of the payment afterwards. */
let staying = false;

export function leave() {
  clearInterval(leaving);
  const onward = /** @type {HTMLAnchorElement | null} */ (document.querySelector("#onward"));
  const note = /** @type {HTMLElement | null} */ (document.querySelector("#leaving"));
  if (!onward || !note || staying) return;
  if (towards !== onward.href) [towards, left] = [onward.href, SECONDS];
  if (left <= 0) return;
  const words = note.querySelector("span");
  const show = () => {
    if (words) words.textContent = (note.dataset.text ?? "").replace("{seconds}", String(left));
  };
  note.hidden = false;
  show();
  const stop = () => {
    clearInterval(leaving);
    note.hidden = true;
  };
  const stay = note.querySelector("button");
  if (stay) stay.onclick = () => {
    staying = true;
    stop();
  };
  leaving = setInterval(() => {
    left -= 1;
    show();
    if (left > 0) return;
    stop();
    location.assign(onward.href);
  }, 1000);
}
