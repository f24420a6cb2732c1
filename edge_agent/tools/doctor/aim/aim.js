"use strict";
// Asks for one picture after the other: a slow link makes it slower, never later.
const RETRY_MS = 1500;
const COLOURS = { good: "#2c2", enough: "#fc0", small: "#f44", tiny: "#f44" };

const at = (id) => document.getElementById(id);
const canvas = at("picture"), pen = canvas.getContext("2d");
let site = null, best = 0;

function outline(points, colour, close, name) {
  pen.beginPath();
  points.forEach(([x, y]) => pen.lineTo(x * canvas.width, y * canvas.height));
  if (close) pen.closePath();
  pen.lineWidth = 2;
  pen.strokeStyle = colour;
  pen.stroke();
  if (name) tag(name, points[0][0] * canvas.width, points[0][1] * canvas.height, colour);
}

function tag(text, x, y, colour) {
  pen.font = "bold 17px system-ui, sans-serif";
  const width = pen.measureText(text).width + 8;
  x = Math.max(0, Math.min(x, canvas.width - width));
  y = Math.max(22, y);
  pen.fillStyle = colour;
  pen.fillRect(x, y - 22, width, 22);
  pen.fillStyle = "#000";
  pen.fillText(text, x + 4, y - 5);
}

function named(thing) {
  return thing.label === null ? w.thing : w.label[thing.label] ?? thing.label;
}

function draw(picture, view) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  pen.drawImage(picture, 0, 0);
  site.masks.forEach((mask) => outline(mask, "#a33", true));
  site.zones.forEach((zone) => {
    outline(zone.polygon, "#d7d", true, zone.name);
    zone.exclude.forEach((part) => outline(part, "#a33", true));
  });
  site.lines.forEach((line) => outline(line.points, "#7df", false, line.name));
  for (const thing of view.things) {
    const [x1, y1, x2, y2] = thing.box;
    const colour = thing.label === null ? "#aaa" : COLOURS[thing.verdict];
    outline([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], colour, true);
    tag(`${thing.label === null ? "" : named(thing) + " "}${thing.px[1]}px`, x1 * canvas.width, y1 * canvas.height, colour);
  }
}

function list(view) {
  const items = view.things.map((thing) => {
    const item = document.createElement("li");
    const known = thing.label !== null;
    item.className = known ? { small: "small-thing" }[thing.verdict] ?? thing.verdict : "plain";
    const verdict = (known ? null : w.unnamed[thing.verdict]) ?? w.verdict[thing.verdict];
    item.textContent = `${named(thing)}: ${w.pixels(...thing.px)}: ${verdict}`;
    return item;
  });
  if (!items.length) {
    items.push(document.createElement("li"));
    items[0].textContent = w.nothing;
  }
  at("things").replaceChildren(...items);
}

function measure(view) {
  const now = view.sharpness;
  if (now !== null) {
    best = Math.max(best, now);
    const meter = at("focus");
    meter.max = Math.max(best, 2 * site.sharp);
    meter.low = meter.high = site.sharp;
    meter.optimum = meter.max;
    meter.value = now;
  }
  at("focus-value").textContent = now === null ? "–" : w.best(now.toFixed(2), best.toFixed(2));
  at("focus-verdict").textContent = view.in_focus === null ? w.plain : view.in_focus ? w.sharp : w.blurred;
  if (view.mean === null) return;
  at("light").value = view.mean;
  at("light-value").textContent = view.mean;
  at("light-verdict").textContent = w[view.light];
}

function trouble(text) {
  at("trouble").hidden = !text;
  at("trouble").textContent = text ?? "";
}

async function next(after) {
  const answer = await fetch(`view?after=${after}`, { signal: AbortSignal.timeout(8000) });
  if (!answer.ok) throw new Error(answer.status);
  const view = JSON.parse(answer.headers.get("Aim-View"));
  const left = view.left_s;
  at("left").textContent = w.left(Math.floor(left / 60), String(left % 60).padStart(2, "0"));
  trouble(view.trouble);
  if (answer.status === 204) return after;
  const picture = await createImageBitmap(await answer.blob());
  draw(picture, view);
  picture.close();
  at("stream").textContent = w.stream(...view.size);
  at("rule").textContent = w.rule(site.named_px, site.sure_px);
  measure(view);
  list(view);
  return view.number;
}

async function run() {
  let after = 0;
  for (;;) {
    try {
      site ??= await (await fetch("site")).json();
      at("camera").textContent = site.camera;
      after = await next(after);
    } catch {
      trouble(w.gone);
      await new Promise((later) => setTimeout(later, RETRY_MS));
    }
  }
}

run();
