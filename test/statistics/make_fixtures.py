"""What SciPy, statsmodels and scikit-learn say of small cases. Made once with SciPy 1.17.1, statsmodels 0.15.0 and scikit-learn:

    python test/statistics/make_fixtures.py

Clustered DeLong has no Python implementation to ask: its reference is written here from Obuchowski (1997), pair by pair over all positives
and negatives, which is slow, and shares no code and no way of counting with ours.
"""
import json, os
import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(11)


def patients(count, images, digits):
    """Scores of two models with patient effects; ties where digits are few; some patients have one class only."""
    group = np.repeat(np.arange(count), rng.integers(max(1, images - 3), images + 4, count))
    labels = (rng.random(len(group)) < rng.beta(1, 1.5, count)[group]).astype(int)
    shared = rng.normal(0, 0.8, count)[group] + 1.2 * labels
    def scores():
        return np.round(1 / (1 + np.exp(-(shared + rng.normal(0, 0.5, count)[group] + rng.normal(0, 1, len(group))))), digits)
    return group, labels, scores(), scores()


def clustered_delong(group, labels, first, second):
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    m, n = len(positives), len(negatives)
    kernels = [(s[positives][:, None] > s[negatives][None, :]) + 0.5 * (s[positives][:, None] == s[negatives][None, :]) for s in (first, second)]
    auc = [k.mean() for k in kernels]
    covariance = np.zeros((2, 2))
    of_positives, of_negatives, every = np.unique(group[positives]), np.unique(group[negatives]), np.unique(group)
    def v10(k, g):
        mine = group[positives] == g
        return (k.mean(1)[mine]).sum(), mine.sum()
    def v01(k, g):
        mine = group[negatives] == g
        return (k.mean(0)[mine]).sum(), mine.sum()
    for a in range(2):
        for b in range(2):
            s10 = sum((v10(kernels[a], g)[0] - v10(kernels[a], g)[1] * auc[a]) * (v10(kernels[b], g)[0] - v10(kernels[b], g)[1] * auc[b])
                      for g in of_positives) * len(of_positives) / ((len(of_positives) - 1) * m)
            s01 = sum((v01(kernels[a], g)[0] - v01(kernels[a], g)[1] * auc[a]) * (v01(kernels[b], g)[0] - v01(kernels[b], g)[1] * auc[b])
                      for g in of_negatives) * len(of_negatives) / ((len(of_negatives) - 1) * n)
            s11 = [sum((v10(kernels[x], g)[0] - v10(kernels[x], g)[1] * auc[x]) * (v01(kernels[y], g)[0] - v01(kernels[y], g)[1] * auc[y])
                       for g in every) * len(every) / (len(every) - 1) for x, y in ((a, b), (b, a))]
            covariance[a, b] = s10 / m + s01 / n + sum(s11) / (m * n)
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    return dict(difference=auc[0] - auc[1], standardError=error, p=2 * stats.norm.sf(abs((auc[0] - auc[1]) / error)))


def case(name, count, images, digits):
    group, labels, first, second = patients(count, images, digits)
    weights = rng.integers(0, 4, count)
    called = [(s >= 0.7).astype(int) for s in (first, second)]
    right = [c == labels for c in called]
    table = [[int((right[0] & right[1]).sum()), int((right[0] & ~right[1]).sum())], [int((~right[0] & right[1]).sum()), int((~right[0] & ~right[1]).sum())]]
    result = dict(name=name, patients=count, group=group, labels=labels, first=first, second=second, weights=weights,
                  weightedAuc=roc_auc_score(labels, first, sample_weight=weights[group]),
                  mcnemar=mcnemar(table, exact=True).pvalue, delong=clustered_delong(group, labels, first, second))
    # Whole patients exchanged, every way: SciPy exchanges the paired samples that it is given, which are the patients' counts of hits.
    if count <= 10:
        hits = [np.bincount(group, r.astype(float), count) for r in right]
        test = stats.permutation_test(hits, lambda a, b: a.sum() - b.sum(), permutation_type="samples", n_resamples=np.inf, vectorized=False)
        result["permutation"] = test.pvalue
    def auc_of(index):
        rows = np.concatenate([np.flatnonzero(group == g) for g in index])
        return roc_auc_score(labels[rows], first[rows]) - roc_auc_score(labels[rows], second[rows])
    if count >= 30:
        result["bootstrap"] = stats.bootstrap((np.arange(count),), auc_of, n_resamples=4000, vectorized=False, method="percentile", rng=3).standard_error
    return result


def welch(a, b):
    test = stats.ttest_ind(a, b, equal_var=False)
    interval = test.confidence_interval(0.95)
    return dict(a=a, b=b, p=test.pvalue, df=test.df, low=interval.low, high=interval.high)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


families = [[0.01, 0.04, 0.03], [0.2], [0.9, 0.001, 0.013, 0.013, 0.5], [0.6, 0.7, 0.8]]
fixtures = dict(
    holm=[dict(values=v, adjusted=multipletests(v, method="holm")[1]) for v in families],
    welch=[welch(rng.normal(0.9, 0.01, 5), rng.normal(0.91, 0.02, 5)), welch(rng.normal(0, 1, 7), rng.normal(2, 0.2, 4))],
    detectable=[dict(df=df, alpha=alpha, power=0.8, effect=stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(0.8, df)) for df, alpha in ((7.3, 0.05), (40, 0.005))],
    cases=[case("a few patients, many ties", 8, 9, 1), case("ten patients", 10, 20, 3), case("one image a patient", 60, 4, 6), case("forty patients", 40, 12, 3)],
)
# One image a patient is the test of DeLong, DeLong and Clarke-Pearson.
single = fixtures["cases"][2]
keep = np.unique(single["group"], return_index=True)[1]
for key in ("labels", "first", "second"):
    single[key] = single[key][keep]
single["group"] = np.arange(len(keep))
right = [(s >= 0.7) == (single["labels"] == 1) for s in (single["first"], single["second"])]
single["mcnemar"] = stats.binomtest(int((right[0] & ~right[1]).sum()), int((right[0] ^ right[1]).sum())).pvalue
single["weightedAuc"] = roc_auc_score(single["labels"], single["first"], sample_weight=single["weights"][: len(keep)])
single["delong"] = clustered_delong(single["group"], single["labels"], single["first"], single["second"])
del single["bootstrap"]

with open(os.path.join(os.path.dirname(__file__), "reference.json"), "w") as file:
    json.dump(plain(fixtures), file)
    file.write("\n")
