"""Fast siblings of the plain kernels: float32 only, vectors of explicit width, for the shapes that ``choice`` picks."""
