// The page for models that make images of an image: x, and what is made of it.

import { element, get, latest, make, paint, testImage } from "./api.js";
import { Drawing } from "./drawing.js";
import { ink, page, say } from "./page.js";

const model = await get("/api/model");

const name = (what) => (page["x-is"].textContent = `x: ${what}`);

const update = latest(async () => {
  page.working.hidden = false;
  try {
    const images = await make(drawing.bytes, Number(page.rows.value), model.made.length);
    page.made.replaceChildren(...images.map((bytes, i) => {
      const canvas = element("canvas", { className: "pixels" });
      paint(canvas, bytes, { ...model, channels: 3 });
      return element("figure", {}, canvas, element("figcaption", {}, model.made[i]));
    }));
    say("");
  } finally {
    page.working.hidden = true;
  }
});

const drawing = new Drawing(page.drawing, model, ink, update, () => name("drawn"));

async function loadTestImage() {
  const fits = page.index.validity.valid && page.index.value !== "";
  page["index-label"].textContent = `${fits ? "of" : "there are"} 0 to ${model.count - 1}`;
  if (!fits) return;
  name(`test image ${page.index.value}`);
  await drawing.set(await testImage(Number(page.index.value)), true);
}

page.name.textContent = model.name;
page.note.textContent = model.note ? `Without test images: ${model.note}.` : "";
page["colour-field"].hidden = model.channels !== 3;
page["test-field"].hidden = model.count === 0;
page["rows-field"].hidden = !model.rows;
page.index.max = model.count - 1;
page.rows.max = model.height;
page.rows.value = model.rows ? model.height / 2 : 0;

const sayRows = () => (page["rows-value"].textContent = `${page.rows.value} of ${model.height}`);
page.rows.addEventListener("input", () => {
  sayRows();
  update();
});
page.again.addEventListener("click", update);
page.index.addEventListener("input", loadTestImage);
page.clear.addEventListener("click", () => {
  drawing.clear();
  name("nothing yet");
});
page["file-button"].addEventListener("click", () => page.file.click());
page.file.addEventListener("change", async () => {
  if (!page.file.files[0]) return;
  name(page.file.files[0].name);
  await drawing.load(page.file.files[0]);
});

sayRows();
await (model.count ? loadTestImage() : update());
document.body.dataset.ready = "yes";
