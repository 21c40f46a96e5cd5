"""What development of conda-tf-doctor needs and its users do not: a conda made from the index, a channel, a demo."""
