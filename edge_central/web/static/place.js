// The form of a rehearsal: corners of the zone or line, and of the parts that the zone excludes, are moved in the picture.
// The text fields #points and #excluded stay what is sent; without this script they do the same.
"use strict";

(() => {
  const field = document.getElementById("points");
  const excluded = document.getElementById("excluded"); // a line has none
  const add = document.getElementById("excluded-add");
  const picture = document.querySelector(".walk.zone.edit svg");
  if (field === null || picture === null) return;
  const SVG = "http://www.w3.org/2000/svg";
  const MOST_CORNERS = 64;
  const MOST_PARTS = 16;
  const STEP = 0.01;
  const NEW_PART = 0.05; // half a side, of the picture
  const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  const { width, height } = picture.viewBox.baseVal;
  const outlines = Array.from(picture.querySelectorAll("polygon:not(.excluded, .mask), polyline"));
  const isLine = outlines[0].tagName === "polyline";
  let shapes = []; // corners of the zone or line, then those of each excluded part
  let moved = null; // the shape and corner under the pointer

  function parsed(text, least) {
    const numbers = text.split(/[\s,;]+/).filter((word) => word !== "").map(Number);
    if (numbers.length % 2 || numbers.length < 2 * least || numbers.length > 2 * MOST_CORNERS) return null;
    if (!numbers.every((number) => number >= 0 && number <= 1)) return null;
    return Array.from({ length: numbers.length / 2 }, (_, n) => [numbers[2 * n], numbers[2 * n + 1]]);
  }

  function written(points) {
    return points.map(([x, y]) => `${x} ${y}`).join(", ");
  }

  // What cannot be read leaves the drawing as it is.
  function read() {
    const texts = (excluded?.value ?? "").split(";").filter((text) => text.trim() !== "");
    const found = [parsed(field.value, isLine ? 2 : 3), ...texts.map((text) => parsed(text, 3))];
    if (!found.includes(null)) shapes = found;
  }

  function write() {
    field.value = written(shapes[0]);
    if (excluded !== null) excluded.value = shapes.slice(1).map(written).join("; ");
  }

  function inPicture(value) {
    return Math.round(Math.min(Math.max(value, 0), 1) * 1000) / 1000;
  }

  function handle([x, y], shape, corner, isNew) {
    const circle = document.createElementNS(SVG, "circle");
    circle.setAttribute("cx", x * width);
    circle.setAttribute("cy", y * height);
    circle.setAttribute("r", isNew ? 9 : 16);
    circle.dataset.shape = shape;
    circle.dataset.corner = corner;
    if (shape > 0) circle.classList.add("part");
    if (isNew) {
      circle.classList.add("between");
    } else {
      const words = shape > 0 ? picture.dataset.ofPart.replace("PART", shape) : picture.dataset.corner;
      circle.setAttribute("tabindex", "0");
      circle.setAttribute("role", "button");
      circle.setAttribute("aria-label", words.replace("NUMBER", corner + 1));
    }
    return circle;
  }

  function drawn(points) {
    return points.map(([x, y]) => `${x * width},${y * height}`).join(" ");
  }

  function drawPart(points) {
    const polygon = document.createElementNS(SVG, "polygon");
    polygon.classList.add("excluded");
    polygon.setAttribute("points", drawn(points));
    picture.append(polygon);
  }

  function draw() {
    if (shapes.length === 0) return;
    for (const outline of outlines) outline.setAttribute("points", drawn(shapes[0]));
    for (const old of picture.querySelectorAll("circle, polygon.excluded")) old.remove();
    shapes.slice(1).forEach(drawPart);
    shapes.forEach((points, shape) => {
      if (isLine || points.length >= MOST_CORNERS) return;
      points.forEach(([x, y], n) => {
        const [nextX, nextY] = points[(n + 1) % points.length];
        picture.append(handle([(x + nextX) / 2, (y + nextY) / 2], shape, n + 1, true));
      });
    });
    shapes.forEach((points, shape) => points.forEach((point, n) => picture.append(handle(point, shape, n, false))));
    if (add !== null) add.hidden = isLine || shapes.length > MOST_PARTS;
  }

  function change(shape, corner) {
    write();
    draw();
    picture.querySelector(`circle[tabindex][data-shape="${shape}"][data-corner="${corner}"]`)?.focus();
  }

  function placeOf(event) {
    const shown = picture.getBoundingClientRect();
    return [
      inPicture((event.clientX - shown.x) / shown.width),
      inPicture((event.clientY - shown.y) / shown.height),
    ];
  }

  // A part that loses its last triangle is gone.
  function remove(shape, corner) {
    const least = isLine ? 2 : 3;
    if (shapes[shape].length > least) {
      shapes[shape].splice(corner, 1);
      change(shape, Math.min(corner, shapes[shape].length - 1));
    } else if (shape > 0) {
      shapes.splice(shape, 1);
      change(0, 0);
    }
  }

  picture.addEventListener("pointerdown", (event) => {
    const circle = event.target.closest("circle");
    if (circle === null) return;
    event.preventDefault();
    moved = [Number(circle.dataset.shape), Number(circle.dataset.corner)];
    const [shape, corner] = moved;
    if (circle.classList.contains("between")) shapes[shape].splice(corner, 0, placeOf(event));
    picture.setPointerCapture(event.pointerId);
    change(shape, corner);
  });
  picture.addEventListener("pointermove", (event) => {
    if (moved === null) return;
    const [shape, corner] = moved;
    shapes[shape][corner] = placeOf(event);
    change(shape, corner);
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { moved = null; });

  picture.addEventListener("keydown", (event) => {
    const [shape, corner] = [Number(event.target.dataset.shape), Number(event.target.dataset.corner)];
    if (Number.isNaN(shape)) return;
    if (event.key in MOVES) {
      shapes[shape][corner] = shapes[shape][corner].map((value, n) => inPicture(value + MOVES[event.key][n]));
      change(shape, corner);
    } else if (event.key === "Delete") {
      remove(shape, corner);
    } else {
      return;
    }
    event.preventDefault();
  });

  // A new part is a square in the middle of the zone.
  add?.addEventListener("click", () => {
    const middle = [0, 1].map((axis) => shapes[0].reduce((sum, point) => sum + point[axis], 0) / shapes[0].length);
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
    shapes.push(corners.map((corner) => corner.map((side, axis) => inPicture(middle[axis] + side * NEW_PART))));
    change(shapes.length - 1, 0);
  });

  for (const each of [field, excluded]) each?.addEventListener("input", () => { read(); draw(); });
  read();
  picture.setAttribute("role", "group");
  draw();
})();
