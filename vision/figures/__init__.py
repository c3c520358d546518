"""Contact sheets for people. Whoever imports this draws as matplotlib does by itself."""

import matplotlib as mpl

mpl.rcdefaults()  # whatever the user's own matplotlibrc says
mpl.use("agg")
