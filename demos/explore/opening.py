"""What answers for a run: latents to explore, or images to make others of."""

from pathlib import Path

from demos.common.run import CommandError
from demos.explore import checkpoint, examples, images
from demos.explore.api import API, ENCODERS
from demos.explore.checkpoint import AutoencoderGenerator
from demos.explore.images import ImageAPI


def opened(path: Path, data_dir: str | None = None) -> API | ImageAPI:
    """What answers for a run. Raises CommandError as `checkpoint.load` does, and for an autoencoder
    without test images, which alone say where its codes lie."""
    saved, file = checkpoint.read(path)
    with checkpoint.fitting(file):
        maker, args = images.maker_of(saved)
    if maker:
        try:
            return ImageAPI(maker, examples.read(args, data_dir))
        except (OSError, ValueError) as error:
            return ImageAPI(maker, note=str(error))
    generator, args = checkpoint.load(path)
    if not isinstance(generator, ENCODERS):
        return API(generator)
    try:
        shown = examples.read(args, data_dir)
    except (OSError, ValueError) as error:
        if isinstance(generator, AutoencoderGenerator) and not generator.adversarial:
            reason = "only test images say where an autoencoder's codes lie"
            raise CommandError(f"{reason}: {error}") from error
        return API(generator, note=str(error))
    return API(generator, examples.encoded(generator, shown))
