// Signs a command with an operator's private key. The key is read from a file into the memory of this page, and is never
// stored or sent: the form carries the signed document only. What is signed is the text in #document, byte for byte, as
// a compact JWS with Ed25519 (docs/design/commands.md), which the gateway verifies.
"use strict";

(() => {
  const section = document.getElementById("sign");
  if (section === null) return;
  const ED25519 = { name: "Ed25519" };
  const MOST_BYTES = 10000;
  // DER in front of the 32 bytes of a public key; RFC 8410, section 4.
  const PUBLIC_DER = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
  const PEM = /-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PRIVATE KEY-----/;

  const file = document.getElementById("key-file");
  const state = document.getElementById("key-state");
  const form = document.getElementById("signed-form");
  const button = form.querySelector("button");
  let signer = null;

  // Its message names a sentence among the data of the section.
  class Unusable extends Error {}

  function bytesOf(base64) {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  }

  function base64url(bytes) {
    return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function utf8(text) {
    return new TextEncoder().encode(text);
  }

  async function importKey(der, extractable) {
    try {
      return await crypto.subtle.importKey("pkcs8", der, ED25519, extractable, ["sign"]);
    } catch (error) {
      throw new Unusable(error.name === "NotSupportedError" ? "unsupported" : "wrong");
    }
  }

  // SHA-256 of the public key in DER, hex: how gateways call the key.
  async function keyId(der) {
    const { x } = await crypto.subtle.exportKey("jwk", await importKey(der, true));
    const raw = bytesOf(x.replace(/-/g, "+").replace(/_/g, "/"));
    const digest = await crypto.subtle.digest("SHA-256", new Uint8Array([...PUBLIC_DER, ...raw]));
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async function signerOf(chosen) {
    // Browsers offer it to pages of https, and of this machine.
    if (!globalThis.isSecureContext || !crypto.subtle) throw new Unusable("insecure");
    if (chosen.size > MOST_BYTES) throw new Unusable("wrong");
    const text = await chosen.text();
    if (text.includes("BEGIN ENCRYPTED PRIVATE KEY")) throw new Unusable("encrypted");
    const found = PEM.exec(text);
    if (found === null) throw new Unusable("wrong");
    let der;
    try {
      der = bytesOf(found[1].replace(/\s/g, ""));
    } catch {
      throw new Unusable("wrong");
    }
    try {
      return { id: await keyId(der), key: await importKey(der, false) };
    } finally {
      der.fill(0);
    }
  }

  function sentence(error) {
    return section.dataset[error instanceof Unusable ? error.message : "failed"];
  }

  async function useChosen() {
    signer = null;
    button.disabled = true;
    state.textContent = "";
    if (file.files.length === 0) return;
    try {
      signer = await signerOf(file.files[0]);
      state.textContent = section.dataset.ready.replace("KEY", signer.id.slice(0, 16));
      button.disabled = false;
    } catch (error) {
      state.textContent = sentence(error);
    }
    file.value = ""; // the page does not go on reading the file
  }

  file.addEventListener("change", useChosen);
  useChosen(); // a file that was chosen before this script had loaded

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (signer === null || button.disabled) return;
    button.disabled = true;
    try {
      const header = JSON.stringify({ alg: "EdDSA", kid: signer.id });
      const text = document.getElementById("document").textContent;
      const signed = base64url(utf8(header)) + "." + base64url(utf8(text));
      const signature = await crypto.subtle.sign(ED25519, signer.key, utf8(signed));
      form.elements.signed.value = signed + "." + base64url(new Uint8Array(signature));
      signer = null;
      form.submit();
    } catch (error) {
      state.textContent = sentence(error);
    }
  });
})();
