"""What an operator sees of a set of release 0.1 in the Temporal web UI."""

from workflows.release_0_1.state import ScaleSetState


def scale_set_details(state: ScaleSetState) -> str:
    """Markdown: what holds the set's lock, and what comes next."""
    lines = [f"Automatic upgrades **{'on' if state.automatic else 'off'}**."]
    if state.running:
        lines.append(f"Upgrade {state.running.number} to {state.running.target} runs: `{state.running.workflow_id}`.")
    if state.actions:
        lines.append(f"Asked of instances: {', '.join(one.kind for one in state.actions)}.")
    if state.waiting_operations:
        lines.append("A changed model waits for its turn.")
    if state.automatic and state.first_trigger_at and not state.first_trigger_done:
        lines.append(f"First upgrade not before {state.first_trigger_at.isoformat(timespec='seconds')}.")
    if state.automatic and state.first_trigger_done and state.next_look_at and not state.running:
        lines.append(f"Next look at {state.next_look_at.isoformat(timespec='seconds')}.")
    if state.last_look:
        lines.append(f"Last look: {state.last_look}.")
    lines += [
        f"Quarantined: {one.version} since upgrade {one.number}: {one.reason}." for one in state.quarantine.versions
    ]
    return "\n\n".join(lines)
