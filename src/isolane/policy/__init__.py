"""Policies: rules over a run, as data and sandboxed Lua."""
