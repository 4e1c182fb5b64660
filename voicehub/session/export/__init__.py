"""A session's transcript in the formats that others read."""
