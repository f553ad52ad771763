// The page: one z, and all that shows it or moves it.

import { decode, element, get, latest, paint } from "./api.js";
import { Encoder } from "./encoder.js";
import { page, say } from "./page.js";
import { COLOURS, Plane } from "./plane.js";
import { Points } from "./points.js";
import { randn, shown } from "./vectors.js";

const STRENGTH = 2; // of an attribute, to both sides

const [model, data] = await Promise.all([get("/api/model"), get("/api/data")]);
const labelled = model.classes.length > 0;
const captioned = model.caption !== "";
const prior = () => Array.from({ length: model.latent }, randn);
const dims = Array.from({ length: model.latent }, (_, i) => i);
if (data.kl && model.latent > 2) dims.sort((a, b) => data.kl[b] - data.kl[a]);

// ---- where z is: all that moves it calls `go`, which shows it everywhere ----

let z = new Array(model.latent).fill(0);
let label = labelled ? 0 : captioned ? model.caption : null;

/** Goes to a point; attributes are counted from there unless it was one of them that moved. */
function go(to, withLabel = label, byAttribute = false) {
  z = [...to];
  label = withLabel;
  if (!byAttribute) attributes.forEach((attribute) => attribute.set(0));
  if (labelled) page.label.value = label;
  if (captioned) showFaces(label);
  sliders.forEach((slider) => slider.set(z[slider.dim]));
  plane.show(z, label);
  points.setLabel(label);
  page.readout.textContent = model.latent <= 3
    ? `z = (${z.map((value) => shown(value)).join(", ")})`
    : `|z| = ${shown(Math.hypot(...z))}; from the prior about √${model.latent} = ` +
      shown(Math.sqrt(model.latent));
  decodeNow(z, label);
}

const decodeNow = latest(async (at, withLabel) => {
  const [bytes] = await decode([at], withLabel);
  paint(page.picture, bytes, model);
  say("");
});

// ---- captions ----

const FACES = 16;
let faces = []; // the same z of each, whatever the caption
let said = null;

/** Images of a caption; none of them has the z that is shown. */
function showFaces(caption) {
  page.caption.value = caption;
  if (caption === said) return;
  said = caption;
  drawFaces(caption);
}

const drawFaces = latest(async (caption) => {
  const images = await decode(faces, caption);
  page.faces.replaceChildren(...images.map((bytes, i) => {
    const canvas = element("canvas", { className: "pixels" });
    paint(canvas, bytes, model);
    const button = element("button", { className: "frame" }, canvas);
    button.setAttribute("aria-label", `go to face ${i + 1}`);
    button.addEventListener("click", () => go(faces[i]));
    return button;
  }));
});

if (captioned) {
  faces = Array.from({ length: FACES }, prior);
  page["caption-field"].hidden = page["faces-part"].hidden = false;
  page.caption.addEventListener("change", () => go(z, page.caption.value));
}

// ---- sliders ----

/** A row with a name, a slider and its value. */
function slider(parent, name, hint, reach, moved) {
  const input = element("input", { type: "range", min: -reach, max: reach, step: 0.01, value: 0 });
  const value = element("output", { className: "numbers" });
  const text = element("span", { title: hint }, name);
  parent.append(element("label", {}, text, input, value));
  const set = (to) => {
    input.value = to;
    value.textContent = shown(to);
    // Filled from 0, which is in the middle, to where it stands.
    const share = 50 * (1 + Math.max(-1, Math.min(1, to / reach)));
    input.style.setProperty("--from", `${Math.min(50, share)}%`);
    input.style.setProperty("--to", `${Math.max(50, share)}%`);
  };
  set(0);
  const move = (to) => {
    set(to);
    moved(to);
  };
  input.addEventListener("input", () => move(Number(input.value)));
  input.addEventListener("keydown", (event) => {
    const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!sign) return;
    event.preventDefault();
    const to = Number(input.value) + sign * (event.shiftKey ? 0.5 : 0.1);
    move(Math.max(-reach, Math.min(reach, to)));
  });
  return { set };
}

const sliders = dims.map((dim) => {
  const hint = data.kl ? `${data.kl[dim].toFixed(2)} nats of KL` : "";
  const moved = (value) => go(z.map((old, i) => (i === dim ? value : old)));
  return { dim, ...slider(page.latents, `z${dim + 1}`, hint, model.reach, moved) };
});
page["latents-order"].textContent = data.kl && model.latent > 2 ? "by their KL" : "";

