"""What scikit-learn says of small predictions: ties, one class only, an empty class. Made once by scikit-learn 1.9.1:

    python test/evaluation/make_fixtures.py
"""
import json, os, warnings
import numpy as np
from sklearn import metrics as m

warnings.filterwarnings("ignore")
rng = np.random.default_rng(5)


def or_none(value):
    return None if value is None or np.isnan(value) else float(value)


def attempt(function):
    try:
        return or_none(function())
    except ValueError:
        return None


def binary(name, labels, scores):
    labels, scores = np.asarray(labels), np.asarray(scores, np.float32)
    called = (scores >= np.float32(0.5)).astype(int)
    both = len(set(labels.tolist())) == 2
    return dict(name=name, classes=["benign", "malignant"], labels=labels.tolist(),
                probabilities=np.stack([np.float32(1) - scores, scores], 1).ravel().astype(float).tolist(),
                metrics=dict(
                    accuracy=m.accuracy_score(labels, called), balanced_accuracy=m.balanced_accuracy_score(labels, called),
                    f1=m.f1_score(labels, called, zero_division=np.nan), mcc=m.matthews_corrcoef(labels, called),
                    roc_auc=attempt(lambda: m.roc_auc_score(labels, scores)) if both else None,
                    average_precision=m.average_precision_score(labels, scores) if labels.any() else None,
                    brier_score=m.brier_score_loss(labels, scores.astype(float))),
                confusion=m.confusion_matrix(labels, called, labels=[0, 1]).tolist(),
                report=m.classification_report(labels, called, labels=[0, 1], target_names=["benign", "malignant"], zero_division=0))


def several(name, labels, probabilities, names):
    labels, p = np.asarray(labels), np.asarray(probabilities, np.float32)
    called = p.argmax(1)
    every = list(range(len(names)))
    return dict(name=name, classes=names, labels=labels.tolist(), probabilities=p.ravel().astype(float).tolist(),
                metrics=dict(
                    accuracy=m.accuracy_score(labels, called), balanced_accuracy=m.balanced_accuracy_score(labels, called),
                    f1=m.f1_score(labels, called, labels=every, average="macro", zero_division=0), mcc=m.matthews_corrcoef(labels, called),
                    roc_auc=np.mean([m.roc_auc_score(labels == k, p[:, k]) for k in every]) if set(labels.tolist()) == set(every) else None),
                confusion=m.confusion_matrix(labels, called, labels=every).tolist(),
                report=m.classification_report(labels, called, labels=every, target_names=names, zero_division=0))


n = 60
labels = (rng.random(n) < 0.35).astype(int)
scores = np.clip(0.35 + 0.3 * labels + 0.25 * rng.standard_normal(n), 0.01, 0.99)
p3 = rng.dirichlet([1, 1, 1], 40)
names = ["normal", "in situ", "invasive carcinoma"]
cases = [
    binary("a usual case", labels, scores),
    binary("many ties", labels, np.round(scores, 1)),
    binary("one class only", np.zeros(10, int), scores[:10]),
    binary("positives only", np.ones(8, int), scores[:8]),
    binary("a perfect ranking", [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
    binary("all scores equal", [0, 1, 0, 1, 1], [0.5] * 5),
    several("three classes", rng.integers(0, 3, 40), p3, names),
    several("a class without images", rng.integers(0, 2, 40), p3, names),
]
for case in cases:
    case["metrics"] = {key: or_none(value) for key, value in case["metrics"].items()}
with open(os.path.join(os.path.dirname(__file__), "sklearn.json"), "w") as file:
    json.dump(dict(madeBy="scikit-learn 1.9.1", cases=cases), file)
    file.write("\n")
