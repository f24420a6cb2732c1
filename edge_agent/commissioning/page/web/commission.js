"use strict";
// One page, one state of the box; each step is one request that answers with the new state.
const POLL_MS = 4000, PHOTO_SIDE = 1280;
const at = (id) => document.getElementById(id);
let state = null, working = "", differ = false;
let fault = null, // gives the sentence about what went wrong, in the language of the page
  did = "", // the step that was done, if the page has a sentence for it
  photoWaits = false;
const gone = () => w.gone, lost = () => w.lost, busy = () => w.busy;

function item(text, kind, more) {
  const line = document.createElement("li");
  line.className = kind;
  line.textContent = text;
  if (more) {
    const small = document.createElement("p");
    small.textContent = more;
    line.append(small);
  }
  return line;
}

function sentence(text) {
  const first = text.split(/[\s,:]/, 1)[0];
  const ids = [state?.site, ...(state?.site?.cameras ?? [])].map((each) => each?.id);
  if (ids.includes(first) || /[\d./-]/.test(first)) return text; // an id or an address
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function complain(why) {
  fault = why;
  showFault();
  if (why) at("error").scrollIntoView({ block: "center" });
}

function showFault() {
  at("error").textContent = fault ? sentence(fault()) : "";
  at("error").hidden = !fault;
}

async function send(path, body, name) {
  if (working) return null;
  working = name;
  did = "";
  complain(null);
  show();
  try {
    const raw = body instanceof Blob;
    const answer = await fetch(path, { method: "POST", body: raw ? body : JSON.stringify(body ?? {}) });
    if (answer.status === 403) location.reload();
    const found = await answer.json();
    if (found.error && path === "/examine") state.verdict = null; // a former one would stand below the error
    if (found.error) complain(found.code === "busy" ? busy : () => found.error[lang]);
    else if (path !== "/near") state = found;
    if (!found.error && w.did[name]) did = name;
    return found.error ? null : found;
  } catch (error) {
    complain(error instanceof SyntaxError ? () => w.refused : lost);
    return null;
  } finally {
    working = "";
    show();
  }
}

function idle() {
  return new Promise((done) => {
    const look = () => (working ? setTimeout(look, 200) : done());
    look();
  });
}

async function poll() {
  if (!working) {
    try {
      const answer = await fetch("/state");
      if (answer.status === 403) location.reload();
      const found = await answer.json();
      if (!working) state = found;
      if (fault === gone || (fault === busy && !found.busy)) complain(null);
      show();
    } catch {
      if (fault !== gone && fault !== lost) complain(gone); // once: it scrolls the page
    }
  }
  setTimeout(poll, POLL_MS);
}

function isFree() {
  return ["unclaimed", "refused", "withdrawn"].includes(state.state);
}

function show() {
  if (!state) return;
  at("status").textContent = working ? w.working[working] : state.busy ? w.busy : did ? w.did[did] : "";
  for (const button of document.querySelectorAll("main button")) button.disabled = Boolean(working || state.busy);
  at("serial").textContent = w.serial(state.serial);
  at("words").textContent = state.words;
  at("clock").hidden = state.synced || state.finished;
  const step = state.finished ? "done" : !isFree() ? "work" : state.site ? "claim" : "choose";
  const shown = { work: ["work", "examined", "papers"], done: ["done", "examined"] }[step] ?? [step];
  for (const section of document.querySelectorAll("main > section")) section.hidden = !shown.includes(section.id);
  if (working === "site") at("choose").hidden = true; // a site is chosen: its cameras are searched
  at("network").hidden = !state.network || step === "done";
  showModem();
  ({ choose: showChoice, claim: showClaim, work: showWork, done: showDone })[step]();
}

function showModem() {
  const modem = state.modem;
  at("modem").hidden = !modem;
  if (!modem) return;
  const signal = modem.signal_percent === null ? "" : w.signal(modem.signal_percent);
  const parts = [w.modem[modem.lock || modem.failed || modem.state] ?? modem.state, modem.operator, modem.technology, signal];
  at("modem").textContent = `Modem: ${parts.filter(Boolean).join(", ")}`;
  at("modem").className = modem.state === "connected" ? "good" : "plain";
}

function showChoice() {
  const why = w.ended[state.state];
  at("problem").hidden = !why;
  at("problem").textContent = why ? `${why} ${state.problem ? sentence(state.problem[lang]) : ""}` : "";
}

function showClaim() {
  const site = state.site;
  at("site-name").textContent = `${site.id}: ${site.name}`;
  at("site-where").textContent = site.ward + (site.metres === null ? "" : ", " + w.away(site.metres));
  const found = state.cameras.map((camera) => item(
    [camera.id, camera.name, camera.said[lang]].filter(Boolean).join(" – "), camera.fits ? "good" : "bad", camera.model));
  const strangers = state.strangers.map((text) => item(text[lang], "plain"));
  at("cameras").replaceChildren(...found, ...strangers);
  const wanted = differ ? site.logins : site.logins.slice(0, 1).map(() => "");
  const shown = `${site.id} ${wanted}`;
  if (at("logins").dataset.shown !== shown) {
    at("logins").dataset.shown = shown;
    at("logins").replaceChildren(...wanted.flatMap(passwordField));
  }
  for (const label of at("logins").querySelectorAll("label")) {
    label.textContent = [w.password, label.dataset.camera].filter(Boolean).join(" ");
  }
  at("differ").hidden = differ || site.logins.length < 2;
}

function passwordField(camera) {
  const label = document.createElement("label"), input = document.createElement("input");
  input.id = label.htmlFor = camera ? `password-${camera}` : "password";
  input.type = "password";
  input.dataset.camera = label.dataset.camera = camera;
  input.autocomplete = "off";
  input.required = true;
  return [label, input];
}

function showWork() {
  const site = state.site ?? { id: "", name: "", cameras: [] };
  at("claimed-name").textContent = `${site.id}: ${site.name}`;
  at("centre").textContent = centreText();
  at("centre").className = state.state === "confirmed" ? "good" : "plain";
  if (at("aim").dataset.site !== site.id) {
    at("aim").dataset.site = site.id;
    at("aim").replaceChildren(...site.cameras.map((camera) => {
      const line = item("", "plain"), link = document.createElement("a");
      link.href = `/aim/${camera.id}/`;
      link.target = "_blank";
      link.textContent = [camera.id, camera.name].filter(Boolean).join(" – ");
      line.append(link);
      return line;
    }));
  }
  showVerdict();
  at("photo-label").textContent = photoWaits ? w.photoWaits : state.photo ? w.photoAgain : w.photoTake;
  if (!at("signed-by").value) at("signed-by").value = state.by;
  at("undo").hidden = state.state === "confirmed";
}

function showVerdict() {
  const verdict = state.verdict;
  at("sentence").textContent = verdict ? verdict.sentence : "";
  at("sentence").className = verdict ? ({ failed: "bad", pending: "warn" }[verdict.verdict] ?? "good") : "";
  const lines = verdict ? verdict.lines : [];
  const worstFirst = ["red", "yellow", "green"].flatMap((level) => lines.filter((line) => line.level === level));
  at("lines").replaceChildren(...worstFirst.map((line) => item(
    `${w.marks[line.level]}${line.label}: ${line.said}`, { green: "good", yellow: "warn", red: "bad" }[line.level], line.todo)));
}

function centreText() {
  if (state.state === "confirmed") return w.confirmed;
  if (state.uplink) return sentence(state.uplink[lang]) + ".";
  return state.delivered ? w.delivered : w.sending;
}

function showDone() {
  at("done-text").textContent = `${state.photo ? w.kept : w.keptNoPhoto} ${centreText()}`;
  showVerdict();
}

async function scaled(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, PHOTO_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.8));
}

