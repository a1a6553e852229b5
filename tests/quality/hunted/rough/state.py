stuck = False
