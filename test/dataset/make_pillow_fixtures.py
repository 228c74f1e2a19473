"""Writes fixtures/pillow.json: small images of many forms, and what Pillow makes of them.

    python test/dataset/make_pillow_fixtures.py      # made with Pillow 13.0.0, numpy

A case has the bytes of a file, the size and channels it is brought to, and the pixels: `convert`, then `resize` with BILINEAR. Pillow 13 resizes
rows first where that is cheaper; earlier ones always resize columns first, as runner does. So both steps are taken one at a time here.
"""

import base64
import io
import json
import pathlib

import numpy as np
from PIL import Image

RANDOM = np.random.default_rng(11)


def draw(width, height, channels):
    """Noise over a slope, so that no filter of PNG and no weight of the resize is idle."""
    slope = np.add.outer(np.arange(height) * 3, np.arange(width) * 2)[..., None]
    noise = RANDOM.integers(0, 120, (height, width, channels))
    pixels = np.clip(slope + noise, 0, 255).astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def encode(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def case(name, file, width, height, channels):
    image = Image.open(io.BytesIO(file)).convert("L" if channels == 1 else "RGB")
    columns = image.resize((width, image.height), Image.BILINEAR)
    pixels = np.asarray(columns.resize((width, height), Image.BILINEAR))
    text = lambda data: base64.b64encode(data).decode()
    return {
        "name": name,
        "file": text(file),
        "size": {"width": width, "height": height, "channels": channels},
        "pixels": text(pixels.tobytes()),
    }


def main():
    colour = Image.fromarray(draw(50, 50, 3))
    grey = Image.fromarray(draw(20, 22, 1))
    alpha = Image.fromarray(draw(17, 13, 4))
    grey_alpha = Image.merge("LA", [Image.fromarray(draw(9, 12, 1)) for _ in range(2)])
    palette = Image.fromarray(draw(16, 16, 3)).quantize(16)
    cases = [
        case("a patch made smaller", encode(colour), 48, 48, 3),
        case("a patch as it is", encode(Image.fromarray(draw(12, 12, 3))), 12, 12, 3),
        case("a patch in grey", encode(colour), 24, 24, 1),
        case("a cut patch made larger", encode(Image.fromarray(draw(42, 50, 3))), 48, 48, 3),
        case("a strip of one row", encode(Image.fromarray(draw(50, 2, 3))), 16, 16, 3),
        case("grey made colour", encode(grey), 12, 12, 3),
        case("grey stays grey", encode(grey), 31, 7, 1),
        case("alpha is dropped", encode(alpha), 8, 8, 3),
        case("grey with alpha", encode(grey_alpha), 8, 8, 3),
        case("a palette", encode(palette), 8, 8, 3),
        case("far smaller", encode(Image.fromarray(draw(90, 61, 3))), 5, 4, 3),
    ]
    path = pathlib.Path(__file__).with_name("fixtures") / "pillow.json"
    path.write_text(json.dumps(cases, indent=1) + "\n")


main()
