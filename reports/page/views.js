// The other views: images against tests, machines, time, known issues.

/** A table of few rows; with `short`, of cells that need no second line but for the last. */
function table(caption, heads, rows, short) {
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    element(
      "table",
      { class: short ? "short" : null },
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, rows.map((cells) => element("tr", {}, cells.map((cell) => element("td", {}, cell))))),
    ),
  );
}

/** Rows of the matrix: a test with its outcome on each image. */
function matrixRows(tests, differ) {
  const rows = new Map();
  for (const test of tests) {
    if (!rows.has(test.name)) rows.set(test.name, { name: test.name, cells: new Map() });
    rows.get(test.name).cells.set(test.image, test);
  }
  const outcomes = (row) => new Set([...row.cells.values()].map((test) => test.outcome));
  return [...rows.values()].filter((row) => !differ || outcomes(row).size > 1);
}

function imagesView(page) {
  const images = page.images.map((image) => element("section", { class: "card" }, element("h3", {}, image.id), terms(image.facts), image.enter ? command(image.enter, `enter a new machine of ${image.id}`) : null));
  const machines = page.machines.map((machine) => [
    machine.id,
    machine.image,
    machine.of ? `clone of ${machine.of}` : "booted",
    machine.ready === null ? "never answered" : duration(machine.ready),
    machine.worked === null ? "" : duration(machine.worked),
    machine.mib === null ? "" : `${machine.mib} MiB`,
    machine.channel || "",
    String(machine.tests),
    machine.end || "",
  ]);
  const findings = page.findings.map((found) => [found.severity, found.category, found.machine, String(found.number), element("code", {}, found.line)]);
  const heads = ["Machine", "Image", "Started", "Answered after", "Worked", "Memory of its own", "Reached by", "Tests", "Ended"];
  return [
    element("div", { class: "cards" }, images),
    findings.length ? table("Found on consoles", ["Severity", "What", "Machine", "Line of console.log", "Text"], findings) : null,
    machines.length ? table("Machines", heads, machines, true) : element("p", {}, "No machine was started."),
    page.machinesLeftOut ? element("p", {}, `And ${counted(page.machinesLeftOut, "clone")} more, which run.json has.`) : null,
  ];
}

function bar(seconds, most) {
  const filled = element("span", { class: "filled" });
  filled.style.width = `${most > 0 ? Math.max(0.5, (100 * seconds) / most) : 0}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, filled);
}

/** Rows of a name, seconds and a note, with their share of all. */
function barRows(caption, heads, rows, all) {
  const most = Math.max(0, ...rows.map(([, seconds]) => seconds));
  const share = (seconds) => `${((100 * seconds) / all).toFixed(1)} %`;
  const cells = rows.map(([name, seconds, note]) => [name, duration(seconds), all > 0 ? share(seconds) : "", bar(seconds, most), note]);
  return table(caption, heads, cells, true);
}

const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);

function timeView(page, open) {
  const { boots, clones, guests, rest } = page.time;
  const parts = [
    ["Boots", boots.seconds, counted(boots.count, "boot")],
    ["Starts of clones", clones.seconds, counted(clones.count, "clone")],
    ["Tests in guests", guests, "and the end of each machine"],
  ];
  if (rest !== null) parts.push(["muster itself", rest, "the rest of the run"]);
  const note =
    page.seconds === null
      ? "The run has not ended."
      : rest === null
        ? `The run took ${duration(page.seconds)}. Machines ran side by side, or the time of one is not known, so what muster itself took is not known.`
        : `The run took ${duration(page.seconds)}.`;
  const slowest = [...page.tests].filter((test) => test.seconds > 0).sort(ORDERS.slowest).slice(0, 25);
  const rows = slowest.map((test) => [element("a", { href: open(test) }, test.name), test.seconds, `${test.image} · ${outcomeWords(test.outcome)}`]);
  return [
    element("p", {}, note),
    barRows("Where the time went", ["Part", "Time", "Share", "Next to the others", "What it is"], parts, sum(parts.map(([, seconds]) => seconds))),
    rows.length ? barRows("The slowest tests", ["Test", "Time", "Share of all tests", "Next to the others", "Image and outcome"], rows, sum(page.tests.map((test) => test.seconds))) : null,
  ];
}

function issuesView(page, open) {
  const rows = page.issues.map((entry, index) => {
    const tests = page.tests.filter((test) => test.issue === index);
    const names = tests.slice(0, 5).map((test) => [element("a", { href: open(test) }, test.key), element("br")]);
    const more = tests.length > 5 ? `and ${tests.length - 5} more` : "";
    return [webLink(entry.tracker), entry.because, entry.ruled, `${entry.expires}: ${daysLeft(entry, page)}`, entry.owner, element("span", {}, names.flat(), more), entry.at];
  });
  return [table("Known issues", ["Tracker", "Because", "Here", "Expires", "Owner", "Tests", "Entry"], rows)];
}
