"""Error texts and rule pages: from what a user saw to the causes, in the order of their likelihood."""
