"""Unpacks what scripts/proof/pack made, with nothing but Python, NumPy and Pillow.

usage: unpack.py PROOF_FOLDER INTO

INTO/bin/node, INTO/runner/ (dist, node_modules, addon, lowered programs), and INTO/images/: pack.u8 (rows of pixels) and labels.i32.
Every file and the unpacked pixels are compared with the hashes of manifest.json.
"""

import hashlib
import io
import json
import lzma
import shutil
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image


def read_checked(folder, name, known):
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != known["sha256"]:
        raise RuntimeError(f"{name} is not the file that was packed")
    return content


def unpack_node(content, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(lzma.decompress(content))
    target.chmod(0o755)


def unpack_runtime(content, target):
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:xz") as archive:
        archive.extractall(target, filter="data")


def rows_of_picture(content, count, columns, size):
    """[count, height, width, channels] of patches that stand beside each other, row by row."""
    height, width, channels = size
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    rows = picture.shape[0] // height
    return picture.reshape(rows, height, columns, width, channels).swapaxes(1, 2).reshape(-1, height, width, channels)[:count]


def unpack_images(content, images, target):
    """`images` is the manifest's: the patients in the pack's order with their counts, columns of a picture, size, labels, hash of all."""
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        pictures = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}
    work = [(pictures[f"{name}.webp"], count, images["columns"], images["size"]) for name, count in images["patients"]]
    with ThreadPoolExecutor() as pool:
        pixels = np.concatenate(list(pool.map(lambda each: rows_of_picture(*each), work)))
    if hashlib.sha256(pixels.tobytes()).hexdigest() != images["sha256"]:
        raise RuntimeError("the images are not those that were packed")
    pixels.tofile(target / "pack.u8")
    np.asarray(images["labels"], np.int32).tofile(target / "labels.i32")


def unpack(folder, into):
    manifest = json.loads((folder / "manifest.json").read_text())
    files = manifest["files"]
    # Node is the largest: it unpacks beside the rest.
    with ThreadPoolExecutor() as pool:
        jobs = [
            pool.submit(lambda: unpack_node(read_checked(folder, "node.xz", files["node.xz"]), into / "bin/node")),
            pool.submit(lambda: unpack_runtime(read_checked(folder, "runtime.tar.xz", files["runtime.tar.xz"]), into / "runner")),
            pool.submit(lambda: unpack_images(read_checked(folder, "images.tar", files["images.tar"]), manifest["images"], into / "images")),
        ]
        for job in jobs:
            job.result()
    return manifest


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    into = Path(sys.argv[2])
    shutil.rmtree(into, ignore_errors=True)
    unpack(Path(sys.argv[1]), into)


if __name__ == "__main__":
    main()
