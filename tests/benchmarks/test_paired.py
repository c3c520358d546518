"""Fine-tuning in pairs: what the table says of the figures."""

from benchmarks.paired import PLAIN, STORED, table


def figures(accuracy, epoch_seconds, seconds):
    return {
        "head_accuracy": 0.98,
        "accuracy": accuracy,
        "loss": 0.03,
        "epoch_seconds": epoch_seconds,
        "seconds": seconds,
    }


def read(row):
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_last_row_has_means_and_of_the_times_ratios_of_medians():
    found = {
        1: {PLAIN: figures(0.990, 10.5, 100.0), STORED: figures(0.991, 2.1, 30.0)},
        2: {PLAIN: figures(0.988, 20.5, 200.0), STORED: figures(0.990, 4.1, 40.0)},
        3: {PLAIN: figures(0.989, 40.5, 900.0), STORED: figures(0.989, 0.5, 50.0)},
    }
    header, _, *rows = map(read, table(found).splitlines())
    first, *_, last = (dict(zip(header, row, strict=True)) for row in rows)
    assert first["accuracy, stored − plain"] == "+0.0010"
    assert first["an epoch, stored / plain"] == "0.200"
    assert first["all, stored / plain"] == "0.300"
    assert last["seed"] == "all"
    assert last["accuracy, plain"] == "0.9890"
    assert last["accuracy, stored − plain"] == "+0.0010"
    assert last["s an epoch, plain"] == "20.5"
    assert last["an epoch, stored / plain"] == "0.102"
    assert last["all, stored / plain"] == "0.200"
