import numpy as np

from eqsolve.mechanisms._pay import own_entry


def test_each_player_is_paid_the_own_entry():
    players = ("a", "b", "c")
    pay = own_entry("profit", players)
    assert list(pay) == list(players)
    profit = np.array([2.0, 3.0, 5.0])
    assert [float(pay[player]["profit"] @ profit) for player in players] == [2.0, 3.0, 5.0]
