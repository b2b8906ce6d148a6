"""Network parts that plugins share."""
