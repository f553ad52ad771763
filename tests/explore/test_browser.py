"""The explorer's page in a real browser."""

import re
from collections.abc import Iterator

import numpy as np
import pytest

from demos import gan
from demos.explore import examples
from demos.explore.api import API
from demos.explore.opening import opened
from demos.explore.server import Server
from tests.explore.browser import (
    ARROW_DOWN,
    ARROW_RIGHT,
    END,
    GREY,
    HOME,
    SHIFT,
    Browser,
    as_text,
    opened_page,
    picture,
    wait_for_picture,
)
from tests.explore.serving import save_autoencoder, save_gan, save_text, save_vae, serving

pytestmark = pytest.mark.slow


# ---- the page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def api(tmp_path_factory) -> API:
    """A VAE that has not learned anything, but whose pictures differ: its weights are large."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(examples, "COUNT", 100)
        found = opened(save_vae(tmp_path_factory.mktemp("vae"), "--latent", "2"))
    for parameter in found.generator.model.decoder.parameters():
        parameter.data *= 4
    return found


@pytest.fixture(scope="module")
def served(api) -> Iterator[Server]:
    with serving(api) as found:
        yield found


@pytest.fixture
def page(browser, served) -> Iterator[Browser]:
    with opened_page(browser, served.url) as found:
        yield found


def z_shown(page: Browser) -> list[float]:
    text = page.run("return document.getElementById('readout').textContent")
    return [float(number) for number in re.findall(r"-?[\d.]+", text.replace("−", "-"))]


def wait_for_frames(page: Browser) -> None:
    """Waits for five frames of an animation."""
    page.run("window.shown = 0; const f = () => { shown++; requestAnimationFrame(f); }; f();")
    page.wait("window.shown > 5")


def wait_for_z(page: Browser, *z: float) -> None:
    text = f"z = ({', '.join(f'{value:.2f}' for value in z)})".replace("-", "−")
    assert page.wait("document.getElementById('readout').textContent === args[0]", text)


def test_the_picture_follows_a_drag_over_the_plane(page):
    page.run("""
        window.pictures = new Set();
        const put = CanvasRenderingContext2D.prototype.putImageData;
        CanvasRenderingContext2D.prototype.putImageData = function (image, ...at) {
          if (this.canvas.id === "picture") window.pictures.add(image.data.join());
          put.call(this, image, ...at);
        };""")
    page.drag("#plane", (0.3, 0.7), (0.4, 0.6), (0.5, 0.5), (0.6, 0.3), (0.8, 0.2))
    page.wait("window.pictures.size >= 3")
    z1, z2 = z_shown(page)
    assert 1 < z1 < 3 and 1 < z2 < 3
    page.drag("#plane", (0.8, 0.2), (0.2, 0.2))
    assert z_shown(page)[0] < -1
    assert z_shown(page)[1] == pytest.approx(z2, abs=0.02)


def test_a_drag_beyond_the_edge_stays_on_the_plane(page, api):
    page.drag("#plane", (0.5, 0.5), (1.2, -0.1))
    wait_for_z(page, 3, 3)
    wait_for_picture(page, api.decode({"z": [[3, 3]]}))


def test_the_plane_by_keys(page, api):
    page.click("#reset")
    wait_for_z(page, 0, 0)
    page.keys("#plane", ARROW_RIGHT * 3 + SHIFT + ARROW_DOWN)
    wait_for_z(page, 0.3, -0.5)
    wait_for_picture(page, api.decode({"z": [[0.3, -0.5]]}))


def test_the_plane_shows_what_is_decoded_there(page, api):
    """The images in its corners are those of the centres of the first and the last 15ths."""
    page.click("#show-codes")
    page.click("#reset")
    corners = page.wait("""
        (() => {
          const plane = document.getElementById("plane");
          const copy = new OffscreenCanvas(plane.width, plane.height);
          const context = copy.getContext("2d", {willReadFrequently: true});
          context.drawImage(plane, 0, 0);
          const [side, size] = [plane.width - 26, (plane.width - 26) / 15];
          const cells = [[0, 0], [14, 0], [0, 14], [14, 14]].map(([x, y]) => {
            const at = [Math.round(26 + x * size), Math.round(y * size), Math.floor(size)];
            return [...context.getImageData(...at, at[2]).data].filter((_, i) => i % 4 === 0);
          });
          return cells.every((cell) => cell.some((value) => value < 200)) && cells;
        })()""")
    z = 3 * 14 / 15
    zs = [(-z, z), (z, z), (-z, -z), (z, -z)]
    expected = np.frombuffer(api.decode({"z": zs}), np.uint8).reshape(4, 784)
    size = round(len(corners[0]) ** 0.5)
    pixel = (np.arange(28) + 0.5) * size // 28
    seen = np.reshape(corners, (4, size, size))[:, pixel.astype(int)][:, :, pixel.astype(int)]
    alike = np.corrcoef(seen.reshape(4, 784), expected)[:4, 4:]
    assert alike.argmax(1).tolist() == [0, 1, 2, 3], alike.round(2)
    assert alike.diagonal().min() > 0.7, alike.round(2)


def test_a_slider(page, api):
    page.click("#reset")
    page.keys("#latents label:nth-child(2) input", END)
    wait_for_z(page, 0, 3)
    wait_for_picture(page, api.decode({"z": [[0, 3]]}))
    page.keys("#latents label:nth-child(1) input", HOME + ARROW_RIGHT)
    wait_for_z(page, -2.9, 3)


def test_an_attribute_moves_the_code_along_its_direction(page, api):
    page.click("#reset")
    page.keys("#attributes label:nth-child(4) input", END)
    direction = api.shown.attributes[3].direction
    wait_for_z(page, *(2 * direction).tolist())
    page.keys("#attributes label:nth-child(4) input", HOME)
    wait_for_z(page, *(-2 * direction).tolist())
    page.click("#reset")
    value = "return document.querySelector('#attributes label:nth-child(4) output').textContent"
    assert page.run(value) == "0.00"


def test_interpolation(page):
    first, second = (picture(page, f"#points li:nth-child({i}) canvas") for i in (1, 2))
    assert first != second
    page.keys("#t", END)
    wait_for_picture(page, bytes(second))
    page.keys("#t", HOME)
    wait_for_picture(page, bytes(first))
    page.click("#play")
    page.wait("Number(document.getElementById('t').value) > 0.1")
    assert picture(page) not in (first, second)
    page.drag("#plane", (0.3, 0.7))  # another hand
    wait_for_frames(page)
    z = z_shown(page)
    wait_for_frames(page)
    assert z_shown(page) == z
    assert page.run("return document.getElementById('play').textContent") == "Play"
    page.click("#strip button:nth-child(9)")
    wait_for_picture(page, bytes(second))
    assert picture(page, "#strip button:nth-child(1) canvas") == first


def test_arithmetic_with_saved_points(page, api):
    zs = []
    for i in (1, 2, 3):
        page.click(f"#points li:nth-child({i}) .thumbnail")
        wait_for_picture(page, bytes(picture(page, f"#points li:nth-child({i}) canvas")))
        zs.append(z_shown(page))
    page.click("#go")
    expected = np.array(zs[0]) - zs[1] + zs[2]
    assert z_shown(page) == pytest.approx(expected.tolist(), abs=0.021)
    wait_for_picture(page, bytes(picture(page, "#equation figure:last-child canvas")))


def test_points_are_saved_and_removed(page, api):
    page.click("#reset")
    page.click("#save")
    assert page.wait("document.querySelectorAll('#points li').length === 4")
    expected = api.decode({"z": [[0, 0]]})
    wait_for_picture(page, expected, "#points li:nth-child(4) canvas")
    page.run("document.getElementById('slot-b').value = '#4'")
    page.run("document.getElementById('slot-b').dispatchEvent(new Event('change'))")
    wait_for_picture(page, expected, "#strip button:nth-child(9) canvas")
    for left in (3, 2, 1, 0):
        page.click("#points li:nth-child(1) .remove")
        assert page.run("return document.querySelectorAll('#points li').length") == left
    assert page.run("return document.getElementById('play').disabled")


def test_points_survive_a_reload(page, browser, served, api):
    page.click("#reset")
    page.click("#save")
    assert page.wait("document.querySelectorAll('#points li').length === 4")
    browser.open(served.url)
    assert page.wait("document.querySelectorAll('#points li').length === 4")
    wait_for_picture(page, api.decode({"z": [[0, 0]]}), "#points li:nth-child(4) canvas")
    assert page.wait("document.body.dataset.ready") == "yes"


def test_a_class_is_lit_from_the_legend(page):
    pressed = "return [...document.querySelectorAll('#legend button')].map((b) => b.ariaPressed)"
    page.click("#legend li:nth-child(4) button")
    assert [i for i, each in enumerate(page.run(pressed)) if each == "true"] == [3]
    page.click("#legend li:nth-child(4) button")
    assert "true" not in page.run(pressed)


def test_a_number_out_of_range_is_told(page):
    page.run("document.getElementById('index').value = 100")
    page.run("document.getElementById('index').dispatchEvent(new Event('input'))")
    said = "document.getElementById('index-label').textContent"
    assert page.wait(said) == "there are 0 to 99"


def test_drawing_begins_on_an_empty_image(page):
    """And not on the test image that was there."""
    page.run("document.getElementById('index').value = 7")
    page.run("document.getElementById('index').dispatchEvent(new Event('input'))")
    is_now = "document.getElementById('x-is').textContent"
    page.wait(f"{is_now}.startsWith('x: test image 7, ')")
    page.drag("#drawing", (0.1, 0.1), (0.2, 0.1))
    assert page.wait(f"{is_now} === 'x: drawn'")
    seen = np.array(picture(page, "#drawing")).reshape(28, 28)
    assert seen.max() == 255 and not seen[8:].any()


def test_a_drawn_digit_is_encoded(page, api):
    page.click("#clear")
    page.drag("#drawing", (0.3, 0.25), (0.7, 0.25), (0.45, 0.8))
    page.wait("document.getElementById('nats').textContent")
    pixels = picture(page, "#drawing")
    assert max(pixels) == 255 and 40 < np.count_nonzero(pixels) < 300
    expected = api.encode({"pixels": pixels})
    mu, std = expected["mu"], expected["std"]
    wait_for_z(page, *mu)
    assert page.wait(f"({GREY})('#reconstruction') === ({GREY})('#picture')")
    text = f"KL(q(z|x) ‖ p(z)) = {sum(expected['kl']):.2f}, log p(x|z=μ) = {expected['log_p']:.1f}"
    shown = page.run("return document.getElementById('nats').textContent")
    assert shown == f"{text} nats".replace("-", "−")
    rows = page.run("return document.querySelector('#posterior tbody').innerText")
    for i in (0, 1):
        assert f"{mu[i]:.2f} ± {std[i]:.2f}".replace("-", "−") in rows
    page.click("#centre")
    moved = np.array(picture(page, "#drawing")).reshape(28, 28)
    places = (np.indices((28, 28)) + 0.5).reshape(2, -1) @ moved.ravel() / moved.sum()
    assert places == pytest.approx([14, 14], abs=0.51)
    page.click("#sample")
    assert z_shown(page) != pytest.approx(mu, abs=0.001)


def test_a_test_image_is_encoded(page, api):
    page.run("document.getElementById('index').value = 7")
    page.run("document.getElementById('index').dispatchEvent(new Event('input'))")
    wait_for_picture(page, api.shown.images.images[7].tobytes(), "#drawing")
    wait_for_z(page, *api.shown.mu[7].tolist())


def test_an_image_file_is_encoded(page, tmp_path):
    """Dark ink on white paper, of another size."""
    from PIL import Image

    paper = np.full((140, 140), 255, np.uint8)
    paper[20:120, 60:80] = 0
    Image.fromarray(paper).save(tmp_path / "digit.png")
    page.keys("#file", str(tmp_path / "digit.png"))
    page.wait(f"JSON.parse(({GREY})('#drawing'))[0] === 0")
    seen = np.array(picture(page, "#drawing")).reshape(28, 28)
    assert (seen[5:23, 13:15] > 200).all()
    assert (seen[:, :10] < 10).all() and (seen[:, 18:] < 10).all()


def test_a_gan_with_labels(browser, tmp_path):
    api = opened(save_gan(tmp_path, gan, "--hidden", "8"))
    with serving(api) as served, opened_page(browser, served.url) as page:
        assert page.run("return document.getElementById('encode-card')") is None
        page.click("#reset")
        wait_for_picture(page, api.decode({"z": [[0] * 3], "label": 0}))
        page.keys("#label", "7")
        wait_for_picture(page, api.decode({"z": [[0] * 3], "label": 7}))
        page.keys("#across", "z3")
        page.keys("#plane", ARROW_RIGHT)
        wait_for_picture(page, api.decode({"z": [[0, 0, 0.1]], "label": 7}))


def test_a_caption_is_typed_and_sixteen_faces_seen(browser, tmp_path):
    api = opened(save_text(tmp_path))
    count = "document.querySelectorAll('#faces canvas').length"
    with serving(api) as served, opened_page(browser, served.url) as page:
        page.click("#reset")
        assert page.wait(f"{count} === 16")
        example = api.decode({"z": [[0] * 32], "label": api.generator.caption})
        wait_for_picture(page, example[::3])
        before = picture(page, "#faces button:nth-child(3) canvas")
        type_caption(page, "a sad man")
        wait_for_picture(page, api.decode({"z": [[0] * 32], "label": "a sad man"})[::3])
        page.wait(f"({GREY})('#faces button:nth-child(3) canvas') !== args[0]", as_text(before))
        third = bytes(picture(page, "#faces button:nth-child(3) canvas"))
        page.click("#faces button:nth-child(3)")
        wait_for_picture(page, third)
        type_caption(page, "a purple cow")
        problem = "document.getElementById('problem').textContent"
        assert page.wait(f"{problem}.startsWith('no word of a caption: cow')")
        type_caption(page, "a sad man")
        assert page.wait("document.getElementById('problem').hidden")
        page.log()  # the answer to what nobody understands


def type_caption(page: Browser, text: str) -> None:
    field = "document.getElementById('caption')"
    page.run(f"{field}.value = arguments[0]; {field}.dispatchEvent(new Event('change'))", text)


def test_an_autoencoder(browser, tmp_path):
    api = opened(save_autoencoder(tmp_path))
    error = api.encode({"pixels": list(api.image({"index": 0}))})["error"]
    text = "return document.getElementById(arguments[0]).textContent"
    with serving(api) as served, opened_page(browser, served.url) as page:
        wait_for_z(page, *api.shown.mu[0].tolist())
        assert page.run(text, "encode-title") == "The code of an image"
        assert page.run(text, "nats") == f"squared error {error:.2f}, summed over pixels"
        assert page.wait(f"({GREY})('#reconstruction') === ({GREY})('#picture')")


def test_a_phone_and_a_dark_room(page):
    colours = set()
    for width, scheme in ((390, "light"), (390, "dark"), (1360, "dark"), (800, "light")):
        page.screen(width, 844, prefers_color_scheme=scheme)
        wide = page.run("return document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} pixels wide on a screen of {width}"
        colours.add(page.run("return getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2


def test_a_server_that_does_not_answer_is_said_so(browser, served):
    browser.open(served.url)
    browser.wait("document.body.dataset.ready")
    browser.run("window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))")
    browser.click("#reset")
    message = "document.getElementById('problem').textContent"
    assert browser.wait(message) == "the server does not answer: has it been stopped?"
    browser.open(served.url)
    browser.wait("document.body.dataset.ready")
    browser.run("""
        const ask = window.fetch;
        window.fetch = (path, how) => ask("/api/decode", {...how, body: '{"z": 1}'});""")
    browser.click("#reset")
    assert browser.wait(message).startswith("z must be 1 to 512 rows of 2 numbers")
    assert browser.run("return document.getElementById('problem').checkVisibility()")
    browser.log()
