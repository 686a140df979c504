"""Readers: records to rows, tables, figures and pages. They measure nothing and import no torch."""
