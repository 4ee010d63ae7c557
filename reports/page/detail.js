// One test, with everything that is known of it. Made when it is opened.

function detail(test, page, state) {
  const image = page.images.find((image) => image.id === test.image);
  const parts = [
    element("h2", { id: "opened", tabindex: "-1" }, test.name, " ", element("span", { class: "quiet" }, `[${test.image}]`)),
    element(
      "p",
      {},
      element("strong", { class: `word ${test.outcome}` }, outcomeWords(test.outcome)),
      test.since ? ` · ${SINCE[test.since]}` : null,
      test.seconds ? ` · ${duration(test.seconds)}` : null,
      ` · ${test.at}`,
    ),
    test.summary ? element("p", { class: "quiet" }, test.summary) : null,
    ...(test.failures || []).map((failure) => wrong(failure, page)),
    test.reason ? wrong(test.reason, page) : null,
    test.issue === undefined ? null : issue(page.issues[test.issue], page),
    element("h3", {}, "Run it again"),
    command(test.rerun, "run it again"),
    test.resume ? element("h3", {}, "Enter its machine as it was") : null,
    test.resume ? command(test.resume, "enter its machine") : null,
    image && image.enter ? element("h3", {}, "Enter a new machine of its image") : null,
    image && image.enter ? command(image.enter, "enter a new machine") : null,
    ...attempts(test, page),
    ...met(test),
    ...console_(test, page),
    ...files(test),
    ...machine(test, page),
    ...list("Notes", test.notes, (note) => note),
    ...list("Links", test.links, webLink),
    test.tags.length ? element("h3", {}, "Tags") : null,
    test.tags.length ? element("p", {}, test.tags.map((tag) => [tagLink(tag, state), " "]).flat()) : null,
  ];
  return parts.filter(Boolean);
}

function tagLink(tag, state) {
  return element("a", { class: "tag", href: fragmentOf({ ...DEFAULTS, group: state.group, sort: state.sort, tag }) }, tag);
}

function list(title, texts, draw) {
  if (!texts || !texts.length) return [];
  return [element("h3", {}, title), element("ul", {}, texts.map((text) => element("li", {}, draw(text))))];
}

/** One failure: what it is, what was expected and found, what a person does next. */
function wrong(failure, page) {
  const known = own(page.ids, failure.id);
  const parts = [
    element("h3", { class: "message" }, failure.message),
    element("p", { class: "quiet" }, element("code", {}, failure.id), failure.at ? ` · ${failure.at}` : null, known ? ` · ${known.meaning}` : null),
  ];
  const { expected, actual, detail: text } = failure;
  if (expected !== undefined && actual !== undefined) {
    parts.push(element("p", { class: "legend" }, "- expected   + actual"));
    parts.push(diffBlock(lineDiff(expected, actual), "expected and actual"));
  } else if (expected !== undefined || actual !== undefined) {
    const name = expected === undefined ? "actual" : "expected";
    parts.push(element("p", { class: "legend" }, name), textBlock(expected ?? actual, name));
  }
  if (text && failure.id.startsWith("snapshot.")) parts.push(diffBlock(asDiff(text), "the difference"));
  else if (text) parts.push(textBlock(text, "output"));
  if (known) parts.push(element("p", { class: "next" }, "Next: ", known.next));
  return element("div", { class: "wrong" }, parts);
}

function textBlock(text, label) {
  return element("pre", { tabindex: "0", role: "group", "aria-label": label }, text === "" ? "(empty)" : text);
}

/** What was expected and found, of what was met: in full where the test passed, else behind a line. */
function met(test) {
  const rows = test.met || [];
  const more = test.metMore ? element("p", { class: "quiet" }, `${counted(test.metMore, "more assertion")} ${test.metMore === 1 ? "was" : "were"} met; run.json has what the record keeps of them.`) : null;
  if (!rows.length) return more ? [element("h3", {}, "What was met"), more] : [];
  const parts = [rows.length ? table("What was expected and found", ["About", "Expected", "Found"], rows) : null, more];
  if (test.outcome === "pass") return [element("h3", {}, "What was met"), ...parts];
  return [element("details", {}, element("summary", {}, `What was met: ${counted(rows.length + (test.metMore || 0), "assertion")}`), parts)];
}

