// What is shown, in the fragment of the address: a link to the page shows the same to whoever opens it.

const DEFAULTS = {
  view: "tests",
  q: "",
  outcome: "",
  since: "",
  cause: "",
  why: "",
  suite: "",
  image: "",
  tag: "",
  group: "suite",
  sort: "worst",
  differ: "",
  open: "",
};

function parseState(fragment) {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  return Object.fromEntries(Object.entries(DEFAULTS).map(([key, value]) => [key, given.get(key) ?? value]));
}

function fragmentOf(state) {
  const set = Object.entries(state).filter(([key, value]) => value !== DEFAULTS[key]);
  return "#" + new URLSearchParams(set).toString();
}

/** The same in another place of the history, or in the same where the change is small. */
function remember(state, small) {
  const fragment = fragmentOf(state);
  if (fragment === (location.hash || "#")) return;
  try {
    history[small ? "replaceState" : "pushState"](null, "", fragment);
  } catch {
    // A page in a sandbox has no history: it is shown all the same.
  }
}
