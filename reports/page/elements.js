// Elements of the page. All text goes into text nodes and attributes: nothing makes markup out of it.

/** What a map has under this key itself: a guest may call something `constructor`. */
function own(map, key) {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** An element with attributes and children; strings become text, what is null or false is left out. */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key, value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A link to the web, or only its text where it is not one. */
function webLink(address) {
  let url = null;
  try {
    url = /^https?:\/\/[^\s]+$/i.test(address) ? new URL(address) : null;
  } catch {
    url = null;
  }
  if (!url || !["http:", "https:"].includes(url.protocol) || url.username || url.password) return element("span", {}, address);
  return element("a", { href: url.href, rel: "noopener noreferrer", target: "_blank" }, address);
}

/** A link to a file of the run, which lies next to this page. */
function fileLink(path) {
  const parts = path.split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) return element("span", {}, path);
  return element("a", { href: "./" + parts.map(encodeURIComponent).join("/") }, path);
}

/** A command line with a button that copies it. */
function command(text, label) {
  return element("p", { class: "command" }, element("code", {}, whole(text)), copyButton(text, label));
}

/** The parts of a command line. A line ends between them: a browser would also end it after a hyphen, in the middle of an option. */
function whole(text) {
  const parts = text.split(" ").flatMap((part) => [" ", element("span", { class: "whole" }, part)]);
  return parts.slice(1);
}

function copyButton(text, label) {
  const button = element("button", { type: "button", class: "copy", "aria-label": `Copy: ${label}` }, "Copy");
  button.addEventListener("click", async () => {
    const copied = await copy(text);
    button.textContent = copied ? "Copied" : "Select it and copy";
    say(copied ? `Copied: ${label}` : "It could not be copied: select the text and copy it");
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return button;
}

/** Whether the text is in the clipboard now. Some browsers have no clipboard for pages from a disk, hence the second way. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", { class: "unseen", "aria-hidden": "true", tabindex: "-1" });
    area.value = text;
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    let copied = false;
    try {
      copied = document.execCommand("copy");
    } catch {
      copied = false;
    }
    area.remove();
    if (focused) focused.focus();
    return copied;
  }
}

/** Says something to who hears the page. */
function say(text) {
  document.getElementById("said").textContent = text;
}

/** `12.3 s`, `2 min 5 s`, as the terminal has it. */
function duration(seconds) {
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Terms with what they mean here; pairs without a value are left out. */
function terms(pairs) {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", {}, rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}
