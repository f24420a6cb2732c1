// Sends the file of the form #upload as the body of a request, with what the officer says of it in a header: so the
// server checks who sends it before it reads it.
"use strict";

(() => {
  const form = document.getElementById("upload");
  if (form === null) return;
  const state = form.querySelector("output");
  const button = form.querySelector("button");

  function base64(text) {
    return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  }

  function header(file) {
    const field = (name) => form.elements[name].value.slice(0, 500);
    return base64(JSON.stringify({ name: file.name.slice(-200), brought_by: field("brought_by"), note: field("note") }));
  }

  async function send(file) {
    const headers = {
      "Content-Type": "application/octet-stream",
      "X-CSRF-Token": form.elements.csrf.value,
      "X-File": header(file),
    };
    const answer = await fetch(form.action, { method: "POST", body: file, headers });
    if (answer.status === 409) return answer.text();
    if (!answer.ok) return form.dataset.failed;
    const { item } = await answer.json();
    location.hash = `item-${item}`;
    location.reload();
    return form.dataset.done;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const file = form.elements.file.files[0];
    if (file === undefined || button.disabled) return;
    if (file.size > Number(form.dataset.most)) {
      state.textContent = form.dataset.large;
      return;
    }
    button.disabled = true;
    state.textContent = form.dataset.sending;
    try {
      state.textContent = await send(file);
    } catch {
      state.textContent = form.dataset.failed;
    }
    button.disabled = false;
  });
})();
