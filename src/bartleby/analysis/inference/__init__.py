"""Intervals, covariances and resampling: functions of numbers and arrays that know no tables of trials."""
