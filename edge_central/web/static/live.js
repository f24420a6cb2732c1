// Keeps what is shown up to date: what the server tells (EventSource) says that a part of the page is old; the page is
// asked for again, and the parts with `data-part` are put in place of the old ones. There is one way to draw a thing: the
// server's.
"use strict";

(() => {
  const OFTEN_MS = 1500; // parts that show a whole fleet
  const AT_ONCE_MS = 200; // alarms, and parts that show what comes
  const HURRIES = 6; // so many times at once in a row for events that do not ring; then OFTEN_MS
  const ALARM = 17;
  const ANYWAY_MS = 30000; // "3 min" becomes "4 min"
  const LOST_MS = 5000;
  const SILENT_MS = 25000; // the server sends something every 10 s: without it, the connection is lost
  const ANSWER_MS = 20000; // a request without an answer for so long has failed
  const READ_MS = 20000; // a list with data-still holds still for this long after the last movement over it
  const KINDS = ["event", "presence", "outage", "alert", "handling", "hidden", "silence", "request", "search"];
  const BELL = ["alert", "handling", "hidden", "silence"]; // kinds of messages after which the bell may begin or end
  const SIGNS = [...KINDS, "step", "stale", "alive"];

  const status = document.getElementById("live");
  // The address of a page that answers a form may have no GET: a page with the alarms is fetched instead.
  const answersForm = "refresh" in document.body.dataset;
  const address = answersForm ? document.body.dataset.refresh : location.href;
  let due = null;
  let running = false;
  let again = null; // after how long the page is asked for again, because something came while it was asked for
  let last = 0;
  let hurries = HURRIES;
  let hurriedAt = 0;
  let readAt = 0; // when somebody last moved over a list with data-still
  let bellDue = false; // what rings, or ends it, has come: a page in a background tab is asked for too
  let showAll = false;
  let hasStream = null; // null: it is not open yet, or this server has none
  let isAnswered = true; // the page could be asked for again

  function parts() {
    return Array.from(document.querySelectorAll("[data-part]"));
  }

  function onMessage(kind, message) {
    const rings = kind !== "event" || message.severity >= ALARM;
    const bell = BELL.includes(kind) || (kind === "event" && message.severity >= 13);
    const here = parts().filter((part) => isAffected(part, kind, message));
    if (here.length === 0 && !bell) return;
    if (bell && rings) bellDue = true;
    const quick = here.some((part) => "atOnce" in part.dataset) || bell;
    soon(quick && (rings || mayHurry()) ? AT_ONCE_MS : OFTEN_MS);
  }

  // Many events a second would cost the server a page each 200 ms, for a list that changes faster than it can be read.
  // One hurry comes back in OFTEN_MS; alarms, alerts and what officers do never wait.
  function mayHurry() {
    const now = Date.now();
    hurries = Math.min(HURRIES, hurries + (now - hurriedAt) / OFTEN_MS);
    hurriedAt = now;
    return hurries >= 1;
  }

  function isAffected(part, kind, message) {
    if (!(part.dataset.updatesOn || "").split(" ").includes(kind)) return false;
    if (part.dataset.search && kind === "search") return part.dataset.search.split(" ").includes(message.search);
    if (part.dataset.site && message.gateway) return part.dataset.site === message.gateway;
    return !part.dataset.ward || part.dataset.ward === message.ward;
  }

  function soon(wait) {
    const at = Math.max(Date.now() + 30, last + wait);
    if (due !== null && due.at <= at) return;
    if (due !== null) clearTimeout(due.timer);
    due = { at, timer: setTimeout(() => refresh(wait), at - Date.now()) };
  }

  async function refresh(wait) {
    due = null;
    if (running || (document.hidden && !bellDue)) {
      again = Math.min(again ?? OFTEN_MS, wait);
      return;
    }
    const forBell = bellDue;
    bellDue = false;
    running = true;
    again = null;
    last = Date.now();
    hurries = Math.max(0, hurries - 1);
    try {
      const fresh = await freshPage();
      document.dispatchEvent(new CustomEvent("console:fresh", { detail: fresh })); // still.js may change it
      put(fresh);
      isAnswered = true;
    } catch (error) {
      bellDue ||= forBell;
      isAnswered = false;
      console.info("the page is asked for again later:", error.message);
    }
    running = false;
    showState();
    if (!isAnswered) soon(LOST_MS);
    // A slow answer may be older than the alarm that came meanwhile. A server that is slow for many gets a pause, too.
    else if (again !== null) soon(Math.min(OFTEN_MS, Math.max(again, 2 * (Date.now() - last))));
  }

  function loadAgain() {
    if (answersForm) location.assign(address);
    else location.reload();
  }

  // The page as the server has it now. It throws if there is none in time.
  async function freshPage() {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = await fetch(address, { headers: { Accept: "text/html" }, redirect: "error", signal });
    if (answer.status === 401) loadAgain();
    if (!answer.ok) throw new Error("status " + answer.status);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  function put(fresh) {
    const seen = new Set(Array.from(document.querySelectorAll("[data-cursor]"), (row) => row.dataset.cursor));
    for (const part of parts()) {
      const now = fresh.getElementById(part.id);
      if (now === null) continue;
      if ("still" in part.dataset && !showAll && isRead(part)) {
        holdStill(part, now);
        continue;
      }
      // Whoever types or chooses in it is not disturbed.
      if (isUsed(part)) continue;
      keepOpen(part, now);
      keepChosen(part, now);
      for (const name of now.getAttributeNames()) part.setAttribute(name, now.getAttribute(name));
      if (part.innerHTML === now.innerHTML) continue;
      const focus = place(part, document.activeElement);
      const players = Array.from(part.querySelectorAll("video[id]"));
      part.replaceChildren(...now.childNodes);
      // A clip that is being watched goes on: the player stays the same element, unless the clip is another one.
      for (const player of players) {
        const same = document.getElementById(player.id);
        const isSame = same !== null && part.contains(same) && same.getAttribute("src") === player.getAttribute("src");
        if (isSame) same.replaceWith(player);
      }
      if (focus !== null) focused(part, focus);
      if ("still" in part.dataset) news(0, false);
      for (const row of part.querySelectorAll("[data-cursor]")) {
        if (seen.size > 0 && !seen.has(row.dataset.cursor)) row.classList.add("new");
      }
    }
    showAll = false;
    const tabs = document.querySelector("header nav");
    const freshTabs = fresh.querySelector("header nav");
    if (tabs && freshTabs && !tabs.contains(document.activeElement)) tabs.replaceChildren(...freshTabs.childNodes);
    document.dispatchEvent(new Event("console:refreshed"));
  }

  // What was opened or closed by hand stays so.
  function keepOpen(part, now) {
    for (const shown of part.querySelectorAll("details[id]")) {
      const same = Array.from(now.querySelectorAll("details[id]")).find((each) => each.id === shown.id);
      if (same !== undefined) same.open = shown.open;
    }
  }

  function keepChosen(part, now) {
    for (const box of part.querySelectorAll("[data-subject] input[type=checkbox]:checked")) {
      const subject = box.closest("[data-subject]").dataset.subject;
      const same = Array.from(now.querySelectorAll("[data-subject]")).find((row) => row.dataset.subject === subject);
      const newBox = same === undefined ? null : same.querySelector("input[type=checkbox]");
      if (newBox !== null) choose(newBox, box);
    }
  }

  // The name says up to which alarm the row was chosen: with a new name, alarms would be closed that nobody saw.
  function choose(newBox, box) {
    newBox.checked = true;
    newBox.name = box.name;
  }

  function isUsed(part) {
    return part.querySelector("input:not([type=checkbox]):focus, textarea:focus, select:focus") !== null || typed(part);
  }

  function isRead(part) {
    return Date.now() - readAt < READ_MS || isUsed(part) || part.querySelector("input[type=checkbox]:checked") !== null;
  }

  // Rows stay where they are: each is drawn again in its place, one that has left the page is marked, and new ones are
  // only counted. "Acknowledge all" goes on meaning what was shown.
  function holdStill(part, now) {
    const fresh = new Map(Array.from(now.querySelectorAll("li[data-subject]"), (row) => [row.dataset.subject, row]));
    let gone = false;
    for (const row of part.querySelectorAll("li[data-subject]")) {
      const same = fresh.get(row.dataset.subject);
      fresh.delete(row.dataset.subject);
      if (same !== undefined) redraw(row, same);
      else {
        gone = true;
        row.classList.add("gone");
        for (const field of row.querySelectorAll("input, button")) field.disabled = true;
        for (const box of row.querySelectorAll("input[type=checkbox]")) box.checked = false;
      }
    }
    news(fresh.size, gone);
  }

  function redraw(row, same) {
    if (row.outerHTML === same.outerHTML || isUsed(row)) return;
    const focus = place(row, document.activeElement);
    const [box, newBox] = [row, same].map((each) => each.querySelector("input[type=checkbox]"));
    if (box !== null && newBox !== null && box.checked) choose(newBox, box);
    keepOpen(row, same);
    row.replaceWith(same);
    if (focus !== null) focused(same, focus);
  }

  // Say that the list has changed since it was shown.
  function news(count, gone) {
    const line = document.getElementById("news");
    if (line === null) return;
    const words = count > 0 ? line.dataset.words.replace("COUNT", count) : gone ? line.dataset.gone : "";
    const text = line.querySelector("span");
    if (text.textContent !== words) text.textContent = words;
    line.hidden = words === "";
  }

  function watchReading() {
    let at = "";
    const over = (event) => event.target instanceof Element && event.target.closest("[data-still]") !== null;
    document.addEventListener("pointermove", (event) => {
      // A list that moves below a pointer at rest is not read.
      const now = `${event.screenX},${event.screenY}`;
      if (now !== at && over(event)) readAt = Date.now();
      at = now;
    }, { passive: true });
    for (const kind of ["pointerdown", "keydown"]) {
      document.addEventListener(kind, (event) => {
        if (over(event)) readAt = Date.now();
      });
    }
    for (const kind of ["wheel", "touchmove"]) document.addEventListener(kind, () => (readAt = Date.now()), { passive: true });
    document.querySelector("#news button")?.addEventListener("click", () => {
      showAll = true;
      last = 0;
      soon(0);
    });
  }

  function typed(part) {
    return Array.from(part.querySelectorAll("textarea, input:not([type=hidden])")).some((field) => field.value !== field.defaultValue)
      || Array.from(part.querySelectorAll("select[required]")).some((field) => field.value !== "");
  }

  // The control that has the focus, as what it is: it comes back as another element.
  function place(part, element) {
    if (element === null || !part.contains(element) || element === part) return null;
    const form = element.closest("form");
    const row = element.closest("[data-subject]"); // its forms name more of it with every repetition
    const subject = row ? row.dataset.subject : form && form.elements.subject ? form.elements.subject.value : "";
    const of = element.id || element.parentElement.id;
    const name = element.type === "checkbox" ? "" : element.getAttribute("name");
    return { tag: element.tagName, of, href: element.getAttribute("href"), name, value: element.value, subject };
  }

  function focused(part, was) {
    for (const element of part.querySelectorAll(was.tag)) {
      const now = place(part, element);
      if (now.of === was.of && now.href === was.href && now.name === was.name && now.value === was.value && now.subject === was.subject) {
        element.focus({ preventScroll: true });
        return;
      }
    }
  }

  // What is done to one thing of a list leaves the rest of the page where it is. A form that opens another page
  // has data-leaves.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches('[data-part] form[method="post"]:not([data-leaves])')) return;
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter));
    form.setAttribute("aria-busy", "true");
    const button = event.submitter;
    const target = button && button.hasAttribute("formaction") ? button.formAction : form.action;
    let answer = null;
    let page = null;
    try {
      answer = await fetch(target, { method: "POST", body: fields, headers: { Accept: "text/html" } });
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch (error) {
      console.info("not sent:", error.message);
      form.removeAttribute("aria-busy");
      show("lost", document.body.dataset.lost);
      return;
    }
    // What was recorded is answered with a redirect, to a page that may say what was done.
    const said = page.querySelector(answer.redirected ? "#done" : "main > [role=alert]");
    if (!answer.redirected) {
      // The session is over, or what was asked for is a page of its own.
      if (answer.status === 401 || (answer.ok && said === null)) return loadAgain();
      form.removeAttribute("aria-busy");
      sayOf(said ?? refusal());
      document.querySelector("main > [role=alert]").scrollIntoView({ block: "center" });
      if (answer.status !== 400) soon(0); // it is not as the page shows it: somebody else was faster
      return;
    }
    sayOf(said);
    const next = form.closest("li") && form.closest("li").nextElementSibling;
    const field = next && next.querySelector("button");
    form.remove();
    if (field) field.focus();
    last = 0;
    soon(0);
  });

  // Show what the page that answered a form says of it, in place of what was said of the last one; null: nothing.
  function sayOf(said) {
    for (const old of document.querySelectorAll("main > [role=alert], #done")) old.remove();
    if (said !== null) document.querySelector("main h1").after(document.importNode(said, true));
  }

  // For an answer that is no page of the centre, such as a proxy's.
  function refusal() {
    const words = document.createElement("p");
    words.className = "error";
    words.setAttribute("role", "alert");
    words.textContent = document.body.dataset.refused;
    return words;
  }

  function listen() {
    const mark = document.body.dataset.live;
    if (!mark) return; // this server has no stream: the page is asked for every so often
    const source = new EventSource("/live?after=" + encodeURIComponent(mark));
    let lost = null;
    let signAt = performance.now();
    const watch = setInterval(() => {
      if (performance.now() - signAt > SILENT_MS) leave(0); // no error tells of a connection that is cut off on its way
    }, LOST_MS);
    function isOpen(open) {
      clearTimeout(lost);
      lost = null;
      hasStream = open;
      showState();
    }
    function leave(wait) {
      clearInterval(watch);
      source.close();
      isOpen(false);
      setTimeout(comeBack, wait);
    }
    source.onopen = () => {
      signAt = performance.now();
      isOpen(true);
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) leave(2 * LOST_MS);
      else if (lost === null) lost = setTimeout(() => isOpen(false), LOST_MS);
    };
    for (const kind of SIGNS) source.addEventListener(kind, () => (signAt = performance.now()));
    for (const kind of KINDS) source.addEventListener(kind, (message) => onMessage(kind, JSON.parse(message.data)));
    source.addEventListener("stale", () => {
      bellDue = true; // it may have been an alarm
      soon(OFTEN_MS);
    });
    addEventListener("pagehide", () => source.close());
  }

  // The stream has ended, or is silent. The page is not loaded again, so that the bell needs no new click; only when its
  // program has changed, or the session is over.
  async function comeBack() {
    try {
      const fresh = await freshPage();
      if (!answersForm && program(fresh) !== program(document)) return loadAgain();
      put(fresh);
      document.body.dataset.live = fresh.body.dataset.live;
      listen();
    } catch (error) {
      console.info("the stream is asked for again later:", error.message);
      setTimeout(comeBack, 2 * LOST_MS);
    }
  }

  function program(page) {
    return Array.from(page.querySelectorAll("head script"), (script) => script.getAttribute("src")).join(" ");
  }

  function showState() {
    const isLost = hasStream === false || !isAnswered;
    const { lost, liveWord } = document.body.dataset;
    show(isLost ? "lost" : hasStream ? "on" : "", isLost ? lost : liveWord);
  }

  function show(state, words) {
    status.className = "live " + state;
    if (status.textContent !== words) status.textContent = words;
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) soon(0);
  });
  document.addEventListener("console:refresh", () => soon(0));
  addEventListener("pageshow", (event) => {
    if (event.persisted) loadAgain();
  });
  setInterval(() => soon(0), ANYWAY_MS);
  document.querySelector("header nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }); // on a phone
  watchReading();
  listen();
})();
