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


def log_loss(labels, p, every):
    """Held away from 0 by the epsilon of float32, as scikit-learn does of float32, but summed in double precision."""
    epsilon = 2.0**-23
    return m.log_loss(labels, np.clip(p.astype(float), epsilon, 1 - epsilon), labels=every)


def calibration_error(scores, is_right):
    """Expected calibration error over ten bins of equal width (Naeini et al. 2015), which scikit-learn has not."""
    scores, bins = np.asarray(scores, float), np.minimum(9, np.floor(np.asarray(scores, float) * 10))
    return sum((bins == k).mean() * abs(scores[bins == k].mean() - is_right[bins == k].mean()) for k in range(10) if (bins == k).any())


def operating_points(labels, scores, wishes):
    """For each wished specificity the highest sensitivity of roc_curve, and the scores between which its threshold lies."""
    fpr, tpr, thresholds = m.roc_curve(labels, scores, drop_intermediate=False)
    negatives = (labels == 0).sum()
    points = []
    for wish in wishes:
        allowed = (negatives - np.round(fpr * negatives)) / negatives >= wish
        best = np.flatnonzero(allowed & (tpr == tpr[allowed].max()))[0]
        points.append(dict(wish=wish, sensitivity=float(tpr[best]), specificity=float(1 - fpr[best]),
                           atMost=None if np.isinf(thresholds[best]) else float(thresholds[best]),
                           above=float(thresholds[best + 1]) if best + 1 < len(thresholds) else None))
    youden = (tpr - fpr).max()
    return dict(scores=np.asarray(scores).astype(float).tolist(), labels=labels.tolist(), points=points, youden=float(youden))


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
                    brier_score=m.brier_score_loss(labels, scores.astype(float)),
                    sensitivity=m.recall_score(labels, called, zero_division=np.nan), specificity=m.recall_score(1 - labels, 1 - called, zero_division=np.nan),
                    ppv=m.precision_score(labels, called, zero_division=np.nan), npv=m.precision_score(1 - labels, 1 - called, zero_division=np.nan),
                    log_loss=log_loss(labels, np.stack([np.float32(1) - scores, scores], 1), [0, 1]),
                    calibration_error=calibration_error(scores, labels == 1)),
                confusion=m.confusion_matrix(labels, called, labels=[0, 1]).tolist(),
                report=m.classification_report(labels, called, labels=[0, 1], target_names=["benign", "malignant"], zero_division=0))


def several(name, labels, probabilities, names):
    labels, p = np.asarray(labels), np.asarray(probabilities, np.float32)
    called = p.argmax(1)
    every = list(range(len(names)))
    all_there = set(labels.tolist()) == set(every)
    options = dict(labels=every, zero_division=0)
    one = lambda k: (labels == k, called == k, p[:, k])
    against_rest = {name: {key: or_none(attempt(value)) for key, value in dict(
        precision=lambda: m.precision_score(is_k, says, zero_division=np.nan), recall=lambda: m.recall_score(is_k, says, zero_division=np.nan),
        specificity=lambda: m.recall_score(~is_k, ~says, zero_division=np.nan), f1=lambda: m.f1_score(is_k, says, zero_division=np.nan),
        roc_auc=lambda: m.roc_auc_score(is_k, scores), average_precision=lambda: m.average_precision_score(is_k, scores) if is_k.any() else None,
    ).items()} for name, (is_k, says, scores) in zip(names, map(one, every))}
    return dict(name=name, classes=names, labels=labels.tolist(), probabilities=p.ravel().astype(float).tolist(),
                metrics=dict(
                    accuracy=m.accuracy_score(labels, called), balanced_accuracy=m.balanced_accuracy_score(labels, called),
                    f1=m.f1_score(labels, called, average="macro", **options), f1_weighted=m.f1_score(labels, called, average="weighted", **options),
                    precision_macro=m.precision_score(labels, called, average="macro", **options),
                    precision_weighted=m.precision_score(labels, called, average="weighted", **options), mcc=m.matthews_corrcoef(labels, called),
                    roc_auc=m.roc_auc_score(labels, p / p.sum(1, keepdims=True), multi_class="ovr", average="macro") if all_there else None,
                    roc_auc_weighted=m.roc_auc_score(labels, p / p.sum(1, keepdims=True), multi_class="ovr", average="weighted") if all_there else None,
                    average_precision=m.average_precision_score(np.eye(len(names))[labels], p, average="macro") if all_there else None,
                    average_precision_weighted=m.average_precision_score(np.eye(len(names))[labels], p, average="weighted") if all_there else None,
                    log_loss=log_loss(labels, p, every),
                    brier_score=m.brier_score_loss(labels, p.astype(float), labels=every),
                    calibration_error=calibration_error(p.max(1), called == labels)),
                againstRest=against_rest,
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
wishes = [0.5, 0.8, 0.9, 0.95, 1.0]
points = [operating_points(labels, scores, wishes), operating_points(labels, np.round(scores, 1), wishes),
          operating_points(np.array([0, 1, 1, 0, 1]), np.array([0.9, 0.8, 0.7, 0.6, 0.2]), wishes)]
with open(os.path.join(os.path.dirname(__file__), "sklearn.json"), "w") as file:
    json.dump(dict(madeBy="scikit-learn 1.9.1", cases=cases, operatingPoints=points), file)
    file.write("\n")
