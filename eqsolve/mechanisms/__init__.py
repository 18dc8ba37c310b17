"""Economic mechanisms: each builds a `Game` from its parameters; none knows about solvers."""
