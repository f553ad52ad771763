// q(z|x) of an image that is drawn or loaded, and its reconstruction.

import { decode, element, encode, latest, paint, testImage } from "./api.js";
import { Drawing } from "./drawing.js";
import { ink } from "./page.js";
import { randn, shown } from "./vectors.js";

const SHOWN = 12; // latents, those with the largest KL
const REACH = 3.5; // of the bars, in standard deviations of the prior

export class Encoder {
  /** `encoded(posterior)` is called with each new mu, std, kl; `go(z)` moves there. */
  constructor(page, model, data, encoded, go) {
    Object.assign(this, { page, model, data, encoded, go });
    this.drawing = new Drawing(
      page.drawing, model, ink, () => this.update(), () => this.say("drawn"));
    paint(page.reconstruction, this.drawing.bytes, model);
    this.update = latest(() => this.encode());
    page["encode-card"].hidden = false;
    if (!model.posterior) {
      page["encode-title"].textContent = "The code of an image";
      page["reconstruction-is"].textContent = "decoded from the code";
      page.sample.hidden = true;
    }
    page["colour-field"].hidden = model.channels !== 3;
    page["test-field"].hidden = data.count === 0;
    page.index.max = data.count - 1;
    this.listen();
  }

  async encode() {
    this.posterior = await encode(this.drawing.bytes);
    const [image] = await decode([this.posterior.mu], null);
    paint(this.page.reconstruction, image, this.model);
    this.show(this.posterior);
    this.encoded(this.posterior);
  }

  show({ mu, std, kl, log_p, error }) {
    if (!this.model.posterior) {
      this.page.nats.textContent = `squared error ${shown(error)}, summed over pixels`;
      return;
    }
    const total = kl.reduce((a, b) => a + b);
    this.page.nats.textContent =
      `KL(q(z|x) ‖ p(z)) = ${shown(total)}, log p(x|z=μ) = ${shown(log_p, 1)} nats`;
    const order = mu.map((_, i) => i).sort((a, b) => kl[b] - kl[a]).slice(0, SHOWN);
    const rows = order.map((i) => element("tr", {},
      element("td", {}, `z${i + 1}`),
      element("td", {}, bar(mu[i], std[i])),
      element("td", {}, `${shown(mu[i])} ± ${shown(std[i])}`),
      element("td", {}, shown(kl[i]))));
    this.page.posterior.tBodies[0].replaceChildren(...rows);
    this.page.posterior.hidden = false;
    this.page.sample.disabled = false;
  }

  /** What x is: under its picture. */
  say(what) {
    this.page["x-is"].textContent = `x: ${what}`;
  }

  async loadTestImage() {
    const { index } = this.page;
    const last = this.data.count - 1;
    const fits = index.validity.valid && index.value !== "";
    this.page["index-label"].textContent = fits ? `of 0 to ${last}` : `there are 0 to ${last}`;
    if (!fits) return;
    const bytes = await testImage(Number(index.value));
    const name = this.data.classes[this.data.labels[Number(index.value)]];
    this.say(`test image ${index.value}, ${name}`);
    await this.drawing.set(bytes, true);
  }

  async loadFile(file) {
    await this.drawing.load(file);
    this.say(file.name);
  }

  listen() {
    const { page, drawing } = this;
    page.clear.addEventListener("click", () => {
      drawing.clear();
      this.say("nothing yet");
    });
    page.centre.addEventListener("click", () => drawing.centre());
    page["file-button"].addEventListener("click", () => page.file.click());
    page.file.addEventListener("change", () => page.file.files[0] && this.loadFile(page.file.files[0]));
    page.index.addEventListener("input", () => this.loadTestImage());
    page.sample.addEventListener("click", () => {
      const { mu, std } = this.posterior;
      this.go(mu.map((value, i) => value + std[i] * randn()));
    });
  }
}

/** mu, one and two std to both sides, on one and two std of the prior. */
function bar(mu, std) {
  const span = (name, from, to) => {
    const share = (value) => Math.min(1, Math.max(0, (value / REACH + 1) / 2));
    const part = element("i", { className: name });
    part.style.left = `${100 * share(from)}%`;
    part.style.width = `${100 * (share(to) - share(from))}%`;
    return part;
  };
  return element("div", { className: "bar" },
    span("prior", -2, 2), span("prior", -1, 1),
    span("thin", mu - 2 * std, mu + 2 * std), span("thick", mu - std, mu + std),
    span("dot", mu, mu));
}
