"""The guard: what a transaction would do to TensorFlow, said or stopped before it happens.

``verdict`` judges and knows no conda; ``transaction`` reads what conda plans; ``hooks`` are the doors that conda opens;
``constraints`` finds what to ask of a solver for a consistent environment, by the ``strategies``; ``losses`` are
what goes without having been asked for; ``messages`` words it all.
"""
