"""A run to look at: one HTML file with its film, its ids over time, its speeds, its scores and their worst moments."""
