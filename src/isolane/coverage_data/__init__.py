"""Coverage data of workers, subprocesses, sessions and machines, made into one."""
