"""What a proof found as Markdown. Whatever is missing from it says so in its place."""

import statistics

BANNER = "**A rehearsal on a CPU: these numbers say nothing about a GPU.**"


def aligned(header, rows):
    """A Markdown table whose columns are as wide as their widest cell, as Prettier writes it."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def digits(value):
    """Three digits that count."""
    if value == 0:
        return "0"
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{places}f}" if abs(value) >= 0.01 else f"{value:.1e}"


def spread(found):
    return f"{digits(found['median'])} ({digits(found['min'])} to {digits(found['max'])})"


def mebibytes(count):
    return f"{count / 2**20:,.0f} MiB"


def provenance(proof):
    about = proof.get("machine") or {}
    card = about.get("card") or {}
    device = card.get("name") or ("a CPU" if proof["is_rehearsal"] else "an unknown card")
    parts = [proof["date"][:10], f"commit {proof.get('commit', 'unknown')}", device]
    parts += [f"driver {card['driver_version']}"] if "driver_version" in card else []
    parts += [word for word in (about.get("plugin_version"), about.get("torch"), f"{about.get('cores')} cores") if word]
    return ", ".join(parts) + f"; {proof.get('seconds', 0):.0f} s in all."


def steps(proof):
    rows = [(each["name"], each["status"], f"{each['seconds']:.1f}", each.get("words", "").replace("|", "/")[:120]) for each in proof["steps"]]
    return aligned(["step", "how it went", "seconds", "in its own words"], rows)


def verdict(found):
    if "error" in found:
        return f"could not be asked: {found['error']}"[:120]
    if "isRight" not in found:
        return "was not asked"
    return "yes" if found.get("isRight") else "**NO**"


def right(proof):
    found = proof.get("right")
    if not found:
        return "Nothing was compared."
    rows = []
    words = found.get("words", {})
    if "words" in words:
        told = f"{words['wrongWords']} of {words['words']:,} words and {words['wrongValues']} of {words['values']:,} values differ, {words['seeds']} seeds"
    else:
        told = ""
    rows.append(("dropout draws TensorFlow's words", verdict(words), told))
    for precision in ("float32", "tf32", "bfloat16"):
        step = found.get(f"step_{precision}", {})
        near = step.get("nearest")
        told = (
            f"nearest of {len(step['steps'])} steps: worst variable {digits(near['worst'])} ({near['worstVariable']}), update {digits(near['update'])}, "
            f"loss {digits(near['loss'])}; medians: update {digits(step['medianUpdate'])}, loss {digits(step['medianLoss'])}"
            if near
            else ""
        )
        judged = "told, not judged" if near and precision != "float32" else verdict(step)
        rows.append((f"a step in {precision} is the CPU engine's", judged, told))
    processes = found.get("processes", {})
    told = f"{processes['epochs']} epochs, {processes['steps']} steps" if "epochs" in processes else ""
    for name, question in (("twoProcesses", "two processes give the same bits"), ("killedAndResumed", "killed and resumed gives the same bits")):
        judged = ("yes" if processes[name] else "**NO**") if name in processes else verdict(processes)
        rows.append((question, judged, told))
    apart = found.get("apart", {})
    judged = ("yes" if apart["isSame"] else "no") if "isSame" in apart else verdict(apart)
    rows.append(("a process that compiles for itself gives them too", judged, "told, not judged" if "isSame" in apart else ""))
    return aligned(["", "", "relative differences of norms, or what was counted"], rows)


# A name for each of our ways, and those of step_torch.py in its order.
OURS = {"single": "runner, a step a call", "looped": "runner, calls as the engine makes them"}


def variants_of(proof):
    """{(batch, precision): {way's words: variant}}, ours first."""
    fast = proof.get("fast") or {}
    found = {}
    for each in (fast.get("runner") or {}).get("variants", []):
        words = OURS[each["way"]] + (f" ({each['perCall']} steps)" if each["way"] == "looped" else "")
        found.setdefault((each["batch"], each["precision"]), {})[words] = each
    for each in fast.get("torch", []):
        found.setdefault((each["batch"], each["precision"]), {})[f"PyTorch: {each['what']}"] = each
    return found


def median_of(variant):
    return (variant.get("ms") or {}).get("median")


def cell(variant):
    if variant is None:
        return "was not asked"
    if median_of(variant) is not None:
        return spread(variant["ms"])
    return str(variant.get("error") or "was not timed").replace("|", "/")[:80]


def fast_tables(proof):
    found = variants_of(proof)
    if not found:
        return "Nothing was timed."
    batches = sorted({batch for batch, _ in found})
    precisions = [each for each in ("float32", "tf32", "bfloat16") if any(own == each for _, own in found)]
    parts = []
    for batch in batches:
        names = list(dict.fromkeys(name for precision in precisions for name in found.get((batch, precision), {})))
        rows = [(name, *(cell(found.get((batch, precision), {}).get(name)) for precision in precisions)) for name in names]
        parts.append(aligned([f"ms a step at batch {batch}, median (range)", *precisions], rows))
    return "\n\n".join(parts)


def best(variants, ours):
    own = [(median_of(each), name) for name, each in variants.items() if name.startswith("runner") == ours and median_of(each) is not None]
    return min(own) if own else None


def copy_rate(proof):
    return ((proof.get("copy") or {}).get("device") or {}).get("median")


def ceilings(proof):
    """Ours beside PyTorch's best, and beside the time in which the card copies what the step moves."""
    found, rate, rows = variants_of(proof), copy_rate(proof), []
    counted = proof.get("step_bytes") or {}
    for (batch, precision), variants in sorted(found.items(), key=lambda item: (item[0][0], ("float32", "tf32", "bfloat16").index(item[0][1]))):
        own, peer = best(variants, True), best(variants, False)
        moved = (counted.get(f"{batch}-{precision}") or {}).get("bytesAccessed")
        floor = moved / rate / 1e6 if moved and rate else None
        rows.append(
            (
                batch,
                precision,
                digits(own[0]) if own else "",
                f"{digits(peer[0])}, {peer[1].removeprefix('PyTorch: ')}" if peer else "",
                f"{peer[0] / own[0]:.2f}x" if own and peer else "",
                f"{moved / 1e9:.2f}" if moved else "",
                f"{digits(floor)}" if floor else "",
                f"{floor / own[0] * 100:.0f} %" if floor and own else "",
            )
        )
    header = ["batch", "precision", "runner, ms", "PyTorch's fastest, ms", "runner is faster by", "GB a step", "ms to copy that", "of the copy rate"]
    return aligned(header, rows) if rows else ""


def copies(proof):
    found = proof.get("copy")
    if not found:
        return "The copy rate was not measured."
    names = {
        "device": "on the device, a large block",
        "device_32_MiB": "on the device, 32 MiB",
        "device_8_MiB": "on the device, 8 MiB",
        "host_to_device_pinned": "from pinned memory of the host",
        "host_to_device": "from ordinary memory of the host",
    }
    rows = [(words, spread(found[name])) for name, words in names.items() if name in found]
    return aligned(["copies, GB/s of bytes read and written (from the host: read)", "median (range)"], rows)


def mean_and_deviation(values):
    if not values:
        return ""
    return f"{statistics.mean(values):.4f}" + (f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else "")


def baseline(proof):
    found = proof.get("baseline")
    if not found or not found.get("seeds"):
        return "The baseline was not trained."
    cpu = {each["seed"]: each for each in proof.get("cpu") or []}
    # Other epochs are another training.
    epochs = found["epochs"]
    cpu = {seed: each for seed, each in cpu.items() if len(each["seconds"]) == epochs}
    rows = []

    def row(name, each):
        test = each["test"]
        last = test["last"]
        rows.append((name, f"{test['selected']['roc_auc']:.4f}", f"{last['roc_auc']:.4f}", f"{last['balanced_accuracy']:.4f}", digits(sum(each["seconds"]))))

    for each in found["seeds"]:
        row(f"this device, seed {each['seed']}", each)
        if each["seed"] in cpu:
            row(f"the CPU, seed {each['seed']}", cpu[each["seed"]])
    for name, own in (("this device, mean ± sd", found["seeds"]), ("the CPU, mean ± sd", list(cpu.values()))):
        if len(own) > 1:
            metric = lambda which, key, own=own: mean_and_deviation([each["test"][which][key] for each in own])
            rows.append((name, metric("selected", "roc_auc"), metric("last", "roc_auc"), metric("last", "balanced_accuracy"), digits(statistics.mean(sum(each["seconds"]) for each in own))))
    about = proof.get("unpack") or {}
    text = f"{found['images']:,} real patches to train, {epochs} epochs; {about.get('images', 0):,} patches of {about.get('patients', 0)} patients in all."
    header = ["test set", "AUC, selected weights", "AUC, last weights", "balanced accuracy, last", "seconds of all epochs"]
    return f"{text}\n\n{aligned(header, rows)}"


def memory_and_start(proof):
    rows = []
    fast = (proof.get("fast") or {}).get("runner") or {}
    for each in fast.get("variants", []):
        own = each.get("memory")
        if own and each["way"] == "looped":
            total = own["arguments"] + own["outputs"] - own["aliased"] + own["temporaries"]
            rows.append((f"batch {each['batch']}, {each['precision']}: a program's arguments, results and temporaries", mebibytes(total)))
    for each in (proof.get("fast") or {}).get("torch", []):
        if each.get("peak_bytes") and each["way"] in ("graph", "graph-compile"):
            rows.append((f"batch {each['batch']}, {each['precision']}: PyTorch's peak, {each['what']}", mebibytes(each["peak_bytes"])))
    for each in (proof.get("baseline") or {}).get("seeds", [])[:1]:
        rows.append(("the baseline's process, as the driver has it", mebibytes(each["cardMemory"]) if each.get("cardMemory") else "the driver does not say"))
        rows.append(("the baseline's process, of the host's memory", mebibytes(each["peakMemoryBytes"])))
    start = proof.get("start")
    if start:
        rows.append(("engine ready, s", spread(start["engineReady"])))
        rows.append(("end of the first epoch, of two steps, programs compiled before, s", spread(start["firstEpoch"])))
    return aligned(["memory, and the time to begin", ""], rows) if rows else "Neither memory nor start-up was measured."


def lost(proof):
    """Processes that did not come to the end, in their own words."""
    found = proof.get("fast") or {}
    errors = {**found.get("torch_errors", {}), "runner": (found.get("runner") or {}).get("error")}
    return "\n".join(f"- {name}: {words[:300]}" for name, words in errors.items() if words)


def fast(proof):
    how = (proof.get("fast") or {}).get("how", "")
    return "\n\n".join(part for part in (how[:1].upper() + how[1:] + "." if how else "", fast_tables(proof), lost(proof), ceilings(proof), copies(proof)) if part)


def told(section, proof):
    """A section; one that stumbles over what was found says so, and the others are still told."""
    try:
        return section(proof)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return f"{section.__name__.replace('_', ' ')}: what was found cannot be told ({type(error).__name__}: {error})"


def markdown(proof):
    banner = [BANNER] if proof["is_rehearsal"] else []
    return "\n\n".join([*banner, *(told(each, proof) for each in (provenance, steps, right, fast, baseline, memory_and_start))]) + "\n"
