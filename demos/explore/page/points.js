// Saved points: thumbnails, the way from A to B, and A − B + C.

import { decode, element, latest, paint } from "./api.js";
import { between, shown, sum } from "./vectors.js";

const STEPS = 9; // images on the way
const SECONDS = 4; // from A to B

export class Points {
  /** `page` has the elements by id; `go(z, label)` moves to a point. */
  constructor(page, model, go) {
    Object.assign(this, { page, model, go });
    this.points = []; // {name, z, label, bytes}
    this.count = 0;
    this.label = null;
    this.slots = { a: null, b: null, c: null };
    this.update = latest(() => this.decodeAll());
    for (const slot of ["a", "b", "c"])
      page[`slot-${slot}`].addEventListener("change", (event) => {
        this.slots[slot] = this.points.find((p) => p.name === event.target.value);
        this.update();
      });
    page.path.addEventListener("change", () => this.update());
    page.t.addEventListener("input", () => this.goTo(Number(page.t.value)));
    page.play.addEventListener("click", () => (this.playing ? this.stop() : this.play()));
    page.go.addEventListener("click", () => this.slots.c && this.go(this.sum(), this.label));
  }

  /** Keeps a point; the first ones become A, B and C. */
  add(z, label, bytes) {
    const point = { name: `#${++this.count}`, z: [...z], label, bytes };
    this.points.push(point);
    for (const slot of ["a", "b", "c"]) this.slots[slot] ??= this.unused();
    this.keep();
    this.list();
    this.update();
  }

  /** The points that this page had before it was loaded again; whether there were any. */
  async restore(key) {
    this.key = key;
    const kept = JSON.parse(sessionStorage.getItem(key) ?? "[]");
    for (const { z, label } of kept) {
      const [bytes] = await decode([z], label);
      this.add(z, label, bytes);
    }
    return kept.length > 0;
  }

  keep() {
    const kept = this.points.map(({ z, label }) => ({ z, label }));
    sessionStorage.setItem(this.key, JSON.stringify(kept));
  }

  unused() {
    return this.points.find((p) => !Object.values(this.slots).includes(p)) ?? null;
  }

  remove(point) {
    this.points = this.points.filter((p) => p !== point);
    for (const slot of ["a", "b", "c"])
      if (this.slots[slot] === point) this.slots[slot] = this.unused() ?? this.points[0] ?? null;
    this.keep();
    this.list();
    this.update();
  }

  /** Shows thumbnails, and what A, B and C can be. */
  list() {
    const thumbnails = this.points.map((point) => {
      const canvas = element("canvas", { className: "pixels" });
      paint(canvas, point.bytes, this.model);
      const show = element("button", { className: "thumbnail" }, canvas, point.name);
      show.setAttribute("aria-label", `go to point ${point.name}`);
      show.addEventListener("click", () => this.go(point.z, point.label));
      const remove = element("button", { className: "remove", title: "remove" }, "×");
      remove.setAttribute("aria-label", `remove point ${point.name}`);
      remove.addEventListener("click", () => this.remove(point));
      return element("li", {}, show, remove);
    });
    this.page.points.replaceChildren(...thumbnails);
    for (const [slot, chosen] of Object.entries(this.slots)) {
      const options = this.points.map((p) => element("option", { value: p.name }, p.name));
      this.page[`slot-${slot}`].replaceChildren(...options);
      this.page[`slot-${slot}`].value = chosen?.name ?? "";
    }
    const two = Boolean(this.slots.a && this.slots.b);
    this.page.play.disabled = this.page.t.disabled = !two;
    this.page.go.disabled = !(two && this.slots.c);
  }

  // ---- from A to B ----

  way(t) {
    return between(this.slots.a.z, this.slots.b.z, t, this.page.path.value);
  }

  goTo(t) {
    this.page.t.value = t;
    this.page["t-value"].textContent = shown(t);
    this.go(this.way(t), this.label);
  }

  play() {
    const begin = performance.now() - Number(this.page.t.value) * SECONDS * 1000;
    this.page.play.textContent = "Stop";
    const frame = (now) => {
      const share = (Math.max(0, now - begin) / 1000 / SECONDS) % 2;
      this.goTo(share <= 1 ? share : 2 - share); // there and back
      this.playing = requestAnimationFrame(frame);
    };
    this.playing = requestAnimationFrame(frame);
  }

  stop() {
    cancelAnimationFrame(this.playing);
    this.playing = null;
    this.page.play.textContent = "Play";
  }

  // ---- what is decoded ----

  sum() {
    const { a, b, c } = this.slots;
    return sum(sum(a.z, b.z, -1), c.z);
  }

  /** Another label: the strip and the sum are decoded with it. */
  setLabel(label) {
    if (label === this.label) return;
    this.label = label;
    this.update();
  }

  async decodeAll() {
    const { a, b, c } = this.slots;
    if (!a || !b) {
      this.stop();
      this.page.strip.replaceChildren();
      this.page.equation.replaceChildren("Save two points, or three for A − B + C.");
      return;
    }
    const ts = Array.from({ length: STEPS }, (_, i) => i / (STEPS - 1));
    const zs = ts.map((t) => this.way(t));
    const images = await decode(c ? [...zs, this.sum()] : zs, this.label);
    this.page.strip.replaceChildren(...ts.map((t, i) => {
      const button = element("button", { className: "frame" }, this.picture(images[i]));
      button.setAttribute("aria-label", `${Math.round(100 * t)} % of the way from A to B`);
      button.addEventListener("click", () => this.goTo(t));
      return button;
    }));
    if (!c) return;
    const terms = [["A", a.bytes], ["−"], ["B", b.bytes], ["+"], ["C", c.bytes], ["="]];
    terms.push(["A − B + C", images[STEPS]]);
    this.page.equation.replaceChildren(...terms.map(([text, bytes]) =>
      bytes
        ? element("figure", {}, this.picture(bytes), element("figcaption", {}, text))
        : element("span", { className: "sign" }, text)));
  }

  picture(bytes) {
    const canvas = element("canvas", { className: "pixels" });
    paint(canvas, bytes, this.model);
    return canvas;
  }
}
