//! Pure functions of numbers: medians, intervals, slopes.
