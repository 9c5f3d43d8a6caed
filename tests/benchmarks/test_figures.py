from __future__ import annotations

from benchmarks.figures import Figure, markdown

FIGURE = Figure("build", "by hand", ((0.12, 0.1), (2.2, 2.0), (0.4, 0.1), (0.11, 0.1)), 1.2)


def test_the_ratio_is_the_median_of_pairs_so_that_a_slow_round_counts_once() -> None:
    assert FIGURE.ratio is not None
    assert FIGURE.spread is not None
    assert (round(FIGURE.ratio, 2), [round(ratio, 2) for ratio in FIGURE.spread]) == (1.15, [1.1, 1.2])
    assert FIGURE.reached
    assert not Figure("build", "by hand", ((0.13, 0.1),), 1.2).reached


def test_what_has_no_rival_or_no_aim_is_shown_without() -> None:
    alone = Figure("memory", "", ((2e6,), (4e6,)), unit="MB")
    assert (alone.ratio, alone.spread, alone.reached) == (None, None, None)
    assert Figure("slots", "by hand", ((0.0, 0.0),), unit="").ratio is None
    assert alone.as_json()["medians"] == (3e6,)


def test_results_are_a_table_of_medians_and_ratios() -> None:
    slots = Figure("slots", "by hand", ((3.0, 6.0),), unit="")
    memory = Figure("memory", "", ((2e6,),), unit="MB")
    assert markdown("Building", "2 cores.", [FIGURE, slots, memory]) == (
        "# Building\n\n"
        "2 cores.\n\n"
        "| measured | against | ours | rival | ratio | middle half | aim | reached |\n"
        "|---|---|---|---|---|---|---|---|\n"
        "| build | by hand | 260 ms | 100 ms | 1.15 | 1.10 to 1.20 | 1.20 | yes |\n"
        "| slots | by hand | 3.0 | 6.0 | 0.50 | 0.50 to 0.50 | - | - |\n"
        "| memory | - | 2 MB | - | - | - | - | - |\n"
    )
