"""Makes altered copies of pictures and clips, in which faces and number plates are covered. A separate
process decodes the file, finds the areas and covers them; threads of the console start it. ``cases`` decides
who may see a copy."""
