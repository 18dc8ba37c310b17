import numpy as np

from eqsolve.study import draw


def test_the_figure_shows_what_the_study_describes(results, duopoly):
    drawing = draw(duopoly.tables.figure, results)
    curves, colours = drawing.axes[:2]
    assert [axes.get_title(loc="left") for axes in (curves, colours)] == ["Quantity sold", "Profit given away"]
    expected = results["left"].sel(plan="first best").sel({"cost[1]": 2.0})
    np.testing.assert_array_equal(curves.get_lines()[3].get_ydata(), expected)
    names = [text.get_text() for text in curves.get_legend().get_texts()]
    assert names == ["0.5", "2", "alone", "together", "between"]
    assert curves.get_xlabel() == "Largest price (euro)"
    np.testing.assert_array_equal(
        np.ma.asarray(colours.collections[0].get_array()), results["relative efficiency loss"].T
    )


def test_points_without_certificate_are_mentioned_under_the_figure(results, duopoly):
    data = results.copy(deep=True)
    data["certified"][1, 0, 0] = 0
    notes = [text.get_text() for text in draw(duopoly.tables.figure, data).texts]
    assert any("1 of 6 points are shown although they have no certificate" in note for note in notes)
    assert not any("certificate" in text.get_text() for text in draw(duopoly.tables.figure, results).texts)
