// A list does not move while somebody reads it. New rows wait behind a button that counts them; a row that is shown
// already is brought up to date in its place. A list is an element with `data-newest` and an id; a row has `data-cursor`.
"use strict";

(() => {
  const READING_MS = 20000; // after the last movement of the mouse, key or touch
  const SCROLLED_PX = 8;

  const waiting = new Map(); // id of a list -> what the server has sent for it
  let touched = -READING_MS;

  function isRead(list) {
    const selected = document.getSelection();
    return performance.now() - touched < READING_MS || scrollY > SCROLLED_PX || list.matches(":hover")
      || list.querySelector(":focus-visible") !== null
      || (selected !== null && !selected.isCollapsed && list.contains(selected.anchorNode));
  }

  function rowsOf(list) {
    return new Map(Array.from(list.querySelectorAll("[data-cursor]"), (row) => [row.dataset.cursor, row]));
  }

  // Rows above the first one that is shown already; all of them if none is shown.
  function newer(shown, fresh) {
    const cursors = Array.from(fresh.keys());
    const first = cursors.findIndex((cursor) => shown.has(cursor));
    return { count: first < 0 ? cursors.length : first, isAll: first < 0 };
  }

  function keep(list, fresh) {
    const shown = rowsOf(list);
    const sent = rowsOf(fresh);
    const { count, isAll } = newer(shown, sent);
    if (count === 0 || shown.size === 0 || !isRead(list)) {
      waiting.delete(list.id);
      return;
    }
    for (const row of shown.values()) row.classList.remove("new");
    const same = list.cloneNode(true);
    for (const [cursor, row] of rowsOf(same)) {
      const now = sent.get(cursor);
      if (now !== undefined && now.outerHTML !== row.outerHTML) row.replaceWith(now.cloneNode(true));
    }
    waiting.set(list.id, { fresh: fresh.cloneNode(true), count, isAll });
    fresh.replaceWith(same);
  }

  function count() {
    for (const [id, { count, isAll }] of waiting) {
      const button = document.querySelector(`#${id} .newer button`);
      if (button === null) continue;
      const words = isAll ? button.dataset.most : count === 1 ? button.dataset.one : button.dataset.many;
      const text = words.replace("COUNT", count);
      if (button.textContent !== text) button.textContent = text;
      button.hidden = false;
    }
  }

  function show(list) {
    const shown = rowsOf(list);
    const { fresh } = waiting.get(list.id);
    waiting.delete(list.id);
    list.replaceChildren(...fresh.childNodes);
    for (const [cursor, row] of rowsOf(list)) if (!shown.has(cursor)) row.classList.add("new");
    const first = list.querySelector("[data-cursor] a.what");
    if (first !== null) first.focus({ preventScroll: true });
    if (list.getBoundingClientRect().top < 0) list.scrollIntoView({ block: "start" });
  }

  document.addEventListener("console:fresh", (event) => {
    for (const list of document.querySelectorAll("[data-newest]")) {
      const fresh = event.detail.getElementById(list.id);
      if (fresh !== null) keep(list, fresh);
    }
  });
  document.addEventListener("console:refreshed", count);
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".newer button");
    const list = button && button.closest("[data-newest]");
    if (list && waiting.has(list.id)) show(list);
  });
  for (const kind of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"]) {
    addEventListener(kind, () => (touched = performance.now()), { passive: true });
  }
})();
