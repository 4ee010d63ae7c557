// Which tests are shown, and in what order.

// The worst first.
const OUTCOMES = ["fail", "error", "not-run", "flaky", "known", "skip", "pass"];
const SINCE = {
  "newly-red": "newly failing",
  "added-red": "added, and failing",
  "now-run-red": "now run, and failing",
  "no-longer-run": "no longer run",
  "still-red": "still failing",
  "now-known": "now failing as a known issue says",
  "now-flaky": "now flaky",
  fixed: "fixed",
  "now-run": "now run",
  added: "added",
};

function outcomeWords(outcome) {
  return outcome === "not-run" ? "not run" : outcome;
}

/** What each test is found by, made once. */
function prepare(tests) {
  tests.forEach((test, index) => {
    test.index = index;
    test.rank = OUTCOMES.indexOf(test.outcome);
    test.name = `${test.suite}/${test.test}`;
    test.key = `${test.name}@${test.image}`;
    test.tags = test.tags || [];
    const ids = [...(test.failures || []), ...(test.reason ? [test.reason] : [])].map((failure) => failure.id);
    const parts = [test.name, test.image, test.machine, outcomeWords(test.outcome), test.message, test.summary, ...test.tags, ...ids];
    test.found = parts.filter(Boolean).join("\n").toLowerCase();
  });
}

/** The tests that all filters let through, in the order that is wanted. */
function selected(tests, state) {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const outcomes = state.outcome ? state.outcome.split(",") : null;
  const number = (value) => (/^\d+$/.test(value) ? Number(value) : -1);
  const cause = state.cause === "" ? null : number(state.cause);
  const why = state.why === "" ? null : number(state.why);
  const found = tests.filter(
    (test) =>
      (!outcomes || outcomes.includes(test.outcome)) &&
      (!state.since || test.since === state.since) &&
      (cause === null || test.cause === cause) &&
      (why === null || test.why === why) &&
      (!state.suite || test.suite === state.suite) &&
      (!state.image || test.image === state.image) &&
      (!state.tag || test.tags.includes(state.tag)) &&
      words.every((word) => test.found.includes(word)),
  );
  return found.sort(own(ORDERS, state.sort) || ORDERS.worst);
}

const news = (test) => (["newly-red", "added-red", "now-run-red"].includes(test.since) ? 0 : 1);
const ORDERS = {
  worst: (a, b) => a.rank - b.rank || news(a) - news(b) || a.index - b.index,
  plan: (a, b) => a.index - b.index,
  name: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.image < b.image ? -1 : 1),
  slowest: (a, b) => b.seconds - a.seconds || a.index - b.index,
};

/** Headings with their tests, the group of the first test first. A test with several tags is in several groups. */
function grouped(tests, by, page) {
  const groupings = {
    suite: (test) => [test.suite],
    image: (test) => [test.image],
    tag: (test) => (test.tags.length ? test.tags : ["no tag"]),
    outcome: (test) => [outcomeWords(test.outcome)],
    cause: (test) => [causeOf(test, page)],
  };
  const keys = own(groupings, by);
  if (!keys) return [{ name: null, tests }];
  const groups = new Map();
  for (const test of tests) {
    for (const name of keys(test)) {
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(test);
    }
  }
  return [...groups].map(([name, members]) => ({ name, tests: members }));
}

function causeOf(test, page) {
  if (test.cause !== undefined) return page.causes[test.cause].message;
  if (test.why !== undefined) return `${outcomeWords(test.outcome)}: ${page.reasons[test.why].message}`;
  return outcomeWords(test.outcome);
}

/** `2 fail, 1 error, 14 pass`. */
function countsOf(tests) {
  const counts = OUTCOMES.map((outcome) => [outcome, tests.filter((test) => test.outcome === outcome).length]);
  return counts.filter(([, count]) => count > 0).map(([outcome, count]) => `${count} ${outcomeWords(outcome)}`).join(", ");
}
