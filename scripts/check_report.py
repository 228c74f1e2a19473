"""Is every number of a run's metrics.json what scikit-learn makes of its predictions.csv? usage: check_report.py RUN_FOLDER

Prints the largest difference; exit code 1 where one is beyond 1e-9. Needs scikit-learn and numpy.
"""
import csv, json, sys, warnings
import numpy as np
from sklearn import metrics as sk

# Probabilities are written with nine digits, and sum to one with as many.
warnings.filterwarnings("ignore", message="The y_prob values do not sum to one")
folder = sys.argv[1]
rows = list(csv.DictReader(open(f"{folder}/predictions.csv", newline="")))
classes = [name.removeprefix("p_") for name in rows[0] if name.startswith("p_")]
selected = json.load(open(f"{folder}/metrics.json"))["weights"]["selected"]
worst, compared = (0.0, "nothing"), 0


def same(name, ours, theirs):
    global worst, compared
    compared += 1
    both_undefined = (ours is None or np.isnan(ours)) and np.isnan(theirs)
    difference = 0.0 if both_undefined else abs(float(ours) - float(theirs))
    worst = max(worst, (difference if not np.isnan(difference) else np.inf, name))


def check(where, split, evaluation):
    own = [row for row in rows if row["split"] == split]
    truth = np.array([int(row["class"]) for row in own])
    p = np.array([[float(row[f"p_{name}"]) for name in classes] for row in own], np.float64)
    threshold, ours = evaluation["threshold"], evaluation["metrics"]
    positive = None if threshold is None else 1 if binary_positive(ours, truth, p, threshold) else 0
    if positive is None:
        called = p.argmax(1)
    else:
        called = np.where(p[:, positive] >= threshold, positive, 1 - positive)
    numbers = {
        "accuracy": sk.accuracy_score(truth, called),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, called),
        "mcc": sk.matthews_corrcoef(truth, called),
        # scikit-learn holds float32 probabilities away from 0 by float32's epsilon.
        "log_loss": sk.log_loss(truth, np.clip(p, 2.0**-23, 1 - 2.0**-23), labels=range(len(classes))),
    }
    if positive is None:
        one_hot, options = np.eye(len(classes))[truth], dict(zero_division=0)
        numbers |= {
            "f1": sk.f1_score(truth, called, average="macro", **options),
            "f1_weighted": sk.f1_score(truth, called, average="weighted", **options),
            "precision_macro": sk.precision_score(truth, called, average="macro", **options),
            "precision_weighted": sk.precision_score(truth, called, average="weighted", **options),
            "roc_auc": sk.roc_auc_score(one_hot, p, average="macro"),
            "roc_auc_weighted": sk.roc_auc_score(one_hot, p, average="weighted"),
            "average_precision": sk.average_precision_score(one_hot, p, average="macro"),
            "average_precision_weighted": sk.average_precision_score(one_hot, p, average="weighted"),
            "brier_score": sk.brier_score_loss(truth, p, labels=range(len(classes))),
            "calibration_error": calibration_error(p.max(1), called == truth),
        }
        for index, name in enumerate(classes):
            is_class, says, scores = truth == index, called == index, p[:, index]
            theirs = {
                "precision": sk.precision_score(is_class, says, zero_division=np.nan),
                "recall": sk.recall_score(is_class, says, zero_division=np.nan),
                "specificity": sk.recall_score(~is_class, ~says, zero_division=np.nan),
                "f1": sk.f1_score(is_class, says, zero_division=np.nan),
                "roc_auc": sk.roc_auc_score(is_class, scores),
                "average_precision": sk.average_precision_score(is_class, scores),
            }
            for key, value in evaluation["againstRest"][name]["metrics"].items():
                same(f"{where} {name} against the rest: {key}", value, theirs[key])
    else:
        is_positive, scores, says = truth == positive, p[:, positive], called == positive
        numbers |= {
            "f1": sk.f1_score(is_positive, says),
            "sensitivity": sk.recall_score(is_positive, says),
            "specificity": sk.recall_score(~is_positive, ~says),
            "ppv": sk.precision_score(is_positive, says),
            "npv": sk.precision_score(~is_positive, ~says),
            "roc_auc": sk.roc_auc_score(is_positive, scores),
            "average_precision": sk.average_precision_score(is_positive, scores),
            "brier_score": sk.brier_score_loss(is_positive, scores),
            "calibration_error": calibration_error(scores, is_positive),
        }
    for name, value in numbers.items():
        if name in ours:
            same(f"{where} {name}", ours[name], value)
    for ours_row, row in zip(evaluation["confusion"], sk.confusion_matrix(truth, called, labels=range(len(classes)))):
        for a, b in zip(ours_row, row):
            same(f"{where} confusion", a, b)
    theirs = sk.classification_report(truth, called, labels=range(len(classes)), target_names=classes, output_dict=True, zero_division=0)
    ours_report = evaluation["report"]
    named = {**ours_report["classes"], "macro avg": ours_report["macro"], "weighted avg": ours_report["weighted"]}
    for name, values in named.items():
        for key, value in values.items():
            same(f"{where} report {name} {key}", value, theirs[name]["f1-score" if key == "f1" else key])
    return sorted(set(ours) - set(numbers))


def calibration_error(scores, is_right):
    """Over ten bins of equal width (Naeini et al. 2015); scikit-learn has none, so this is NumPy's."""
    bins = np.minimum(9, np.floor(scores * 10))
    return sum((bins == k).mean() * abs(scores[bins == k].mean() - is_right[bins == k].mean()) for k in np.unique(bins))


def binary_positive(ours, truth, p, threshold):
    """Which of the two is called positive: the file does not say, the sensitivity does."""
    return abs(sk.recall_score(truth == 1, p[:, 1] >= threshold, zero_division=0) - ours["sensitivity"]) < 1e-6


unchecked = set()
for split in ("validation", "test"):
    unchecked |= set(check(f"{split} at .5" if selected["chosen"] else split, split, selected[split]))
    if selected["chosen"]:
        unchecked |= set(check(f"{split} at its threshold", split, selected["chosen"][split]))
print(f"{compared} numbers compared with scikit-learn; the largest difference is {worst[0]:.3g} ({worst[1]})")
if unchecked:
    print(f"not compared: {', '.join(sorted(unchecked))}")
sys.exit(0 if worst[0] <= 1e-9 else 1)
