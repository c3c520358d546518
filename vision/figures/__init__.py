"""Contact sheets. Importing this resets matplotlib to its own defaults."""

import matplotlib as mpl

mpl.rcdefaults()  # whatever the user's own matplotlibrc says
mpl.use("agg")
