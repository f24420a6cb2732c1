// The list of alarms: choose all rows of the page, and buttons for chosen rows only while there are some.
"use strict";

(() => {
  const all = document.getElementById("choose-page");
  if (all === null) return; // nothing to choose, or no right to act
  const boxes = () => Array.from(document.querySelectorAll('#queue input[type=checkbox][form="bulk"]:not(:disabled)'));

  function show() {
    const chosen = boxes().filter((box) => box.checked).length;
    all.checked = chosen > 0 && chosen === boxes().length;
    all.indeterminate = chosen > 0 && !all.checked;
    for (const button of document.querySelectorAll("#bulk button")) button.disabled = chosen === 0;
  }

  all.closest("[hidden]").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    show();
  });
  document.addEventListener("change", (event) => {
    if (event.target !== all && event.target.matches('[form="bulk"]')) show();
  });
  document.addEventListener("console:refreshed", show);
  show();
})();
