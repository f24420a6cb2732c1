// /developers: sends the request of a form to the API with the session of this browser, and shows the response.
"use strict";

(() => {
  const operations = document.getElementById("operations");
  const MOST_CHARACTERS = 200000;

  function addressOf(form) {
    let path = form.dataset.path;
    const query = new URLSearchParams();
    for (const field of form.querySelectorAll("[data-place]")) {
      const value = field.value.trim();
      if (field.dataset.place === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
      else if (value !== "") query.set(field.name, value);
    }
    const text = query.toString();
    return text === "" ? path : `${path}?${text}`;
  }

  function requestOf(form) {
    const method = form.dataset.method;
    const body = form.querySelector("textarea");
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRF-Token"] = operations.dataset.csrf;
    if (body !== null) headers["Content-Type"] = "application/json";
    return { method, headers, body: body === null ? undefined : body.value };
  }

  async function textOf(response) {
    const type = response.headers.get("content-type") || "";
    if (!type.includes("json")) return `${type} ${(await response.blob()).size} B`.trim();
    const text = JSON.stringify(await response.json(), null, 2);
    if (text.length <= MOST_CHARACTERS) return text;
    return `${text.slice(0, MOST_CHARACTERS)}\n${operations.dataset.cut}`;
  }

  async function send(form) {
    const status = form.querySelector(".status");
    const answer = form.querySelector(".answer");
    const button = form.querySelector("button");
    const address = addressOf(form);
    button.disabled = true;
    status.textContent = `${form.dataset.method} ${address} …`;
    answer.hidden = true;
    try {
      const response = await fetch(address, requestOf(form));
      answer.textContent = await textOf(response);
      answer.hidden = answer.textContent === "";
      status.textContent = `${form.dataset.method} ${address}: ${response.status}`;
    } catch {
      status.textContent = operations.dataset.failed;
    } finally {
      button.disabled = false;
    }
  }

  operations.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target);
  });
})();
