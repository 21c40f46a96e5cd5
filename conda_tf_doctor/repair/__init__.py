"""Plans the smallest change that makes an environment or a file consistent, writes it, and carries it out."""
