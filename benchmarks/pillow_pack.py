"""Packs images as `runner` does, in Pillow with one process a core. usage: pillow_pack.py LIST OUT (LIST: one path a line)"""
import json, multiprocessing, sys, time
import numpy as np
from PIL import Image


def decode(path):
    return np.asarray(Image.open(path).convert("RGB").resize((48, 48), Image.BILINEAR), np.uint8)


if __name__ == "__main__":
    paths = open(sys.argv[1]).read().split("\n")
    processes = multiprocessing.cpu_count()
    started = time.perf_counter()
    pack = np.memmap(sys.argv[2], np.uint8, "w+", shape=(len(paths), 48, 48, 3))
    with multiprocessing.Pool(processes) as pool:
        for row, image in enumerate(pool.imap(decode, paths, chunksize=64)):
            pack[row] = image
    pack.flush()
    seconds = time.perf_counter() - started
    print(json.dumps(dict(peer="pillow", processes=processes, images=len(paths), seconds=seconds)))
