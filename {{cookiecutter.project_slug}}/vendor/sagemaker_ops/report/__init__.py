"""The report on a model, and what other pages share with it: one HTML file that requests nothing."""