const attributes = data.attributes.map(({ name, images, direction }) => {
  let strength = 0;
  const hint = `${images} of ${data.count} test images`;
  const { set } = slider(page.attributes, name, hint, STRENGTH, (value) => {
    const more = value - strength;
    strength = value;
    go(z.map((old, i) => old + more * direction[i]), label, true);
  });
  return { set: (value) => set((strength = value)) };
});
page["attributes-part"].hidden = attributes.length === 0;

// ---- the plane ----

const plane = new Plane(page.plane, model, data, (to) => go(to));
plane.axes = model.latent > 1 ? [dims[0], dims[1]] : [0, 0];
page.axes.hidden = model.latent <= 2;
["across", "up"].forEach((side, k) => {
  const options = dims.map((dim) => element("option", { value: dim }, `z${dim + 1}`));
  page[side].replaceChildren(...options);
  page[side].value = plane.axes[k];
  page[side].addEventListener("change", () => {
    plane.axes[k] = Number(page[side].value);
    describePlane();
    plane.show(z, label);
  });
});
function describePlane() {
  const [across, up] = plane.axes.map((i) => `z${i + 1}`);
  page.plane.setAttribute("aria-label", `the plane of ${across} and ${up}`);
}
describePlane();
page["show-images"].addEventListener("change", () => {
  plane.showImages = page["show-images"].checked;
  plane.key = null;
  plane.show(z, label);
});
page["codes-field"].hidden = data.count === 0;
page["show-codes"].checked = model.latent === 2; // of more, two are not the whole of a code
function showCodes() {
  plane.showCodes = page["show-codes"].checked;
  page.legend.hidden = !plane.showCodes;
  plane.draw();
}
page["show-codes"].addEventListener("change", showCodes);
showCodes();
/** A click on a class lights its codes alone, another all of them again. */
function light(label) {
  plane.lit = plane.lit === label ? null : label;
  [...page.legend.children].forEach((item, i) =>
    item.firstChild.setAttribute("aria-pressed", plane.lit === i));
  plane.draw();
}
(data.classes ?? []).forEach((name, i) => {
  const dot = element("i");
  dot.style.background = COLOURS[i % COLOURS.length];
  const button = element("button", { title: `show ${name} alone` }, dot, name);
  button.setAttribute("aria-pressed", false);
  button.addEventListener("click", () => light(i));
  page.legend.append(element("li", {}, button));
});

// ---- the rest ----

const points = new Points(page, model, (to, withLabel) => go(to, withLabel));
const encoded = (posterior) => {
  plane.posterior = posterior;
  go(posterior.mu);
};
const encoder = model.encodes && new Encoder(page, model, data, encoded, (to) => go(to));
if (!encoder) page["last-column"].remove();

model.classes.forEach((name, i) => page.label.append(element("option", { value: i }, name)));
page["label-field"].hidden = !labelled;
page.label.addEventListener("change", () => go(z, Number(page.label.value)));
page.random.addEventListener("click", () => go(prior()));
page.reset.addEventListener("click", () => go(z.map(() => 0)));
page.save.addEventListener("click", async () => {
  const [at, withLabel] = [z, label]; // the picture may still be that of an earlier z
  const [image] = await decode([at], withLabel);
  points.add(at, withLabel, image);
});

// Another hand on the page ends the animation.
for (const event of ["pointerdown", "keydown"])
  document.addEventListener(event, ({ target }) => target !== page.play && points.stop());

page.name.textContent = `${model.name}, ${model.latent} latents`;
page.note.textContent = data.note ? `Without test images: ${data.note}.` : "";

/** The points of before a reload, or three to begin with: codes of test images of three classes, or
 * three from the prior. */
async function begin() {
  const kept = await points.restore(`${model.name}, ${model.latent}`);
  const firsts = data.count
    ? [0, 1, 2].map((c) => data.labels.indexOf(c)).filter((i) => i >= 0).map((i) => data.codes[i])
    : [prior(), prior(), prior()];
  if (!kept) {
    const images = await decode(firsts, label);
    firsts.forEach((first, i) => points.add(first, label, images[i]));
  }
  go(firsts[0]);
  if (data.count && encoder) await encoder.loadTestImage();
  document.body.dataset.ready = "yes";
}
await begin();
