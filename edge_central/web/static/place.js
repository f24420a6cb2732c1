// The form of a rehearsal: corners of the zone or line are moved in the picture. The text field #points stays what is
// sent; without this script it does the same.
"use strict";

(() => {
  const field = document.getElementById("points");
  const picture = document.querySelector(".walk.zone.edit svg");
  if (field === null || picture === null) return;
  const SVG = "http://www.w3.org/2000/svg";
  const MOST_CORNERS = 64;
  const STEP = 0.01;
  const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  const { width, height } = picture.viewBox.baseVal;
  const shapes = Array.from(picture.querySelectorAll("polygon:not(.excluded), polyline"));
  const isLine = shapes[0].tagName === "polyline";
  const least = isLine ? 2 : 3;
  let points = [];
  let moved = null; // index of the corner under the pointer

  function read() {
    const numbers = field.value.split(/[\s,;]+/).filter((word) => word !== "").map(Number);
    if (numbers.length % 2 || numbers.length < 2 * least || numbers.length > 2 * MOST_CORNERS) return;
    if (!numbers.every((number) => number >= 0 && number <= 1)) return;
    points = [];
    for (let n = 0; n < numbers.length; n += 2) points.push([numbers[n], numbers[n + 1]]);
  }

  function write() {
    field.value = points.map(([x, y]) => `${x} ${y}`).join(", ");
  }

  function inPicture(value) {
    return Math.round(Math.min(Math.max(value, 0), 1) * 1000) / 1000;
  }

  function handle([x, y], index, isNew) {
    const circle = document.createElementNS(SVG, "circle");
    circle.setAttribute("cx", x * width);
    circle.setAttribute("cy", y * height);
    circle.setAttribute("r", isNew ? 9 : 16);
    circle.dataset.corner = index;
    if (isNew) {
      circle.classList.add("between");
    } else {
      circle.setAttribute("tabindex", "0");
      circle.setAttribute("role", "button");
      circle.setAttribute("aria-label", picture.dataset.corner.replace("NUMBER", index + 1));
    }
    return circle;
  }

  function draw() {
    const text = points.map(([x, y]) => `${x * width},${y * height}`).join(" ");
    for (const shape of shapes) shape.setAttribute("points", text);
    for (const old of picture.querySelectorAll("circle")) old.remove();
    if (!isLine && points.length < MOST_CORNERS) {
      points.forEach(([x, y], n) => {
        const [nextX, nextY] = points[(n + 1) % points.length];
        picture.append(handle([(x + nextX) / 2, (y + nextY) / 2], n + 1, true));
      });
    }
    points.forEach((point, n) => picture.append(handle(point, n, false)));
  }

  function change(focused) {
    write();
    draw();
    picture.querySelector(`circle[tabindex][data-corner="${focused}"]`)?.focus();
  }

  function placeOf(event) {
    const shown = picture.getBoundingClientRect();
    return [
      inPicture((event.clientX - shown.x) / shown.width),
      inPicture((event.clientY - shown.y) / shown.height),
    ];
  }

  picture.addEventListener("pointerdown", (event) => {
    const corner = event.target.closest("circle");
    if (corner === null) return;
    event.preventDefault();
    moved = Number(corner.dataset.corner);
    if (corner.classList.contains("between")) points.splice(moved, 0, placeOf(event));
    picture.setPointerCapture(event.pointerId);
    change(moved);
  });
  picture.addEventListener("pointermove", (event) => {
    if (moved === null) return;
    points[moved] = placeOf(event);
    change(moved);
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { moved = null; });

  picture.addEventListener("keydown", (event) => {
    const index = Number(event.target.dataset.corner);
    if (Number.isNaN(index)) return;
    if (event.key in MOVES) {
      points[index] = points[index].map((value, n) => inPicture(value + MOVES[event.key][n]));
      change(index);
    } else if (event.key === "Delete" && points.length > least) {
      points.splice(index, 1);
      change(Math.min(index, points.length - 1));
    } else {
      return;
    }
    event.preventDefault();
  });

  field.addEventListener("input", () => { read(); draw(); });
  read();
  picture.setAttribute("role", "group");
  draw();
})();
