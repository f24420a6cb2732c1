// Keyboard shortcuts: rows of a list, what is done to one, and the pages of the menu. No letter of them changes another one
// in the Vietnamese input methods (a, e, o and s, f, r, x, j, z, w do). They can be switched off (WCAG 2.2, 2.1.4).
"use strict";

(() => {
  const KEY = "console-keys";
  const ROWS = "#alarms li[data-subject], #queue li[data-subject], .rows li[data-cursor]";
  const TYPES = "textarea, select, video, [contenteditable], dialog[open] *";
  const NO_TYPES = ["checkbox", "radio", "button", "submit", "file"];

  const help = document.getElementById("keys");
  const open = document.getElementById("keys-open");
  const box = document.getElementById("keys-on");

  function wanted() {
    try {
      return localStorage.getItem(KEY) !== "off";
    } catch {
      return true;
    }
  }

  function want(on) {
    try {
      localStorage.setItem(KEY, on ? "on" : "off");
    } catch {
      // Private windows keep nothing: the keys go on.
    }
  }

  function isTyping(element) {
    return element.matches(TYPES) || (element.tagName === "INPUT" && !NO_TYPES.includes(element.type));
  }

  function row() {
    return document.activeElement?.closest(ROWS) ?? null;
  }

  function step(by) {
    const rows = Array.from(document.querySelectorAll(ROWS));
    const at = rows.indexOf(row());
    const next = at >= 0 ? rows[at + by] : by > 0 ? rows[0] : rows.at(-1);
    if (next === undefined) return;
    next.querySelector("a.what").focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  // What the button of the row does; on the page of an event, that of the event.
  function acknowledge() {
    const button = (row() ?? document.getElementById("event"))?.querySelector('form[action="/alerts/acknowledge"] button');
    button?.click();
  }

  function silence() {
    const details = row()?.querySelector("details.silence");
    if (!details) return;
    details.open = true;
    details.querySelector("[name=why]").focus();
  }

  function show() {
    box.checked = wanted();
    help.showModal();
  }

  const DOES = {
    n: () => step(1),
    p: () => step(-1),
    t: acknowledge,
    c: () => row()?.querySelector("input[form=bulk]")?.click(),
    m: silence,
    "/": () => document.querySelector(".find input")?.focus(),
    "?": show,
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || !wanted()) return;
    if (isTyping(event.target) || help.open) return;
    // By their place on the keyboard: some Vietnamese layouts have letters there.
    const digit = event.shiftKey ? null : /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    if (digit !== null) document.querySelectorAll("header nav a")[digit[1] - 1]?.click();
    else if (Object.hasOwn(DOES, event.key)) DOES[event.key]();
    else return;
    event.preventDefault(); // the letter is not typed into the field that has the focus now
  });
  open.hidden = false;
  open.addEventListener("click", show);
  box.addEventListener("change", () => want(box.checked));
})();
