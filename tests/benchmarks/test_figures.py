from __future__ import annotations

from benchmarks.figures import Figure, markdown

FIGURE = Figure("build", "by hand", ((0.12, 0.1), (2.2, 2.0), (0.4, 0.1), (0.11, 0.1)), 1.2)


def test_the_ratio_is_the_median_of_pairs_so_that_a_slow_round_counts_once() -> None:
    assert (round(FIGURE.ratio, 2), [round(ratio, 2) for ratio in FIGURE.spread]) == (1.15, [1.1, 1.2])
    assert FIGURE.reached
    assert not Figure("build", "by hand", ((0.13, 0.1),), 1.2).reached


def test_results_are_a_table_of_medians_and_ratios() -> None:
    assert markdown("Building", [FIGURE]) == (
        "# Building\n\n"
        "| measured | against | ours, ms | rival, ms | ratio | middle half | aim | reached |\n"
        "|---|---|---|---|---|---|---|---|\n"
        "| build | by hand | 260 | 100 | 1.15 | 1.10 to 1.20 | 1.20 | yes |\n"
    )
