"""Acts: training, scoring, and the contract that plugins are put to."""
