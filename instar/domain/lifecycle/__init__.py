"""The life of one scale set as a state machine: what it knows, what may be asked of it, what it does next (P15, F10).

`state` is all that a set knows. `requests` says what becomes of it when somebody asks for something: at once, without a
look at any machine. `next_step` says what the set does next; `steps` are all that there is to do. `results` says what
becomes of it when a step has come to an end. `phases` names the phases of a set's life and which may follow which.

Nothing here waits or acts: `workflows.sets.scale_set` does.
"""
