// An image to draw on, with a round brush whose edge is as soft as that of the drawn digits.

import { paint } from "./api.js";

const RADIUS = 1.25; // of the brush, in pixels of a 28 x 28 image
const EDGE = 1.25; // pixels from full ink to none

export class Drawing {
  /** `changed()` is called after every change of `bytes` (height, width, channels); `set` returns
   * what it returns. `begun()` is called where drawing begins anew, on an empty image. */
  constructor(canvas, model, ink, changed, begun) {
    Object.assign(this, { canvas, model, ink, changed, begun });
    this.taken = false; // whether the image is somebody else's: nobody draws on that
    this.bytes = new Uint8Array(model.width * model.height * model.channels);
    this.show();
    this.listen();
  }

  show() {
    paint(this.canvas, this.bytes, this.model);
  }

  set(bytes, taken = false) {
    this.bytes = Uint8Array.from(bytes);
    this.taken = taken;
    this.show();
    return this.changed();
  }

  clear() {
    this.set(new Uint8Array(this.bytes.length));
  }

  /** A stroke covers what was there before it; where it crosses itself it does not get darker. */
  begin(x, y, erases) {
    if (this.taken && !erases) this.bytes.fill(0);
    this.taken = false;
    this.begun();
    this.before = this.bytes.slice();
    this.cover = new Float32Array(this.model.width * this.model.height);
    this.last = [x, y];
    this.line(x, y);
  }

  /** Goes on with the stroke to a place in pixels of the image. */
  line(x, y) {
    const { width, height, channels } = this.model;
    const radius = (RADIUS * width) / 28;
    const [x0, y0] = this.last;
    const [dx, dy] = [x - x0, y - y0];
    const length = dx * dx + dy * dy || 1;
    const ink = this.ink();
    for (let i = 0; i < width * height; i++) {
      const [px, py] = [(i % width) + 0.5 - x0, Math.floor(i / width) + 0.5 - y0];
      const along = Math.min(1, Math.max(0, (px * dx + py * dy) / length));
      const distance = Math.hypot(px - along * dx, py - along * dy);
      const cover = Math.min(1, Math.max(0, (radius - distance) / EDGE + 0.5));
      if (cover <= this.cover[i]) continue;
      this.cover[i] = cover;
      for (let c = 0; c < channels; c++) {
        const at = i * channels + c;
        this.bytes[at] = Math.round(this.before[at] + cover * (ink[c] - this.before[at]));
      }
    }
    this.last = [x, y];
    this.show();
    this.changed();
  }

  /** Moves the centre of mass to the middle, as MNIST's makers did. */
  centre() {
    const { width, height, channels } = this.model;
    let [mass, x, y] = [0, 0, 0];
    this.bytes.forEach((value, at) => {
      const i = Math.floor(at / channels);
      mass += value;
      x += value * ((i % width) + 0.5);
      y += value * (Math.floor(i / width) + 0.5);
    });
    if (!mass) return;
    const [dx, dy] = [Math.round(width / 2 - x / mass), Math.round(height / 2 - y / mass)];
    const moved = new Uint8Array(this.bytes.length);
    this.bytes.forEach((value, at) => {
      const i = Math.floor(at / channels);
      const [column, row] = [(i % width) + dx, Math.floor(i / width) + dy];
      if (column >= 0 && column < width && row >= 0 && row < height)
        moved[(row * width + column) * channels + (at % channels)] = value;
    });
    this.set(moved, this.taken);
  }

  /** An image file, scaled to fit; dark ink on light paper is inverted where images are grey. */
  async load(file) {
    const { width, height, channels } = this.model;
    const picture = await createImageBitmap(file);
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    const scale = Math.min(width / picture.width, height / picture.height);
    const [w, h] = [picture.width * scale, picture.height * scale];
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
    const { data } = context.getImageData(0, 0, width, height);
    const bytes = new Uint8Array(this.bytes.length);
    for (let i = 0; i < width * height; i++) {
      const rgb = [...data.subarray(4 * i, 4 * i + 3)];
      if (channels === 3) bytes.set(rgb, 3 * i);
      else bytes[i] = Math.round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]);
    }
    const mean = bytes.reduce((sum, value) => sum + value, 0) / bytes.length;
    return this.set(channels === 1 && mean > 127 ? bytes.map((value) => 255 - value) : bytes, true);
  }

  listen() {
    const { canvas, model } = this;
    let drawing = false;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [
        ((event.clientX - box.left) / box.width) * model.width,
        ((event.clientY - box.top) / box.height) * model.height,
      ];
    };
    canvas.addEventListener("pointerdown", (event) => {
      drawing = true;
      canvas.setPointerCapture(event.pointerId);
      this.begin(...place(event), this.ink().every((part) => part === 0));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drawing) return;
      // Between two frames a pen may have been at many places.
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) this.line(...place(each));
    });
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, () => (drawing = false));
  }
}
