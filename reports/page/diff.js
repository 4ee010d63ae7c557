// What was expected against what was found, line by line.

// Lines of both sides at most for which the least difference is looked for.
const COMPARED = 600;

/** Lines with `-` (expected only), `+` (found only) or ` ` (both). */
function lineDiff(expected, actual) {
  const a = expected.split("\n");
  const b = actual.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const same = (lines) => lines.map((line) => [" ", line]);
  const middle = differing(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [...same(a.slice(0, start)), ...middle, ...same(end ? a.slice(-end) : [])];
}

/** The same by the longest common subsequence; of very long texts all of one, then all of the other. */
function differing(a, b) {
  if (!a.length || !b.length || a.length > COMPARED || b.length > COMPARED) {
    return [...a.map((line) => ["-", line]), ...b.map((line) => ["+", line])];
  }
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const [down, right] = [common[(i + 1) * width + j], common[i * width + j + 1]];
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(down, right);
    }
  }
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) lines.push([" ", a[(j++, i++)]]);
    else if (j >= b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) lines.push(["-", a[i++]]);
    else lines.push(["+", b[j++]]);
  }
  return lines;
}

/** A difference as a block of text. Each line begins with its sign, so that colour is not the only one. */
function diffBlock(lines, label) {
  const kinds = { "-": "expected", "+": "actual", " ": "both" };
  const drawn = lines.map(([sign, line]) => element("span", { class: kinds[sign] }, `${sign} ${line}\n`));
  return element("pre", { class: "diff", tabindex: "0", role: "group", "aria-label": label }, drawn);
}

/** Lines that are a difference already. */
function asDiff(text) {
  return text.split("\n").map((line) => (line[0] === "-" || line[0] === "+" ? [line[0], line.slice(1)] : [" ", line.replace(/^ /, "")]));
}
