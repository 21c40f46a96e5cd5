"""All rules, a folder per family; the row of a code in :mod:`conda_tf_doctor.codes` says where it lives.

A rule is a pure function from a :class:`~conda_tf_doctor.context.context.Context` to findings. Modules are imported
when they run, and only those that this environment needs.
"""
