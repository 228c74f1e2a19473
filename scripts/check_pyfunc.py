"""Does a run's model, loaded with MLflow's pyfunc, say of images what the run's predictions.csv says? usage: check_pyfunc.py RUN_FOLDER IMAGES [MODEL]

IMAGES is the root of the run's data set, MODEL what mlflow.pyfunc.load_model takes: `models:/m-…` (with MLFLOW_TRACKING_URI) or a folder; without it
the run's own model/. Images are read with Pillow and brought to the size that preprocessing.json names, as a user would. Prints the largest
difference; exit code 1 where one is beyond 1e-5. Needs mlflow, tensorflow, numpy and Pillow.
"""
import csv, json, os, sys
from collections import Counter
import mlflow, numpy as np
from PIL import Image

folder, root, *rest = sys.argv[1:]
model = rest[0] if rest else f"{folder}/model"
facts = json.load(open(f"{folder}/model/preprocessing.json"))
size, classes, positive, threshold = (facts[key] for key in ("image", "classes", "positive", "threshold"))
rows = list(csv.DictReader(open(f"{folder}/predictions.csv", newline="")))


def pixels(path):
    image = Image.open(os.path.join(root, path)).convert("RGB" if size["channels"] == 3 else "L")
    # One axis at a time: Pillow's order of the two depends on its version.
    image = image.resize((size["width"], image.height), Image.BILINEAR).resize((size["width"], size["height"]), Image.BILINEAR)
    return np.asarray(image, np.uint8).reshape(size["height"], size["width"], size["channels"])


loaded = mlflow.pyfunc.load_model(model)
batches = [rows[start : start + 256] for start in range(0, len(rows), 256)]
ours = np.concatenate([loaded.predict(np.stack([pixels(row["path"]) for row in batch])) for batch in batches])
theirs = np.array([[float(row[f"p_{name}"]) for name in classes] for row in rows])
difference = np.abs(ours - theirs).max(1)
if positive is None:
    called, said = ours.argmax(1), theirs.argmax(1)
else:
    called, said = (p[:, classes.index(positive)] >= threshold for p in (ours, theirs))
splits = ", ".join(f"{count:,} of {split}" for split, count in Counter(row["split"] for row in rows).items())
worst = int(difference.argmax())
print(f"{len(rows):,} images ({splits}) of {classes}; the largest difference is {difference[worst]:.3g} ({rows[worst]['path']})")
print(f"called otherwise than by predictions.csv: {int((called != said).sum())}")
sys.exit(0 if difference[worst] <= 1e-5 else 1)
