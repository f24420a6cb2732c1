// The bell: sounds while there is an unacknowledged alarm. Browsers let a page sound only after a click, so
// the button says when that is still needed. Which alarms ring is what the server wrote into `data-ringing`.
"use strict";

(() => {
  const EVERY_MS = 2400;
  const KEY = "console-bell";

  const button = document.getElementById("bell");
  const spoken = document.getElementById("spoken");
  let audio = null;
  let timer = null;
  let known = ringing();

  function ringing() {
    const subjects = document.getElementById("alarms").dataset.ringing;
    return subjects ? subjects.split(";") : [];
  }

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
      // Private windows keep nothing: it holds for this page.
    }
  }

  async function start() {
    show();
    if (audio === null) {
      audio = new AudioContext();
      // After a reload some browsers allow sound again, a moment later: by an earlier click or by their settings.
      audio.addEventListener("statechange", show);
    }
    if (audio.state === "suspended") {
      // Without a click before, this promise stays open.
      await Promise.race([audio.resume(), new Promise((done) => setTimeout(done, 300))]);
    }
    show();
  }

  function works() {
    return audio !== null && audio.state === "running";
  }

  function show() {
    const on = wanted();
    const blocked = on && !works();
    button.hidden = false;
    button.classList.toggle("blocked", blocked);
    button.setAttribute("aria-pressed", String(on && !blocked));
    const data = button.dataset;
    button.textContent = blocked ? data.blocked : on ? data.on : data.off;
    button.title = blocked ? data.ifBlocked : on ? data.ifOn : data.ifOff;
    sound();
  }

  function sound() {
    const must = known.length > 0 && wanted() && works();
    if (must && timer === null) {
      chime();
      timer = setInterval(chime, EVERY_MS);
    } else if (!must && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
    document.body.dataset.sounding = String(timer !== null);
  }

  // Two tones, the second higher: heard through a conversation, and bearable for a minute.
  function chime() {
    [[660, 0], [880, 0.28]].forEach(([hertz, delay]) => {
      const tone = audio.createOscillator();
      const loudness = audio.createGain();
      const from = audio.currentTime + delay;
      tone.type = "triangle";
      tone.frequency.value = hertz;
      loudness.gain.setValueAtTime(0, from);
      loudness.gain.linearRampToValueAtTime(0.5, from + 0.03);
      loudness.gain.exponentialRampToValueAtTime(0.001, from + 0.55);
      tone.connect(loudness).connect(audio.destination);
      tone.start(from);
      tone.stop(from + 0.6);
    });
  }

  document.addEventListener("console:refreshed", () => {
    const now = ringing();
    // Newest first: rows before the first known one are new. Older ones move up behind it.
    const first = now.findIndex((subject) => known.includes(subject));
    const fresh = first === -1 ? now : now.slice(0, first);
    known = now;
    if (fresh.length > 0) speak(fresh);
    sound();
  });

  // Screen readers hear it once, in words.
  function speak(fresh) {
    const shown = [...document.querySelectorAll("#alarms li[data-subject], #queue li.rings")];
    const item = shown.find((each) => fresh.includes(each.dataset.subject)) || shown[0];
    if (item === undefined) return;
    const what = item.querySelector(".what").textContent.trim();
    const where = item.querySelector(".where").textContent.trim().replace(/\s+/g, " ");
    spoken.textContent = spoken.dataset.words.replace("WHAT", what).replace("WHERE", where);
  }

  button.addEventListener("click", async () => {
    if (!works()) want(true);
    else want(!wanted());
    await start();
  });
  // Any press on the page allows sound. The button is left to its click: if sound started at the press, the click
  // that follows would switch the bell off again.
  for (const press of ["pointerdown", "keydown"]) {
    document.addEventListener(press, (event) => {
      if (!button.contains(event.target) && wanted() && !works()) start();
    });
  }
  start();
})();
