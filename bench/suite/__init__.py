"""The asv classes, and nothing else: what they call is imported from the installed packages of the commit measured.

asv takes every public function or method here whose name starts with time_, track_, mem_ or peakmem_ for a benchmark,
and imports this folder from the working tree, as a package of its own, against the code of older commits too. So the
files import only what is stable, and `version` is raised by hand when a benchmark comes to measure something else.
"""
