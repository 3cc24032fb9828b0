"""The cost of the filter: loads through real Envoys, with and without it. See docs/performance.md."""
