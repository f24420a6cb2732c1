// Shapes that are drawn on the camera's picture: the zone or line of a rule with the parts that the zone excludes, or the
// masks of a camera. Corners and whole parts are moved in the picture. Each textarea with data-draws holds the shapes of
// one kind and stays what is sent; without this script the text fields do the same.
"use strict";

(() => {
  const picture = document.querySelector(".walk.edit svg");
  const fields = Array.from(document.querySelectorAll("textarea[data-draws]"));
  if (fields.length === 0 || picture === null) return;
  const SVG = "http://www.w3.org/2000/svg";
  const MOST_CORNERS = 64;
  const STEP = 0.01;
  const NEW_PART = 0.05; // half a side, of the picture
  const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  const { width, height } = picture.viewBox.baseVal;
  const removal = document.getElementById("remove-chosen");
  const outlines = Array.from(picture.querySelectorAll("[data-outline]"));
  let shapes = []; // each with its field, corners, and its number among the parts of the field
  let chosen = null; // the shape that was touched last
  let moved = null; // what is under the pointer: a shape and its corner; no corner: the whole shape

  function isList(field) {
    return field.dataset.most !== undefined;
  }

  function isLine(field) {
    return field.dataset.draws === "line";
  }

  function ofField(field) {
    return shapes.filter((shape) => shape.field === field);
  }

  function parsed(text, least) {
    const numbers = text.split(/[\s,;]+/).filter((word) => word !== "").map(Number);
    if (numbers.length % 2 || numbers.length < 2 * least || numbers.length > 2 * MOST_CORNERS) return null;
    if (!numbers.every((number) => number >= 0 && number <= 1)) return null;
    return Array.from({ length: numbers.length / 2 }, (_, n) => [numbers[2 * n], numbers[2 * n + 1]]);
  }

  function written(points) {
    return points.map(([x, y]) => `${x} ${y}`).join(", ");
  }

  function shapesOf(field) {
    const texts = isList(field) ? field.value.split(";").filter((text) => text.trim() !== "") : [field.value];
    return texts.map((text) => ({ field, points: parsed(text, isLine(field) ? 2 : 3) }));
  }

  // What cannot be read leaves the drawing as it is.
  function read() {
    const found = fields.flatMap(shapesOf);
    if (found.every((shape) => shape.points !== null)) shapes = found;
  }

  function write() {
    for (const field of fields) field.value = ofField(field).map((shape) => written(shape.points)).join("; ");
  }

  function inPicture(value) {
    return Math.round(Math.min(Math.max(value, 0), 1) * 1000) / 1000;
  }

  function name(element, words, part, corner) {
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", words.replace("PART", part).replace("NUMBER", corner));
  }

  function handle([x, y], index, corner, isNew) {
    const { field } = shapes[index];
    const circle = document.createElementNS(SVG, "circle");
    circle.setAttribute("cx", x * width);
    circle.setAttribute("cy", y * height);
    circle.setAttribute("r", isNew ? 9 : 16);
    circle.dataset.shape = index;
    circle.dataset.corner = corner;
    if (isList(field)) circle.classList.add("part");
    if (isNew) circle.classList.add("between");
    else name(circle, field.dataset.corner, ofField(field).indexOf(shapes[index]) + 1, corner + 1);
    return circle;
  }

  function drawn(points) {
    return points.map(([x, y]) => `${x * width},${y * height}`).join(" ");
  }

  function drawPart({ field, points }, index) {
    const polygon = document.createElementNS(SVG, "polygon");
    polygon.classList.add(field.dataset.draws);
    polygon.setAttribute("points", drawn(points));
    polygon.dataset.shape = index;
    if (field.dataset.whole) name(polygon, field.dataset.whole, ofField(field).indexOf(shapes[index]) + 1);
    picture.append(polygon);
  }

  function draw() {
    const parts = fields.filter(isList).map((field) => `polygon.${field.dataset.draws}`);
    for (const old of picture.querySelectorAll(["circle", ...parts].join(", "))) old.remove();
    shapes.forEach((shape, index) => {
      if (isList(shape.field)) drawPart(shape, index);
      else for (const outline of outlines) outline.setAttribute("points", drawn(shape.points));
    });
    shapes.forEach(({ field, points }, index) => {
      if (isLine(field) || points.length >= MOST_CORNERS) return;
      points.forEach(([x, y], n) => {
        const [nextX, nextY] = points[(n + 1) % points.length];
        picture.append(handle([(x + nextX) / 2, (y + nextY) / 2], index, n + 1, true));
      });
    });
    shapes.forEach(({ points }, index) => points.forEach((point, n) => picture.append(handle(point, index, n, false))));
    for (const add of document.querySelectorAll("button[data-adds]")) {
      const field = document.getElementById(add.dataset.adds);
      add.hidden = field === null || ofField(field).length >= Number(field.dataset.most);
    }
    offerRemoval();
  }

  // Phones have no Delete key.
  function offerRemoval() {
    if (removal !== null) removal.hidden = !shapes.includes(chosen) || !isList(chosen.field);
  }

  // Focus the corner, or the whole shape.
  function change(index, corner) {
    write();
    draw();
    const at = corner === undefined ? "polygon[tabindex]" : `circle[tabindex][data-corner="${corner}"]`;
    picture.querySelector(`${at}[data-shape="${index}"]`)?.focus();
  }

  function placeOf(event) {
    const shown = picture.getBoundingClientRect();
    return [
      inPicture((event.clientX - shown.x) / shown.width),
      inPicture((event.clientY - shown.y) / shown.height),
    ];
  }

  // The whole shape moves as far as its first corner reaches the border.
  function shift(index, step) {
    const { points } = shapes[index];
    const free = step.map((value, axis) => {
      const all = points.map((point) => point[axis]);
      return Math.min(Math.max(value, -Math.min(...all)), 1 - Math.max(...all));
    });
    shapes[index].points = points.map((point) => point.map((value, axis) => inPicture(value + free[axis])));
  }

  // A part that loses its last triangle is gone.
  function remove(index, corner) {
    const { field, points } = shapes[index];
    if (corner !== undefined && points.length > (isLine(field) ? 2 : 3)) {
      points.splice(corner, 1);
      change(index, Math.min(corner, points.length - 1));
    } else if (isList(field)) {
      shapes.splice(index, 1);
      change(0, corner === undefined ? undefined : 0);
    }
  }

  function marked(element) {
    const { shape, corner } = element.dataset;
    return [Number(shape), corner === undefined ? undefined : Number(corner)];
  }

  picture.addEventListener("pointerdown", (event) => {
    const grasped = event.target.closest("circle, polygon[tabindex]");
    if (grasped === null) return;
    event.preventDefault();
    const [index, corner] = marked(grasped);
    moved = { index, corner, from: placeOf(event) };
    if (grasped.classList.contains("between")) shapes[index].points.splice(corner, 0, placeOf(event));
    picture.setPointerCapture(event.pointerId);
    change(index, corner);
  });
  picture.addEventListener("pointermove", (event) => {
    if (moved === null) return;
    const { index, corner, from } = moved;
    const to = placeOf(event);
    if (corner === undefined) shift(index, to.map((value, axis) => value - from[axis]));
    else shapes[index].points[corner] = to;
    moved.from = to;
    change(index, corner);
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { moved = null; });

  picture.addEventListener("keydown", (event) => {
    const [index, corner] = marked(event.target);
    if (Number.isNaN(index)) return;
    if (event.key in MOVES) {
      const step = MOVES[event.key];
      const { points } = shapes[index];
      if (corner === undefined) shift(index, step);
      else points[corner] = points[corner].map((value, axis) => inPicture(value + step[axis]));
      change(index, corner);
    } else if (event.key === "Delete") {
      remove(index, corner);
    } else {
      return;
    }
    event.preventDefault();
  });

  picture.addEventListener("focusin", (event) => {
    chosen = shapes[Number(event.target.dataset.shape)] ?? null;
    offerRemoval();
  });
  // No other shape is chosen then: a second press must not remove one that nobody has touched.
  removal?.addEventListener("click", () => {
    shapes = shapes.filter((shape) => shape !== chosen);
    write();
    draw();
    document.querySelector("button[data-adds]")?.focus();
  });

  // A new part is a square in the middle of the zone, or of the picture.
  function add(field) {
    const zone = shapes.find((shape) => !isList(shape.field))?.points ?? [[0.5, 0.5]];
    const middle = [0, 1].map((axis) => zone.reduce((sum, point) => sum + point[axis], 0) / zone.length);
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
    const points = corners.map((corner) => corner.map((side, axis) => inPicture(middle[axis] + side * NEW_PART)));
    const index = shapes.filter((shape) => fields.indexOf(shape.field) <= fields.indexOf(field)).length;
    shapes.splice(index, 0, { field, points });
    change(index, 0);
  }

  for (const button of document.querySelectorAll("button[data-adds]")) {
    button.addEventListener("click", () => add(document.getElementById(button.dataset.adds)));
  }
  for (const each of fields) each.addEventListener("input", () => { read(); draw(); });
  read();
  picture.setAttribute("role", "group");
  draw();
})();