/** Earlier attempts and the last one, next to each other. */
function attempts(test, page) {
  if (!test.attempts) return [];
  const earlier = test.attempts.map((attempt, index) =>
    element(
      "div",
      { class: "attempt" },
      element("h4", {}, attempt.run ? `In ${attempt.run}: ${outcomeWords(attempt.outcome)}` : `Attempt ${index + 1}: did not pass`),
      element("p", { class: "quiet" }, [duration(attempt.seconds), attempt.machine].filter(Boolean).join(" · ")),
      attempt.failures.map((failure) => wrong(failure, page)),
    ),
  );
  const last = element(
    "div",
    { class: "attempt" },
    element("h4", {}, `${test.attempts.some((attempt) => attempt.run) ? "Now" : `Attempt ${test.attempts.length + 1}`}: ${test.outcome === "flaky" ? "passed" : outcomeWords(test.outcome)}`),
    element("p", { class: "quiet" }, [duration(test.seconds), test.machine].filter(Boolean).join(" · ")),
  );
  return [element("h3", {}, "Attempts"), element("div", { class: "attempts" }, earlier, last)];
}

/** The console of its machine. The text is put in when it is opened. */
function console_(test, page) {
  const text = test.machine && own(page.consoles, test.machine);
  if (!text || test.outcome === "pass") return [];
  const ran = (other) => other.machine === test.machine && !["skip", "not-run"].includes(other.outcome);
  const others = page.tests.filter(ran).length - 1;
  const when =
    others > 0
      ? `The end of the console of ${test.machine}. ${counted(others, "other test")} ran on it, so that this need not be the moment of this one.`
      : `The end of the console of ${test.machine}. No other test ran on it.`;
  const box = element("details", {}, element("summary", {}, `Console of ${test.machine}`), element("p", { class: "quiet" }, when));
  box.addEventListener("toggle", () => {
    if (box.open && !box.querySelector("pre")) {
      const block = textBlock(text, `console of ${test.machine}`);
      box.append(block);
      block.scrollTop = block.scrollHeight;
    }
  });
  return [element("h3", {}, "Console"), box];
}

function files(test) {
  return list("Files, next to this page", test.files, fileLink);
}

function machine(test, page) {
  const found = test.machine && page.machines.find((machine) => machine.id === test.machine);
  const image = page.images.find((image) => image.id === test.image);
  const facts = image ? image.facts.filter(([name]) => ["system", "kernel", "architecture", "firmware", "SHA-256"].includes(name)) : [];
  if (!test.machine && !facts.length) return [];
  const several = (test.machines || []).map(([name, id]) => [name, id]);
  const heading = several.length ? "Machines" : "Machine";
  return [element("h3", {}, heading), terms([...several, ...(found ? machineTerms(found) : [["machine", test.machine]]), ...facts])];
}

function machineTerms(machine) {
  return [
    ["machine", machine.id],
    ["started", machine.of ? `as a clone of ${machine.of}` : "by a boot"],
    ["answered after", machine.ready === null ? "never" : duration(machine.ready)],
    ["reached by", machine.channel],
    ["ended", machine.end],
  ];
}

/** A known issue, with the days that it had left on the day of the run. */
function issue(entry, page) {
  return element(
    "div",
    { class: "wrong" },
    element("h3", {}, "Known issue"),
    terms([
      ["tracker", webLink(entry.tracker)],
      ["because", entry.because],
      ["here", entry.ruled],
      ["expires", `${entry.expires}: ${daysLeft(entry, page)}`],
      ["owner", entry.owner],
      ["entry", entry.at],
      ["note", entry.note],
    ]),
  );
}

function daysLeft(entry, page) {
  const on = `on ${page.day}, the day of the run`;
  if (entry.days === null) return "the days left are not known";
  if (entry.days < 0) return `over since ${counted(-entry.days, "day")} ${on}`;
  if (entry.days === 0) return `the last day was ${page.day}, the day of the run`;
  return `${counted(entry.days, "day")} left ${on}`;
}
