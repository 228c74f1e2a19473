"""The stack of experiments/sweeps/batch-norm-cifar10.yaml without batch normalization, trained by Keras. usage: keras_without_batch_norm.py CIFAR_ROOT

Does it fail to learn there too? 6,000 images train for ten epochs, 3,000 judge. Needs keras, tensorflow and pillow.
"""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import glob, random, sys
import keras
import numpy as np
from keras import layers as L
from PIL import Image

keras.utils.set_random_seed(7)
root = sys.argv[1]
classes = sorted(os.listdir(f"{root}/train"))
files = [(file, index) for index, name in enumerate(classes) for file in sorted(glob.glob(f"{root}/*/{name}/*.jpg"))]
random.Random(1).shuffle(files)


def load(some):
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file, _ in some])
    return pixels.astype(np.float32) / 255, np.array([index for _, index in some])


model = keras.Sequential([keras.Input((32, 32, 3)), L.Conv2D(32, 3, padding="same", activation="relu")])
for filters in (32, 48, 48, 96):
    model.add(L.SeparableConv2D(filters, 3, padding="same", activation="relu"))
    model.add(L.MaxPooling2D(2))
for layer in (L.Flatten(), L.Dense(64, activation="relu"), L.Dense(10, activation="softmax")):
    model.add(layer)
model.compile(keras.optimizers.Adagrad(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(*load(files[:6000]), batch_size=32, epochs=10, verbose=0)
loss, accuracy = model.evaluate(*load(files[6000:9000]), verbose=0)
print(f"{model.count_params()} parameters; accuracy {accuracy:.4f}, loss {loss:.4f}")
