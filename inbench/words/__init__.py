"""Words: what everything else is said in: plugin kinds, parameters, budgets, records, errors."""
