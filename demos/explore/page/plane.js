// The plane of two latents: what the decoder makes of it, codes of test images, and where z is.

import { decode, imageData, latest } from "./api.js";
import { shown } from "./vectors.js";

const CELLS = 15; // images in a row
const ROWS_AT_ONCE = 5; // so that the picture that follows the pointer need not wait for all
const MARGIN = 26; // for numbers, in CSS pixels
export const COLOURS = [
  "#4e8ef7", "#f28e2b", "#3fb950", "#e5484d", "#a371f7",
  "#b07a4f", "#ff7eb6", "#9aa0a6", "#d4b106", "#22b8cf",
];

const APART = 16; // CSS pixels between names
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/** The median of points, or if a name is there, the point nearest to it that is apart from all. */
function placeOf(points, named) {
  const middle = [0, 1].map((k) => median(points.map((point) => point[k])));
  const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
  const free = [middle, ...points].filter((at) => named.every((other) => apart(at, other) > APART));
  return free.reduce((a, b) => (apart(b, middle) < apart(a, middle) ? b : a), free[0] ?? middle);
}

export class Plane {
  /** `moved(z)` is called with another z when the plane is dragged over. */
  constructor(canvas, model, data, moved) {
    Object.assign(this, { canvas, model, data, moved });
    this.axes = [0, Math.min(1, model.latent - 1)];
    this.z = new Array(model.latent).fill(0);
    this.label = null;
    this.posterior = null; // q(z|x) as an ellipse
    this.lit = null; // the class that is shown alone
    this.showImages = this.showCodes = true;
    this.images = document.createElement("canvas");
    this.images.width = CELLS * model.width;
    this.images.height = CELLS * model.height;
    this.fill = latest((key) => this.decodeCells(key));
    this.listen();
  }

