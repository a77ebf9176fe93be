"""Values and decisions. No I/O, no clock, no logging: everything arrives as an argument."""
