// The service worker of Web Push: shows a message of the centre as a notification, and opens its page at a click. It
// answers no requests of pages. The browser has decrypted the message already.
"use strict";

function messageOf(data) {
  try {
    return data.json();
  } catch {
    return {}; // browsers want a notification for each message, also for one that cannot be read
  }
}

function show(message) {
  return self.registration.showNotification(message.title || "Camera", {
    body: message.body || "",
    tag: message.tag || "alarm",
    renotify: true, // a repeated alarm replaces its notification, and sounds again
    lang: message.lang || "vi",
    timestamp: message.time_ms || Date.now(),
    icon: "/static/icon-192.png",
    data: { path: message.path || "/" },
  });
}

// Pages of this console only, whatever the message says.
function addressOf(path) {
  const url = new URL(path, self.location.origin);
  return url.origin === self.location.origin ? url.href : self.location.origin + "/";
}

async function open(address) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const same = pages.find((page) => page.url === address);
  return same === undefined ? self.clients.openWindow(address) : same.focus();
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", (event) => event.waitUntil(show(messageOf(event.data))));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(addressOf(event.notification.data.path)));
});
