// A long list of rows of one height, of which only those are drawn that can be seen.

// Rows above and below what is seen.
const MARGIN = 12;
// Rows that are printed at most.
const PRINTED = 2000;

class Rows {
  /** `draw(item, index)` makes a row, whose height is `--row` of the list's style. */
  constructor(list, draw) {
    this.list = list;
    this.draw = draw;
    this.items = [];
    this.active = -1;
    this.printing = false;
    let asked = false;
    const later = () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        this.render();
      });
    };
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    addEventListener("beforeprint", () => this.print(true));
    addEventListener("afterprint", () => this.print(false));
  }

  show(items, active) {
    this.items = items;
    this.active = active;
    this.list.replaceChildren();
    this.render();
  }

  print(on) {
    this.printing = on;
    this.render();
  }

  get height() {
    return parseFloat(getComputedStyle(this.list).getPropertyValue("--row")) || 30;
  }

  render() {
    if (!this.list.isConnected) return;
    const height = this.height;
    this.list.style.height = this.printing ? "auto" : `${this.items.length * height}px`;
    const top = this.list.getBoundingClientRect().top;
    let from = Math.max(0, Math.floor(-top / height) - MARGIN);
    let to = Math.min(this.items.length, Math.ceil((innerHeight - top) / height) + MARGIN);
    if (this.printing) [from, to] = [0, Math.min(this.items.length, PRINTED)];
    const wanted = (index) => (index >= from && index < to) || index === this.active;
    for (const row of [...this.list.children]) {
      if (!wanted(row.index)) row.remove();
    }
    // Rows that stay are not moved: one of them may have the focus.
    let next = this.list.firstElementChild;
    const place = (index) => {
      if (next && next.index === index) {
        next = next.nextElementSibling;
        return;
      }
      const row = this.draw(this.items[index], index);
      row.index = index;
      row.style.top = `${index * height}px`;
      this.list.insertBefore(row, next);
    };
    const active = this.active;
    const outside = active >= 0 && active < this.items.length && (active < from || active >= to);
    if (outside && active < from) place(active);
    for (let index = from; index < to; index++) place(index);
    if (outside && active >= to) place(active);
    for (const row of this.list.children) row.style.top = `${row.index * height}px`;
  }

  /** Draws a row again and scrolls to it. */
  activate(index, below) {
    const before = this.active;
    this.active = index;
    for (const row of [...this.list.children]) {
      if (row.index === before || row.index === index) row.remove();
    }
    const height = this.height;
    const top = this.list.getBoundingClientRect().top + index * height;
    if (top < below) scrollBy(0, top - below);
    else if (top + height > innerHeight) scrollBy(0, top + height - innerHeight);
    this.render();
    return [...this.list.children].find((row) => row.index === index);
  }
}
