// The form of a search: two clicks in the picture of a camera draw a line; a click on the map chooses the centre of the
// circle. Without this script the fields of the form do the same.
"use strict";

(() => {
  const picture = document.querySelector(".walk.line svg");
  if (picture === null) return;
  const ends = ["line_x1", "line_y1", "line_x2", "line_y2"].map((name) => document.getElementById(name));
  let second = false;

  function draw() {
    const { width, height } = picture.viewBox.baseVal;
    const given = ends.every((field) => field.value !== "");
    for (const line of picture.querySelectorAll("line")) {
      ["x1", "y1", "x2", "y2"].forEach((name, n) => {
        line.setAttribute(name, given ? (Number(ends[n].value) / 100) * (n % 2 ? height : width) : 0);
      });
      line.setAttribute("visibility", given ? "visible" : "hidden");
    }
  }

  picture.addEventListener("click", (event) => {
    const shown = picture.getBoundingClientRect();
    const x = Math.round(((event.clientX - shown.x) / shown.width) * 1000) / 10;
    const y = Math.round(((event.clientY - shown.y) / shown.height) * 1000) / 10;
    const first = second ? ends.slice(2) : ends;
    for (let n = 0; n < first.length; n += 2) [first[n].value, first[n + 1].value] = [x, y];
    second = !second;
    draw();
  });
  for (const field of ends) field.addEventListener("input", draw);
  draw();
})();

(() => {
  const map = document.querySelector(".map.choose svg");
  const near = document.getElementById("near");
  const radius = document.getElementById("radius");
  if (map === null || near === null) return;
  const circle = map.querySelector(".near");

  function draw() {
    let chosen = null;
    for (const spot of map.querySelectorAll(".spot")) {
      const is = spot.dataset.site === near.value;
      spot.classList.toggle("chosen", is);
      if (is) chosen = spot;
    }
    circle.setAttribute("cx", chosen === null ? 0 : chosen.getAttribute("cx"));
    circle.setAttribute("cy", chosen === null ? 0 : chosen.getAttribute("cy"));
    circle.setAttribute("r", chosen === null ? 0 : Math.max(0, Number(radius.value) * Number(map.dataset.metre)));
  }

  map.addEventListener("click", (event) => {
    const spot = event.target.closest(".spot");
    if (spot === null) return;
    near.value = near.value === spot.dataset.site ? "" : spot.dataset.site;
    draw();
  });
  near.addEventListener("change", draw);
  radius.addEventListener("input", draw);
  draw();
})();