  /** z (or the label) is another: redraws, and decodes the plane anew if it is not the same. */
  show(z, label) {
    this.z = z;
    this.label = label;
    this.draw();
    const others = z.filter((_, i) => !this.axes.includes(i));
    const key = JSON.stringify([this.axes, label, others]);
    if (key === this.key) return;
    this.key = key;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.fill(key), 80);
  }

  /** The z of a place from 0 to 1 across and up. */
  at(across, up) {
    const z = [...this.z];
    [across, up].forEach((share, k) => {
      z[this.axes[k]] = (2 * share - 1) * this.model.reach;
    });
    return z;
  }

  async decodeCells(key) {
    const centre = (i) => (i + 0.5) / CELLS;
    const context = this.images.getContext("2d");
    for (let top = 0; top < CELLS && key === this.key && this.showImages; top += ROWS_AT_ONCE) {
      const cells = [];
      for (let row = top; row < top + ROWS_AT_ONCE; row++)
        for (let column = 0; column < CELLS; column++) cells.push([column, row]);
      const zs = cells.map(([column, row]) => this.at(centre(column), 1 - centre(row)));
      const images = await decode(zs, this.label);
      cells.forEach(([column, row], i) => {
        const data = imageData(images[i], this.model);
        context.putImageData(data, column * this.model.width, row * this.model.height);
      });
      this.draw();
    }
  }

  // ---- drawing ----

  /** Resizes the canvas to the screen's pixels; the plot's side in CSS pixels. */
  fit() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w;
      this.canvas.height = h;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return { context, side: Math.min(width, height) - MARGIN };
  }

  draw() {
    const { context, side } = this.fit();
    if (side <= 0) return;
    const style = getComputedStyle(this.canvas);
    const codes = this.showCodes && this.data.count > 0;
    const place = (value) => ((value / this.model.reach + 1) / 2) * side;
    const x = (z) => MARGIN + place(z[this.axes[0]]);
    const y = (z) => side - place(z[this.axes[1]]);

    context.save();
    context.beginPath();
    context.rect(MARGIN, 0, side, side);
    context.clip();
    context.fillStyle = style.getPropertyValue("--plot");
    context.fillRect(MARGIN, 0, side, side);
    if (this.showImages) {
      context.imageSmoothingEnabled = false;
      context.drawImage(this.images, MARGIN, 0, side, side);
      if (codes) {
        context.fillStyle = "#0008";
        context.fillRect(MARGIN, 0, side, side);
      }
    }
    if (codes) this.drawCodes(context, x, y);
    if (this.posterior?.std) this.drawPosterior(context, x, y, side);
    this.drawCross(context, x(this.z), y(this.z), side);
    context.restore();
    this.drawTicks(context, side, style.getPropertyValue("--faint"));
  }

  drawCodes(context, x, y) {
    const { codes, labels, classes } = this.data;
    const pale = (label) => this.lit !== null && this.lit !== label;
    codes.forEach((code, i) => {
      context.globalAlpha = pale(labels[i]) ? 0.12 : 1;
      context.fillStyle = COLOURS[labels[i] % COLOURS.length];
      context.beginPath();
      context.arc(x(code), y(code), 2.1, 0, 2 * Math.PI);
      context.fill();
    });
    context.globalAlpha = 1;
    // Ten classes are not told apart by colour alone: each has its name among its codes.
    context.font = "bold 15px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3.5;
    context.strokeStyle = "#000c";
    const named = [];
    classes.forEach((name, label) => {
      const mine = codes.filter((_, i) => labels[i] === label);
      if (!mine.length || pale(label)) return;
      const at = placeOf(mine.map((code) => [x(code), y(code)]), named);
      named.push(at);
      context.strokeText(name, ...at);
      context.fillStyle = "#fff";
      context.fillText(name, ...at);
    });
  }

  /** One and two standard deviations of q(z|x). */
  drawPosterior(context, x, y, side) {
    const { mu, std } = this.posterior;
    const radii = this.axes.map((i) => (std[i] / this.model.reach / 2) * side);
    context.strokeStyle = "#fff";
    context.shadowColor = "#000";
    context.shadowBlur = 3;
    context.lineWidth = 1.5;
    for (const times of [1, 2]) {
      context.beginPath();
      context.ellipse(x(mu), y(mu), times * radii[0], times * radii[1], 0, 0, 2 * Math.PI);
      context.stroke();
    }
    context.shadowBlur = 0;
  }

  drawCross(context, x, y, side) {
    for (const [colour, width] of [["#0006", 3], ["#fffc", 1]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(MARGIN, y);
      context.lineTo(MARGIN + side, y);
      context.moveTo(x, 0);
      context.lineTo(x, side);
      context.stroke();
    }
    context.fillStyle = "#e5484d";
    context.strokeStyle = "#fff";
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, 6, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }

  drawTicks(context, side, colour) {
    const { reach } = this.model;
    const [across, up] = this.axes.map((i) => `z${i + 1}`);
    context.fillStyle = colour;
    context.font = "11px system-ui, sans-serif";
    const last = Math.floor(reach - 0.2); // further out a number would leave the canvas
    for (let value = -last; value <= last; value++) {
      const at = ((value / reach + 1) / 2) * side;
      const text = shown(value, 0);
      context.textAlign = "center";
      context.textBaseline = "top";
      context.fillText(value === 0 ? across : text, MARGIN + at, side + 7);
      context.textAlign = "right";
      context.textBaseline = "middle";
      context.fillText(value === 0 ? up : text, MARGIN - 6, side - at);
    }
  }

  // ---- pointer and keys ----

  listen() {
    const { canvas } = this;
    let dragging = false;
    const follow = (event) => {
      const box = canvas.getBoundingClientRect();
      const side = Math.min(box.width, box.height) - MARGIN;
      const share = (pixels) => Math.min(1, Math.max(0, pixels / side));
      const across = share(event.clientX - box.left - MARGIN);
      this.moved(this.at(across, 1 - share(event.clientY - box.top)));
    };
    canvas.addEventListener("pointerdown", (event) => {
      dragging = true;
      canvas.setPointerCapture(event.pointerId);
      follow(event);
    });
    canvas.addEventListener("pointermove", (event) => dragging && follow(event));
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, () => (dragging = false));
    canvas.addEventListener("keydown", (event) => this.pressed(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  pressed(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1] };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const [k, sign] = steps[event.key];
    const { reach } = this.model;
    const z = [...this.z];
    const value = z[this.axes[k]] + sign * (event.shiftKey ? 0.5 : 0.1);
    z[this.axes[k]] = Math.min(reach, Math.max(-reach, value));
    this.moved(z);
  }
}
