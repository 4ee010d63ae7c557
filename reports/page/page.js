// The page begins here: it reads its data, draws the table of tests and follows the fragment of the address.

document.documentElement.classList.add("script");

async function read() {
  const text = document.getElementById("data").content.textContent;
  const bytes = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

class App {
  constructor(page) {
    this.page = page;
    this.collapsed = new Set();
    this.images = page.images.map((image) => image.id);
    for (const test of page.tests) if (!this.images.includes(test.image)) this.images.push(test.image);
    this.state = parseState(location.hash);
    this.frame();
    addEventListener("hashchange", () => this.follow());
    addEventListener("popstate", () => this.follow());
    addEventListener("keydown", (event) => this.key(event));
    this.draw();
    if (this.state.open || fragmentOf(this.state) !== "#") this.reveal();
  }

  /** What stays: the views, the filters, the places of lists. */
  frame() {
    const { page } = this;
    const app = document.getElementById("app");
    const views = [
      ["tests", "Tests"],
      ["matrix", "Images × tests"],
      ["machines", "Images and machines"],
      ["time", "Time"],
    ];
    if (page.boots.images.length) views.push(["boots", "Boots"]);
    if (page.issues.length) views.push(["issues", `Known issues (${page.issues.length})`]);
    this.nav = element("nav", { "aria-label": "Views" }, views.map(([view, name]) => element("a", { "data-view": view, href: "#" }, name)));
    this.search = element("input", {
      type: "search",
      id: "search",
      placeholder: "Search: name, image, tag, message",
      "aria-label": "Search tests",
      autocomplete: "off",
      spellcheck: "false",
      input: () => this.go({ q: this.search.value }, true),
    });
    const counts = OUTCOMES.map((outcome) => [outcome, page.tests.filter((test) => test.outcome === outcome).length]);
    this.outcomes = element("div", { class: "outcomes", role: "group", "aria-label": "Outcomes" }, counts.filter(([, count]) => count).map(([outcome, count]) => this.toggle(outcome, count)));
    const distinct = (of) => [...new Set(page.tests.flatMap(of))].sort();
    const selects = [
      ["suite", "Suite", [["", "all suites"], ...distinct((test) => test.suite).map((name) => [name, name])]],
      ["image", "Image", [["", "all images"], ...this.images.map((name) => [name, name])]],
      ["tag", "Tag", [["", "all tags"], ...distinct((test) => test.tags).map((name) => [name, name])]],
      ["group", "Group by", ["suite", "image", "tag", "cause", "outcome", "nothing"].map((name) => [name, name])],
      ["sort", "Order", [["worst", "worst first"], ["slowest", "slowest first"], ["name", "name"], ["plan", "as planned"]]],
    ];
    this.selects = selects.map(([key, label, options]) => this.select(key, label, options));
    this.chips = element("p", { class: "chips" });
    this.count = element("p", { class: "count", role: "status", "aria-live": "polite", id: "count" });
    const keys = [["/", "search"], ["j", "next"], ["k", "previous"], ["Enter", "open"], ["Esc", "close"]];
    const help = element("p", { class: "keys quiet" }, keys.map(([key, what]) => [element("kbd", {}, key), ` ${what}  `]).flat());
    this.tools = element("div", { class: "tools", role: "search", "aria-label": "Which tests are shown" }, this.search, this.outcomes, element("div", { class: "selects" }, this.selects));
    this.list = element("ul", { class: "rows", "aria-label": "Tests" });
    this.rows = new Rows(this.list, (item, index) => this.row(item, index));
    this.detail = element("section", { class: "detail", "aria-labelledby": "opened", hidden: true });
    this.tests = element("div", { class: "work" }, this.list, this.detail);
    this.other = element("div", { class: "other" });
    this.said = element("p", { id: "said", class: "unseen", role: "status", "aria-live": "polite" });
    const heading = element("h2", { class: "unseen", id: "h-app" }, "All tests");
    app.replaceChildren(element("section", { "aria-labelledby": "h-app" }, heading, this.nav, this.tools, element("div", { class: "line" }, this.count, this.chips, help), this.tests, this.other), this.said);
    app.hidden = false;
    for (const code of document.querySelectorAll("code.copy")) {
      const text = code.textContent;
      code.replaceChildren(...whole(text));
      code.after(" ", copyButton(text, "the command of the run"));
    }
  }

  toggle(outcome, count) {
    return element("button", { type: "button", class: outcome, "data-outcome": outcome, click: () => this.toggled(outcome) }, `${outcomeWords(outcome)} ${count}`);
  }

  toggled(outcome) {
    const on = new Set(this.state.outcome ? this.state.outcome.split(",") : []);
    if (!on.delete(outcome)) on.add(outcome);
    this.go({ outcome: OUTCOMES.filter((name) => on.has(name)).join(",") });
  }

  select(key, label, options) {
    const choose = element("select", { "data-key": key, change: () => this.go({ [key]: choose.value }) }, options.map(([value, name]) => element("option", { value }, name)));
    // One image or suite is nothing to choose from.
    const pointless = ["suite", "image", "tag"].includes(key) && options.length < 3;
    return element("label", { hidden: pointless }, label, choose);
  }

  /** Changes what is shown. */
  go(change, small) {
    this.state = { ...this.state, ...change };
    remember(this.state, small);
    this.draw();
  }

  /** The address has changed: by a link of the page, by the person or by going back. */
  follow() {
    const state = parseState(location.hash);
    if (fragmentOf(state) === fragmentOf(this.state)) return;
    const opened = state.open && state.open !== this.state.open;
    this.state = state;
    this.draw();
    this.reveal();
    if (opened) this.focusDetail();
  }

  /** Scrolls to the table when it is below what is seen. */
  reveal() {
    const top = this.nav.getBoundingClientRect().top;
    if (top < 0 || top > innerHeight / 3) this.nav.scrollIntoView({ block: "start" });
  }

  draw() {
    const { state, page } = this;
    for (const link of this.nav.children) {
      const view = link.dataset.view;
      link.setAttribute("href", fragmentOf({ ...state, view, open: "" }));
      if (view === state.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const lists = state.view === "tests" || state.view === "matrix";
    this.tools.hidden = !lists;
    this.selects.find((label) => label.querySelector("[data-key=group]")).hidden = state.view !== "tests";
    this.count.parentElement.hidden = !lists;
    this.tests.hidden = state.view !== "tests";
    this.other.hidden = state.view === "tests";
    if (this.search.value !== state.q) this.search.value = state.q;
    for (const button of this.outcomes.children) {
      button.setAttribute("aria-pressed", String(state.outcome.split(",").includes(button.dataset.outcome)));
    }
    for (const label of this.selects) {
      const select = label.querySelector("select");
      select.value = state[select.dataset.key];
      if (select.selectedIndex < 0) select.selectedIndex = 0;
    }
    const tests = lists ? selected(page.tests, state) : [];
    this.drawChips();
    if (state.view === "tests") this.drawTests(tests);
    else if (state.view === "matrix") this.drawMatrix(tests);
    else this.drawOther();
    if (lists) this.count.textContent = `${tests.length} of ${counted(page.tests.length, "test")}`;
  }

  /** Filters that no control shows, and the way to be rid of them. */
  drawChips() {
    const { state, page } = this;
    const at = (groups, index) => (groups[Number(index)] || { message: "none of this page" }).message;
    const chips = [];
    if (state.cause !== "") chips.push(["cause", `cause: ${at(page.causes, state.cause)}`]);
    if (state.why !== "") chips.push(["why", `not run: ${at(page.reasons, state.why)}`]);
    if (state.since) chips.push(["since", own(SINCE, state.since) || state.since]);
    const drawn = chips.map(([key, text]) => element("button", { type: "button", class: "chip", "aria-label": `Remove the filter ${text}`, click: () => this.go({ [key]: "" }) }, `${text} ×`));
    const filtered = ["q", "outcome", "since", "cause", "why", "suite", "image", "tag"].filter((key) => state[key] !== "");
    if (filtered.length) drawn.push(element("button", { type: "button", class: "chip", click: () => this.go(Object.fromEntries(filtered.map((key) => [key, ""]))) }, "Show all tests"));
    this.chips.replaceChildren(...drawn);
  }

  drawTests(tests) {
    const { state, page } = this;
    const items = [];
    for (const group of grouped(tests, state.group, page)) {
      if (group.name !== null) items.push({ heading: group.name, tests: group.tests });
      if (group.name === null || !this.collapsed.has(group.name)) for (const test of group.tests) items.push({ test });
    }
    this.list.classList.toggle("one-image", this.images.length < 2);
    const shows = (item) => Boolean(item && item.test && item.test.key === state.open);
    // A test of several groups stays where it was opened.
    const opened = shows(items[this.rows.active]) ? this.rows.active : items.findIndex(shows);
    const first = items.findIndex((item) => item.test);
    this.drawDetail();
    this.rows.show(items, opened >= 0 ? opened : first);
  }

  row(item, index) {
    const position = { "aria-posinset": index + 1, "aria-setsize": this.rows.items.length };
    if (item.test) return element("li", position, this.testLink(item.test, index));
    const closed = this.collapsed.has(item.heading);
    const flip = () => {
      if (!this.collapsed.delete(item.heading)) this.collapsed.add(item.heading);
      this.draw();
      const row = [...this.list.children].find((row) => row.index === index);
      if (row) row.querySelector("button").focus();
    };
    const summary = this.state.group === "suite" ? own(this.page.suites, item.heading) : null;
    const button = element("button", { type: "button", "aria-expanded": String(!closed), click: flip }, element("span", { class: "arrow", "aria-hidden": "true" }, closed ? "▸" : "▾"), element("strong", {}, item.heading), " ", element("span", { class: "quiet" }, countsOf(item.tests), summary ? ` · ${summary}` : null));
    return element("li", { ...position, class: "heading" }, button);
  }

  testLink(test, index) {
    const current = test.key === this.state.open;
    return element(
      "a",
      { href: this.open(test), class: `test ${test.outcome}`, tabindex: index === this.rows.active ? "0" : "-1", "aria-current": current ? "true" : null, focus: () => (this.rows.active = index) },
      element("span", { class: `word ${test.outcome}` }, outcomeWords(test.outcome)),
      element("span", { class: "name" }, test.name),
      element("span", { class: "image" }, test.image),
      element("span", { class: "message" }, test.since && test.since !== "added" ? element("b", {}, `${SINCE[test.since]}: `) : null, test.message || test.summary),
      element("span", { class: "seconds" }, test.seconds ? duration(test.seconds) : ""),
    );
  }

  open(test) {
    return fragmentOf({ ...this.state, view: "tests", open: test.key });
  }

  drawDetail() {
    const test = this.state.open && this.page.tests.find((test) => test.key === this.state.open);
    this.tests.classList.toggle("opened", Boolean(this.state.open));
    this.detail.hidden = !this.state.open;
    if (!this.state.open) {
      this.detail.replaceChildren();
      this.drawn = null;
      return;
    }
    if (this.drawn === this.state.open) return;
    this.drawn = this.state.open;
    const close = element("button", { type: "button", class: "close", click: () => this.close() }, "Close");
    const missing = [element("h2", { id: "opened", tabindex: "-1" }, "No such test"), element("p", {}, `This run has no test ${this.state.open}.`)];
    this.detail.replaceChildren(close, ...(test ? detail(test, this.page, this.state) : missing));
    this.detail.scrollTop = 0;
  }

  focusDetail() {
    const heading = document.getElementById("opened");
    if (heading) heading.focus({ preventScroll: true });
  }

  close() {
    const row = this.rows.active;
    this.go({ open: "" });
    this.focusRow(row);
  }

  focusRow(index) {
    if (index < 0 || index >= this.rows.items.length) return;
    const row = this.rows.activate(index, 8);
    const inner = row && row.querySelector("a, button");
    if (inner) inner.focus({ preventScroll: true });
  }

  /** The next test in this direction. With a test open, that one is opened. */
  step(by) {
    const items = this.rows.items;
    const focused = document.activeElement && document.activeElement.closest(".rows > li");
    let index = this.rows.active;
    // Nothing has been chosen yet: the first is the next.
    if (focused || this.state.open) index += by;
    while (index >= 0 && index < items.length && !items[index].test) index += by;
    if (index < 0 || index >= items.length) return;
    if (this.state.open) {
      this.rows.activate(index, 8);
      this.go({ open: items[index].test.key }, true);
      this.focusDetail();
    } else {
      this.focusRow(index);
    }
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest && event.target.closest("input, select, textarea");
    const inRows = event.target.closest && event.target.closest(".rows");
    const inTests = this.state.view === "tests";
    const keys = {
      "/": () => !typing && (this.search.focus(), this.search.select()),
      Escape: () => this.escape(typing),
      j: () => !typing && inTests && this.step(1),
      k: () => !typing && inTests && this.step(-1),
      ArrowDown: () => (inRows || event.target === this.search) && inTests && this.step(1),
      ArrowUp: () => inRows && inTests && this.step(-1),
    };
    const act = own(keys, event.key);
    if (act && act() !== false) event.preventDefault();
  }

  escape(typing) {
    if (typing === this.search && this.search.value) return this.go({ q: "" }, true);
    if (this.state.open) return this.close();
    if (typing) typing.blur();
    return undefined;
  }

  drawMatrix(tests) {
    const { state } = this;
    const rows = matrixRows(tests, state.differ);
    const columns = state.image ? [state.image] : this.images;
    const box = element("input", { type: "checkbox", change: () => this.go({ differ: box.checked ? "yes" : "" }) });
    box.checked = state.differ !== "";
    const body = element("div", { class: "rows", role: "rowgroup" });
    const head = element("div", { class: "head", role: "row" }, ["Test", ...columns].map((name) => element("span", { role: "columnheader", title: name }, name)));
    const grid = element("div", { class: "matrix", role: "table", "aria-label": "Images and tests", "aria-rowcount": rows.length + 1 }, element("div", { role: "rowgroup" }, head), body);
    grid.style.setProperty("--columns", columns.length);
    const cell = (test) => element("span", { role: "cell" }, test ? element("a", { class: `word ${test.outcome}`, href: this.open(test), title: test.message || null }, outcomeWords(test.outcome)) : "–");
    const draw = (row, index) => element("div", { role: "row", class: "row", "aria-rowindex": index + 2 }, element("span", { role: "rowheader", class: "name" }, row.name), columns.map((image) => cell(row.cells.get(image))));
    const only = this.images.length > 1 ? element("p", {}, element("label", { class: "only" }, box, " only tests whose outcome differs between images")) : null;
    this.other.replaceChildren(...[only, rows.length ? element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Images and tests" }, grid) : element("p", {}, "No test.")].filter(Boolean));
    this.matrix = this.matrix || new Rows(body, draw);
    this.matrix.list = body;
    this.matrix.draw = draw;
    if (rows.length) this.matrix.show(rows, -1);
  }

  drawOther() {
    const { page, state } = this;
    const open = (test) => this.open(test);
    const views = { machines: () => imagesView(page), time: () => timeView(page, open), boots: () => bootsView(page), issues: () => issuesView(page, open) };
    const view = own(views, state.view) || (() => [element("p", {}, "There is no such view.")]);
    this.other.replaceChildren(...view().filter(Boolean));
  }
}

read()
  .then((page) => {
    prepare(page.tests);
    new App(page);
    document.documentElement.classList.add("ready");
    performance.mark("ready");
  })
  .catch((error) => {
    // What needs no script is shown then, and says where the rest is.
    document.documentElement.classList.remove("script");
    const app = document.getElementById("app");
    app.replaceChildren(element("p", { role: "alert" }, `The data of this page could not be read: ${error}`));
    app.hidden = false;
  });
