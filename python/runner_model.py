"""Loads a SavedModel that runner wrote: what mlflow.pyfunc.load_model calls. Needs TensorFlow and NumPy, not Keras."""

import numpy
import tensorflow


class RunnerModel:
    def __init__(self, path):
        # The signature does not keep its model alive.
        self._model = tensorflow.saved_model.load(path)
        self._serve = self._model.signatures["serving_default"]

    def predict(self, model_input, params=None):
        """uint8 [images, height, width, channels], pixels 0 to 255 -> float32 [images, classes], probabilities."""
        images = numpy.asarray(model_input)
        if images.dtype != numpy.uint8:
            raise TypeError(f"the model takes pixels as uint8, 0 to 255, and was given {images.dtype}")
        return self._serve(images=tensorflow.constant(images))["probabilities"].numpy()


def _load_pyfunc(path):
    return RunnerModel(path)
