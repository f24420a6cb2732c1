"use strict";
// The signature, drawn with a finger.
const pad = document.getElementById("pad"), ink = pad.getContext("2d");
let drawn = false, drawing = false;

function point(event) {
  const box = pad.getBoundingClientRect();
  return [(event.clientX - box.left) * pad.width / box.width, (event.clientY - box.top) * pad.height / box.height];
}

function clearPad() {
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, pad.width, pad.height);
  drawn = false;
}

pad.addEventListener("pointerdown", (event) => {
  pad.setPointerCapture(event.pointerId);
  drawing = true;
  ink.beginPath();
  ink.moveTo(...point(event));
});
pad.addEventListener("pointermove", (event) => {
  if (!drawing) return;
  ink.lineWidth = 4;
  ink.lineCap = ink.lineJoin = "round";
  ink.strokeStyle = "#003";
  const to = point(event);
  ink.lineTo(...to);
  ink.stroke();
  ink.beginPath(); // else each move would draw the whole line once more
  ink.moveTo(...to);
  drawn = true;
});
for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => { drawing = false; });
document.getElementById("clear").addEventListener("click", clearPad);
clearPad();
