"""How close two answers must be: one table for all tests."""

COUNT_RELATIVE = 1e-3  # a count beside the same count by another path: tiled, padded, another engine
DENSITY_ABSOLUTE = 1e-4  # people per cell, one engine beside another in fp32
TILED_RELATIVE = 1e-5  # a count in tiles, or in a batch, beside the same count whole, on one engine
EXACT = 1e-6  # relative, for the same arithmetic in another order
INT8_RELATIVE = 0.05  # an INT8 count of drawn crowds beside the fp32 count, on a small calibration
PUBLISHED_RELATIVE = 0.01  # a network's size beside the rounded figure in its paper
LITERAL_RELATIVE = 1e-6  # a loss beside its formulas, term by term in double precision
CROP_PIXELS = 0.25  # a head's place in a training crop beside its point
EMPTY_PEOPLE = 1.0  # in a photo without anybody
SAMPLE_RELATIVE = 0.35  # the shipped model's count of a drawn sample photo beside its true count
ZONES_RELATIVE = 1e-9  # the sum of zones that tile a frame beside the whole count
INT8_CELL = 0.06  # people per cell of the tiny model, its INT8 beside fp32: rounding, and what lies beyond its range
