"""Sequential play: stages whose equilibria are functions of what was decided before them."""
