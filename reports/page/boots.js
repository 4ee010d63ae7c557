// What boots took: a bar of parts for each, all on one scale, with the numbers as text.

/** The parts that have a colour of their own. */
const PARTS = ["firmware", "loader", "kernel", "initrd", "userspace"];
/** Percent of a bar that a letter takes on the narrowest page: a part that is too short for its name has none. */
const LETTER = 2.2;

/** A step of 1, 2 or 5 times a power of ten, at most six of which are as long as the longest. */
function stepOf(longest) {
  const power = 10 ** Math.floor(Math.log10(Math.max(longest, 0.001) / 6));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => longest / step <= 6);
}

/** Where the drawing of a boot ends, in seconds. */
function endOf(boot) {
  return Math.max(boot.ready ?? 0, boot.givenUp ?? 0, ...boot.parts.map((part) => part.start + part.seconds));
}

function bootsView(page) {
  const { images, earlier, note, leftOut } = page.boots;
  const longest = Math.max(...images.flatMap((of) => of.boots.map(endOf)));
  const step = stepOf(longest);
  const whole = step * Math.max(1, Math.ceil(longest / step));
  const ticks = Array.from({ length: Math.round(whole / step) + 1 }, (_, number) => number * step);
  const shown = { whole, ticks, earlier };
  const said = [
    "Seconds since QEMU was started, on one scale for all. A part begins where the one before it ends; one that was not seen is not drawn. ",
    "The line marks where the guest answered SSH; what lies between the parts and it is drawn empty.",
    earlier ? ` Boots of run ${earlier} stand below those of this one.` : "",
  ];
  return [
    element("p", { class: "quiet" }, said.join("")),
    ...images.map((of) =>
      element("section", { class: "boots", "aria-label": `Boots of ${of.image}` }, element("h2", {}, of.image), axis(shown), element("ul", {}, of.boots.map((boot) => bootRow(boot, shown)))),
    ),
    note ? element("p", { class: "quiet" }, note) : null,
    leftOut ? element("p", { class: "quiet" }, `And ${counted(leftOut, "boot")} more, which run.json has.`) : null,
  ];
}

/** Sets where something begins and how wide it is, in percent of the whole. */
function place(made, start, seconds, whole) {
  const percent = (value) => `${Math.min(100, Math.max(0, (100 * value) / whole))}%`;
  made.style.left = percent(start);
  if (seconds !== null) made.style.width = percent(Math.min(seconds, whole - start));
  return made;
}

/** The numbers of the scale; the bars have the numbers as text, so that nobody needs to hear these. */
function axis({ whole, ticks }) {
  const digits = ticks[1] < 1 ? 1 : 0;
  const names = ticks.map((tick) => place(element("span", {}, `${tick.toFixed(digits)} s`), tick, null, whole));
  return element("div", { class: "axis", "aria-hidden": "true" }, names);
}

function bootRow(boot, shown) {
  const { whole, ticks, earlier } = shown;
  const name = (part) => (PARTS.includes(part.name) ? part.name : "unknown");
  const named = (part) => !boot.earlier && (100 * part.seconds) / whole > LETTER * (part.name.length + 1);
  const drawn = boot.parts.map((part) => place(element("span", { class: `part ${name(part)}` }, named(part) ? part.name : null), part.start, part.seconds, whole));
  const end = Math.max(0, ...boot.parts.map((part) => part.start + part.seconds));
  const until = boot.ready ?? boot.givenUp ?? 0;
  if (until > end) drawn.push(place(element("span", { class: "rest" }), end, until - end, whole));
  if (boot.ready !== null) drawn.push(place(element("span", { class: "answered" }), boot.ready, null, whole));
  const answered = boot.ready !== null ? `answered after ${duration(boot.ready)}` : boot.givenUp !== null ? `never answered, ended after ${duration(boot.givenUp)}` : "never answered";
  const longest = [...boot.parts].sort((a, b) => b.seconds - a.seconds)[0];
  const label = `${boot.machine}: ${answered}${longest ? `, longest ${longest.name}, ${duration(longest.seconds)}` : ""}`;
  const lines = ticks.map((tick) => place(element("span", { class: "tick" }), tick, null, whole));
  const numbers = boot.parts.map((part) => element("li", {}, element("span", { class: `key ${name(part)}`, "aria-hidden": "true" }), `${part.name} ${duration(part.seconds)}`));
  return element(
    "li",
    { class: boot.earlier ? "boot earlier" : "boot" },
    element("p", {}, element("strong", {}, boot.machine), " ", element("span", { class: boot.ready === null ? "error" : "quiet" }, answered), boot.earlier ? element("span", { class: "quiet" }, ` · run ${earlier}`) : null),
    element("div", { class: "track", role: "img", "aria-label": label }, lines, drawn),
    numbers.length ? element("ul", { class: "numbers" }, numbers) : element("p", { class: "quiet" }, "No part of it was seen."),
  );
}
