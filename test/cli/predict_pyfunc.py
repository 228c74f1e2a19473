"""Predicts with a logged model as its users do. usage: predict_pyfunc.py MODEL PIXELS HEIGHT WIDTH CHANNELS -> one line of JSON"""
import json, sys
import mlflow, numpy

model, pixels, *shape = sys.argv[1:]
images = numpy.fromfile(pixels, dtype=numpy.uint8).reshape([-1, *map(int, shape)])
print(json.dumps(mlflow.pyfunc.load_model(model).predict(images).tolist()))
