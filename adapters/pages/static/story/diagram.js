// A sequence diagram as SVG.

const SVG = "http://www.w3.org/2000/svg";
/** Who stands where, and how it is measured, in the drawing's own coordinates. */
const PARTIES = ["merchant", "sequencer", "payer", "rail"];
const [WIDTH, LEFT, LANE, TOP, ROW] = [960, 200, 220, 76, 64];
/** What fits above the shortest arrow. */
const MAX_LETTERS = 34;

/**
 * One record.
 * @typedef {{ position: number, event: string, from: string, to: string, label: string, detail: string, bad: boolean,
 *   at: string, after_us: number, state: string }} Arrow
 */

/**
 * Draws all of them.
 * @param {Arrow[]} arrows
 * @param {(index: number) => void} choose is told when one is clicked
 */
export function draw(arrows, choose) {
  const height = TOP + arrows.length * ROW + 16;
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${height}`, "aria-hidden": "true" });
  for (const party of PARTIES) {
    const x = lane(party);
    const name = make("g", { class: "who" });
    name.append(
      make("rect", { x: x - 64, y: 16, width: 128, height: 36, rx: 6 }),
      text(party[0]?.toUpperCase() + party.slice(1), { x, y: 39, "text-anchor": "middle" }),
    );
    svg.append(make("line", { class: "life", x1: x, x2: x, y1: 56, y2: height - 8 }), name);
  }
  for (const [index, arrow] of arrows.entries()) {
    const row = drawn(arrow, TOP + index * ROW);
    row.setAttribute("data-at", String(index));
    row.addEventListener("click", () => choose(index));
    svg.append(row);
  }
  return svg;
}

/**
 * Marks one row, and what comes behind it as yet to come.
 * @param {Element} svg
 * @param {number} at
 */
export function mark(svg, at) {
  for (const row of svg.querySelectorAll("g[data-at]")) {
    const index = Number(row.getAttribute("data-at"));
    row.classList.toggle("now", index === at);
    row.classList.toggle("to-come", index > at);
  }
}

/** @param {Arrow} arrow @param {number} y */
function drawn(arrow, y) {
  const group = make("g", arrow.bad ? { class: "bad" } : {});
  const [from, to, line] = [lane(arrow.from), lane(arrow.to), y + 40];
  group.append(
    make("rect", { class: "row", x: 4, y: y + 1, width: WIDTH - 8, height: ROW - 2, rx: 6 }),
    text(`#${arrow.position}`, { class: "place", x: 16, y: line - 6 }),
    text(since(arrow.after_us), { class: "when", x: 16, y: line + 12 }),
  );
  if (from === to) {
    group.append(
      make("path", { class: "shaft", d: `M${from} ${line - 10}h28a8 8 0 0 1 8 8v6a8 8 0 0 1-8 8h-20` }),
      make("path", { class: "head", d: `M${from + 1} ${line + 12}l10-6v12z` }),
      text(cut(arrow.label), { x: from + 48, y: line }),
      text(cut(arrow.detail), { class: "more", x: from + 48, y: line + 17 }),
    );
    return group;
  }
  const way = Math.sign(to - from);
  const middle = Math.max((from + to) / 2, LEFT + 20);
  group.append(
    make("path", { class: "shaft", d: `M${from} ${line}H${to - way * 9}` }),
    make("path", { class: "head", d: `M${to - way} ${line}l${-way * 11}-6v12z` }),
    text(cut(arrow.label), { x: middle, y: line - 9, "text-anchor": "middle" }),
    text(cut(arrow.detail), { class: "more", x: middle, y: line + 17, "text-anchor": "middle" }),
  );
  return group;
}

/** @param {string} party */
function lane(party) {
  return LEFT + LANE * PARTIES.indexOf(party);
}

/** Since the first record. @param {number} micros */
export function since(micros) {
  if (micros < 1_000) return `+${micros} µs`;
  if (micros < 1_000_000) return `+${(micros / 1_000).toFixed(1)} ms`;
  return `+${(micros / 1_000_000).toFixed(2)} s`;
}

/** @param {string} words */
function cut(words) {
  const letters = [...words];
  return letters.length > MAX_LETTERS ? `${letters.slice(0, MAX_LETTERS - 1).join("")}…` : words;
}

/** @param {string} name @param {Record<string, string | number>} attributes */
function make(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** @param {string} words @param {Record<string, string | number>} attributes */
function text(words, attributes) {
  const element = make("text", attributes);
  element.textContent = words;
  return element;
}
