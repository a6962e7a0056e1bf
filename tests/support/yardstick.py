"""Loads repositories as a client's solver has them, from .solv files, and looks at every requirement.

Arguments: folders with primary.solv. Prints seconds of loading and looking.
"""
import sys
import time

import solv

begun = time.perf_counter()
pool = solv.Pool()
pool.setdisttype(solv.Pool.DISTTYPE_RPM)
for number, folder in enumerate(sys.argv[1:]):
    repo = pool.add_repo("r%d" % number)
    repo.add_solv(solv.xfopen(folder + "/primary.solv"))
pool.addfileprovides()
pool.createwhatprovides()
unmet = 0
for package in pool.solvables_iter():
    for requirement in package.lookup_deparray(solv.SOLVABLE_REQUIRES):
        if not pool.whatprovides(requirement):
            unmet += 1
print("%.3f %d" % (time.perf_counter() - begun, unmet))
