import state

state.imported.append("patched")
