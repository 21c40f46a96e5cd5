"""Many reports, from many machines: read, judged, counted, written."""
