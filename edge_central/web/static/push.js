// /account/notifications: turns notifications on in this browser, and marks it in the list of devices. The browser
// gives an address at its push service and two keys; the centre stores them and encrypts for them.
"use strict";

(() => {
  const SCOPE = "/";
  const AGAIN_MS = 2000; // while a message waits, the state in the list changes soon
  const TIMES = 15;

  const form = document.getElementById("this-device");
  const state = form.querySelector("output");
  const button = form.querySelector("button");

  function say(words) {
    state.textContent = words;
  }

  function isSupported() {
    return "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  }

  // Safari of an iPhone has no push before the page is on the home screen.
  function needsHomeScreen() {
    const isApple = /iPhone|iPad/.test(navigator.userAgent) || (navigator.maxTouchPoints > 1 && /Macintosh/.test(navigator.userAgent));
    return isApple && !matchMedia("(display-mode: standalone)").matches;
  }

  function nameOf(agent) {
    const systems = [["iPhone", /iPhone/], ["iPad", /iPad/], ["Android", /Android/], ["Windows", /Windows/], ["Mac", /Macintosh/], ["Linux", /Linux/]];
    const browsers = [["Edge", /Edg/], ["Firefox", /Firefox|FxiOS/], ["Chrome", /Chrome|CriOS/], ["Safari", /Safari/]];
    const first = (list) => (list.find(([, pattern]) => pattern.test(agent)) || [""])[0];
    return `${first(systems)} ${first(browsers)}`.trim();
  }

  function octets(text) {
    const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
    return Uint8Array.from(atob(base64.padEnd(Math.ceil(base64.length / 4) * 4, "=")), (each) => each.charCodeAt(0));
  }

  async function subscriptionHere() {
    const registration = await navigator.serviceWorker.getRegistration(SCOPE);
    return registration === undefined ? null : registration.pushManager.getSubscription();
  }

  async function idOf(subscription) {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(subscription.endpoint));
    return Array.from(new Uint8Array(digest), (each) => each.toString(16).padStart(2, "0")).join("").slice(0, 16);
  }

  // Mark this browser in the list. A subscription that the centre does not have any more is of no use.
  async function mark() {
    if (!isSupported()) return false;
    const subscription = await subscriptionHere();
    const id = subscription === null ? null : await idOf(subscription);
    let found = false;
    for (const sign of document.querySelectorAll("[data-this]")) {
      sign.hidden = sign.dataset.this !== id;
      found ||= !sign.hidden;
    }
    return found;
  }

  async function begin() {
    if (!isSupported()) return say(needsHomeScreen() ? form.dataset.homeScreen : form.dataset.unsupported);
    button.disabled = false;
    if (form.elements.name.value === "") form.elements.name.value = nameOf(navigator.userAgent);
    if (await mark()) {
      for (const part of form.querySelectorAll("label, button")) part.hidden = true;
      say(form.dataset.on);
    }
    else if (Notification.permission === "denied") say(form.dataset.denied);
  }

  async function subscribe() {
    await navigator.serviceWorker.register(form.dataset.worker, { scope: SCOPE });
    const registration = await navigator.serviceWorker.ready;
    const old = await registration.pushManager.getSubscription();
    if (old !== null) await old.unsubscribe(); // it may be of another console, or of another user of this browser
    return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: octets(form.dataset.key) });
  }

  async function turnOn() {
    if ((await Notification.requestPermission()) !== "granted") return say(form.dataset.denied);
    say(form.dataset.sending);
    let subscription = null;
    try {
      subscription = await subscribe();
    } catch (error) {
      console.info("no subscription:", error.message);
      return say(form.dataset.noService);
    }
    const { endpoint, keys } = subscription.toJSON();
    const answer = await fetch(location.pathname, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": form.elements.csrf.value },
      body: JSON.stringify({ endpoint, keys, name: form.elements.name.value }),
    });
    if (answer.ok) return location.reload();
    await subscription.unsubscribe();
    const said = await answer.json().catch(() => ({}));
    return say(said.error || form.dataset.failed);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    try {
      await turnOn();
    } catch (error) {
      console.info("not turned on:", error.message);
      say(form.dataset.failed);
    }
    button.disabled = false;
  });

  // The centre forgets the device in any case; the browser should not keep its half either.
  document.addEventListener("submit", async (event) => {
    const row = event.target.action.endsWith("/off") ? event.target.closest("tr") : null;
    const sign = row === null ? null : row.querySelector("[data-this]");
    if (sign === null || sign.hidden) return;
    const subscription = await subscriptionHere();
    if (subscription !== null) await subscription.unsubscribe();
  });

  let times = TIMES;
  setInterval(() => {
    if (document.querySelector("[data-waiting]") === null) times = TIMES;
    else if (times-- > 0) document.dispatchEvent(new Event("console:refresh"));
  }, AGAIN_MS);
  document.addEventListener("console:refreshed", mark);
  begin().catch((error) => {
    console.info("no service worker:", error.message); // a certificate that the browser does not trust
    say(form.dataset.unsupported);
  });
})();
