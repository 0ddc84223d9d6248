"""Which trial is shown how: pair graphs, orders, labels and wordings."""