at("site-form").addEventListener("submit", (event) => {
  event.preventDefault();
  send("/site", { label: at("site-label").value }, "site");
});
at("near").addEventListener("click", () => {
  if (!navigator.geolocation) return complain(() => w.noPlace);
  navigator.geolocation.getCurrentPosition(async (found) => {
    const { latitude, longitude, accuracy } = found.coords;
    const near = await send("/near", { latitude, longitude, accuracy_m: accuracy }, "near");
    at("nearest").replaceChildren(...(near ? near.sites : []).map((site) => {
      const line = item("", "plain"), button = document.createElement("button");
      button.type = "button";
      button.textContent = `${site.name} (${w.away(site.metres)})`;
      button.addEventListener("click", () => send("/site", { label: site.label }, "site"));
      line.append(button);
      return line;
    }));
  }, () => complain(() => w.noPlace), { enableHighAccuracy: true, timeout: 15000 });
});
at("search").addEventListener("click", () => send("/search", {}, "site"));
at("differ").addEventListener("click", () => {
  differ = true;
  show();
});
at("other").addEventListener("click", () => send("/other", {}, "other"));
at("claim-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const passwords = {};
  for (const input of at("logins").querySelectorAll("input")) passwords[input.dataset.camera] = input.value;
  if (await send("/claim", { by: at("by").value, passwords }, "claim")) {
    at("logins").replaceChildren();
    delete at("logins").dataset.shown;
    await send("/examine", { lang }, "examine");
  }
});
at("examine").addEventListener("click", () => send("/examine", { lang }, "examine"));
at("photo").addEventListener("change", async () => {
  const file = at("photo").files[0];
  if (!file) return;
  photoWaits = Boolean(working); // taken while the box examines: stored afterwards
  show();
  try {
    const picture = await scaled(file);
    await idle();
    photoWaits = false;
    await send("/photo", picture, "photo");
  } catch {
    complain(() => w.noPhoto);
  } finally {
    photoWaits = false;
    at("photo").value = ""; // the same photo may be chosen again
    show();
  }
});
at("finish-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!drawn) return complain(() => w.noSignature);
  if (!state.photo && !confirm(w.photoMissing)) return;
  const png = await new Promise((done) => pad.toBlob(done, "image/png"));
  if (await send("/signature", png, "finish")) await send("/finish", { by: at("signed-by").value }, "finish");
});
at("network-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = {};
  for (const id of ["apn", "pin", "address", "gateway"]) form[id] = at(id).value.trim();
  at("pin").value = "";
  send("/network", form, "network");
});
at("undo").addEventListener("click", () => {
  if (confirm(w.undoSure)) send("/undo", {}, "undo");
});
document.addEventListener("spoken", () => {
  showFault();
  show();
});

(async () => {
  try {
    state = await (await fetch("/state")).json();
  } catch {
    complain(gone);
  }
  const scanned = location.pathname;
  if (state && scanned.startsWith("/s/")) {
    const id = scanned.replace(/\/+$/, "").slice(3, -2);
    // The box refuses another site while it has one, and says which. The label counts once: a site that was left or
    // withdrawn does not come back when the phone reloads the page.
    const done = (!isFree() && id === state.site?.id) || (await send("/site", { label: scanned }, "site"));
    if (done) history.replaceState(null, "", "/");
  }
  show();
  setTimeout(poll, POLL_MS);
})();
